//! Reads the items that Query and `GetItem` find, in one pass.
//!
//! The SDK looks at an answer token by token and grows each item's map as it goes: some three thousand instructions for each
//! attribute, and a list of connections has hundreds. This reader needs half. Whatever is not plainly a page of items, or one
//! item (a failure, a field or a type that we never ask for), it leaves to the SDK.

use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::{
    operation::{
        get_item::{GetItem, GetItemOutput},
        query::{Query, QueryOutput},
    },
    primitives::Blob,
    types::AttributeValue,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextMut, Error, Output},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpResponse, Metadata, OrchestratorError},
        runtime_components::RuntimeComponents,
        runtime_plugin::RuntimePlugin,
        ser_de::{DeserializeResponse, SharedResponseDeserializer},
    },
};
use aws_smithy_types::{
    base64,
    config_bag::{ConfigBag, FrozenLayer},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// Attributes of a usual item of ours, and entries of a map within one. A map that starts with room for them need not grow.
const ATTRIBUTES: usize = 28;
const ENTRIES: usize = 3;

/// Puts our reader before the SDK's, for the two operations that it knows.
#[derive(Debug)]
pub(crate) struct ReadsItems;

#[dyn_dispatch_hint]
impl Intercept for ReadsItems {
    fn name(&self) -> &'static str {
        "ReadsItems"
    }

    fn modify_before_serialization(
        &self,
        _: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reader = match config.load::<Metadata>().map(Metadata::name) {
            Some("Query") => Reader::Page,
            Some("GetItem") => Reader::One,
            _ => return Ok(()),
        };
        config
            .interceptor_state()
            .store_put(SharedResponseDeserializer::new(reader));
        Ok(())
    }
}

/// Reads what it knows, and hands the rest to the SDK.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Page,
    One,
}

impl Reader {
    fn read(self, body: &[u8]) -> Option<Output> {
        match self {
            Self::Page => page(body),
            Self::One => one(body),
        }
    }

    /// Where the SDK keeps its own reader.
    fn sdk(self) -> Option<FrozenLayer> {
        match self {
            Self::Page => Query::new().config(),
            Self::One => GetItem::new().config(),
        }
    }
}

impl DeserializeResponse for Reader {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes();
        let body = body.filter(|_| response.status().as_u16() == 200);
        if let Some(output) = body.and_then(|body| self.read(body)) {
            return Ok(output);
        }
        self.sdk()
            .as_ref()
            .and_then(|layer| layer.load::<SharedResponseDeserializer>())
            .ok_or_else(|| OrchestratorError::other("the SDK has no reader for this operation"))?
            .deserialize_nonstreaming_with_config(response, config)
    }
}

fn page(body: &[u8]) -> Option<Output> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Page {
        items: Option<Vec<Map<ATTRIBUTES>>>,
        count: Option<i32>,
        scanned_count: Option<i32>,
        last_evaluated_key: Option<Map<ENTRIES>>,
    }
    let page: Page = serde_json::from_slice(body).ok()?;
    let items = page
        .items
        .map(|items| items.into_iter().map(|item| item.0).collect());
    let output = QueryOutput::builder()
        .set_items(items)
        .set_count(page.count)
        .set_scanned_count(page.scanned_count)
        .set_last_evaluated_key(page.last_evaluated_key.map(|key| key.0));
    Some(Output::erase(output.build()))
}

fn one(body: &[u8]) -> Option<Output> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct One {
        item: Option<Map<ATTRIBUTES>>,
    }
    let one: One = serde_json::from_slice(body).ok()?;
    let output = GetItemOutput::builder().set_item(one.item.map(|item| item.0));
    Some(Output::erase(output.build()))
}

/// The attributes of an item, or the entries of a map within one; there is room for so many at the start.
struct Map<const ROOM: usize>(HashMap<String, AttributeValue>);

impl<'de, const ROOM: usize> Deserialize<'de> for Map<ROOM> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<const ROOM: usize>;
        impl<'de, const ROOM: usize> Visitor<'de> for Entries<ROOM> {
            type Value = Map<ROOM>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("attributes by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<ROOM>, A::Error> {
                let mut map = HashMap::with_capacity(ROOM);
                while let Some((name, Attribute(value))) = entries.next_entry()? {
                    map.insert(name, value);
                }
                Ok(Map(map))
            }
        }
        deserializer.deserialize_map(Entries::<ROOM>)
    }
}

/// A value under the name of its type: `{"S": "text"}`.
struct Attribute(AttributeValue);

#[derive(Deserialize)]
enum Type {
    S,
    N,
    #[serde(rename = "BOOL")]
    Bool,
    M,
    L,
    #[serde(rename = "NULL")]
    Null,
    B,
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed;
        impl<'de> Visitor<'de> for Typed {
            type Value = Attribute;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value under the name of its type")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut typed: A) -> Result<Attribute, A::Error> {
                let known = typed
                    .next_key()?
                    .ok_or_else(|| de::Error::custom("no type"))?;
                let value = match known {
                    Type::S => AttributeValue::S(typed.next_value()?),
                    Type::N => AttributeValue::N(typed.next_value()?),
                    Type::Bool => AttributeValue::Bool(typed.next_value()?),
                    Type::M => AttributeValue::M(typed.next_value::<Map<ENTRIES>>()?.0),
                    Type::L => {
                        let values: Vec<Attribute> = typed.next_value()?;
                        AttributeValue::L(values.into_iter().map(|value| value.0).collect())
                    }
                    Type::Null => AttributeValue::Null(typed.next_value()?),
                    Type::B => {
                        let encoded: String = typed.next_value()?;
                        let bytes = base64::decode(encoded).map_err(de::Error::custom)?;
                        AttributeValue::B(Blob::new(bytes))
                    }
                };
                Ok(Attribute(value))
            }
        }
        // What follows the one type is refused by the reader of the map: it expects the map's end.
        deserializer.deserialize_map(Typed)
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What the SDK makes of an answer, and what we make of it.
    fn both(reader: Reader, status: u16, body: &str) -> [String; 2] {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        let headers = response.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.0");
        let config = ConfigBag::base();
        let layer = reader.sdk().unwrap();
        let sdk = layer.load::<SharedResponseDeserializer>().unwrap();
        [
            sdk.deserialize_nonstreaming_with_config(&response, &config),
            reader.deserialize_nonstreaming_with_config(&response, &config),
        ]
        .map(|read| read.map_or_else(|error| format!("{error:?}"), |output| sorted(&output)))
    }

    /// The order of a map's entries is not the same twice.
    fn sorted(output: &Output) -> String {
        let item = |item: &HashMap<_, _>| shown(&AttributeValue::M(item.clone()));
        if let Some(page) = output.downcast_ref::<QueryOutput>() {
            let items = page
                .items
                .as_ref()
                .map(|items| items.iter().map(item).collect::<Vec<_>>());
            let key = page.last_evaluated_key.as_ref().map(item);
            format!("{items:?} {key:?} {} {}", page.count, page.scanned_count)
        } else {
            let one = output.downcast_ref::<GetItemOutput>().unwrap();
            format!("{:?}", one.item.as_ref().map(item))
        }
    }

    fn shown(value: &AttributeValue) -> String {
        match value {
            AttributeValue::M(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(name, value)| (name, shown(value)))
                    .collect();
                entries.sort();
                format!("{entries:?}")
            }
            AttributeValue::L(values) => {
                format!("{:?}", values.iter().map(shown).collect::<Vec<_>>())
            }
            other => format!("{other:?}"),
        }
    }

    fn attribute() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(|text| json!({ "S": text })),
            any::<i64>().prop_map(|number| json!({ "N": number.to_string() })),
            any::<bool>().prop_map(|value| json!({ "BOOL": value })),
            Just(json!({ "NULL": true })),
            any::<Vec<u8>>().prop_map(|bytes| json!({ "B": base64::encode(bytes) })),
            Just(json!({ "SS": ["one", "two"] })),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!({ "L": list })),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| json!({ "M": map })),
            ]
        })
    }

    proptest! {
        #[test]
        fn items_are_those_that_the_sdk_reads(
            items in prop::collection::vec(prop::collection::hash_map(any::<String>(), attribute(), 0..6), 0..4),
        ) {
            let first = items.first().cloned();
            let body = json!({ "Count": items.len(), "ScannedCount": 7, "LastEvaluatedKey": first, "Items": items });
            let [theirs, ours] = both(Reader::Page, 200, &body.to_string());
            prop_assert_eq!(theirs, ours);

            let [theirs, ours] = both(Reader::One, 200, &json!({ "Item": first }).to_string());
            prop_assert_eq!(theirs, ours);
        }
    }

    #[test]
    fn our_items_do_not_need_the_sdk() {
        let item = json!({ "PK": { "S": "a \"b\" \u{e9}" }, "version": { "N": "3" }, "enabled": { "BOOL": true }, "auth": { "M": { "type": { "S": "bearer" } } }, "scopes": { "L": [{ "S": "x" }] }, "bytes": { "B": "AAEC" } });
        assert!(
            page(
                json!({ "Items": [item], "Count": 1, "ScannedCount": 1 })
                    .to_string()
                    .as_bytes()
            )
            .is_some()
        );
        assert!(one(json!({ "Item": item }).to_string().as_bytes()).is_some());
        assert!(one(b"{}").is_some());
    }

    #[test]
    fn the_sdk_reads_what_we_do_not_know() {
        for body in [
            "{}",
            "",
            "{",
            "[]",
            r#"{"Count":1}"#,
            r#"{"Items":null}"#,
            r#"{"Items":[{"a":{"S":"b","N":"1"}}]}"#,
            r#"{"Items":[{"a":{}}]}"#,
            r#"{"Items":[{"a":null}]}"#,
            r#"{"Items":[{"a":{"S":null}}]}"#,
            r#"{"Items":[{"a":{"FUTURE":"b"}}]}"#,
            r#"{"Items":[{"a":{"NS":["1"]}}]}"#,
            r#"{"Items":[{"a":{"B":"?"}}]}"#,
            r#"{"Items":[{"a":{"__type":"x","S":"b"}}]}"#,
            r#"{"Items":[],"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}"#,
            r#"{"Items":[]} trailing"#,
        ] {
            let [theirs, ours] = both(Reader::Page, 200, body);
            assert_eq!(theirs, ours, "{body}");
        }
        let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#;
        let [theirs, ours] = both(Reader::Page, 400, refused);
        assert!(theirs.contains("ResourceNotFound"), "{theirs}");
        assert_eq!(theirs, ours);
    }
}
