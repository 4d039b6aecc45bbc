//! Takes our own credential out of what a server says. Some echo what they were sent, and what a contract holds is shown and stored.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};
use shared::{capability::Capability, contract::Contract};
use zeroize::Zeroizing;

const PLACE_HOLDER: &str = "[credential]";

/// A credential this short is also a syllable; taking it out of texts would garble them and, by the gaps, tell what it is.
const SHORTEST: usize = 8;

/// Removes the texts of a credential, as they are and in their usual encodings, from every text of a contract.
pub(crate) fn contract(contract: &mut Contract, secrets: &[Zeroizing<String>]) {
    let needles = needles(secrets);
    let text = |text: &mut String| take_out(text, &needles);
    if let Some(info) = &mut contract.server_info {
        text(&mut info.name);
        text(&mut info.version);
        info.title.iter_mut().for_each(text);
    }
    contract.instructions.iter_mut().for_each(text);
    for tool in &mut contract.tools {
        text(&mut tool.name);
        tool.title.iter_mut().for_each(text);
        tool.description.iter_mut().for_each(text);
        value(&mut tool.input_schema, &text);
        if let Some(annotations) = &mut tool.annotations {
            value(annotations, &text);
        }
    }
}

/// The same for what a server offers besides tools.
pub(crate) fn capabilities<'a>(
    of: impl Iterator<Item = &'a mut Capability>,
    secrets: &[Zeroizing<String>],
) {
    let needles = needles(secrets);
    let text = |text: &mut String| take_out(text, &needles);
    for capability in of {
        text(&mut capability.name);
        let mut members = Value::Object(std::mem::take(&mut capability.members));
        value(&mut members, &text);
        if let Value::Object(members) = members {
            capability.members = members;
        }
    }
}

fn take_out(text: &mut String, needles: &[String]) {
    for needle in needles {
        if text.contains(needle) {
            *text = text.replace(needle, PLACE_HOLDER);
        }
    }
}

/// The texts to take out, as they are and in their usual encodings.
fn needles(secrets: &[Zeroizing<String>]) -> Vec<String> {
    let mut needles: Vec<String> = secrets
        .iter()
        .map(|secret| secret.as_str())
        .filter(|secret| secret.len() >= SHORTEST)
        .flat_map(|secret| {
            [
                secret.to_owned(),
                STANDARD.encode(secret),
                STANDARD_NO_PAD.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
                url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            ]
        })
        .collect();
    // The longest first, so that none is cut by a shorter one that is part of it.
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    needles.dedup();
    needles
}

fn value(of: &mut Value, text: &impl Fn(&mut String)) {
    match of {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter_mut().for_each(|item| value(item, text)),
        Value::Object(members) => {
            let taken: Map<_, _> = std::mem::take(members)
                .into_iter()
                .map(|(mut name, mut member)| {
                    text(&mut name);
                    value(&mut member, text);
                    (name, member)
                })
                .collect();
            *members = taken;
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::contract::{ServerInfo, Tool};

    use super::*;

    #[test]
    fn no_text_keeps_the_credential() {
        let token = "s3cr3t/with+signs==";
        let encoded = STANDARD.encode(token);
        let mut echoed = Contract {
            protocol_version: "2026-07-28".to_owned(),
            server_info: Some(ServerInfo {
                name: format!("for {token}"),
                version: token.to_owned(),
                title: Some(encoded.clone()),
            }),
            instructions: Some(format!(
                "Bearer {token}, {encoded}, s3cr3t%2Fwith%2Bsigns%3D%3D"
            )),
            tools: vec![Tool {
                name: token.to_owned(),
                title: Some(token.to_owned()),
                description: Some(URL_SAFE_NO_PAD.encode(token)),
                input_schema: json!({token: [{"default": token}]}),
                annotations: Some(json!({"x": token})),
            }],
        };
        contract(&mut echoed, &[Zeroizing::new(token.to_owned())]);
        let text = format!("{echoed:?}");
        for needle in [token, &encoded, "s3cr3t%2F", &URL_SAFE_NO_PAD.encode(token)] {
            assert!(!text.contains(needle), "{needle} in {text}");
        }
        assert_eq!(
            echoed.instructions.as_deref(),
            Some("Bearer [credential], [credential], [credential]")
        );
    }
}
