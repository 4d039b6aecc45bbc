//! Looks for secrets in whatever way they may be spelled, so that an encoding does not hide them.

use std::collections::{BTreeSet, HashMap};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use sha2::{Digest as _, Sha256};

/// This much of a secret gives it away. No spelling of it is shorter.
const TELLING: usize = 12;

/// What must not be found, in every spelling.
#[derive(Default)]
pub struct Search {
    /// What it is, and how it is spelled.
    spellings: Vec<(String, Vec<u8>)>,
    /// Those that begin so.
    beginnings: HashMap<[u8; TELLING], Vec<usize>>,
}

impl Search {
    /// Looks for a secret and for each part of it.
    pub fn add(&mut self, name: &str, secret: &str) {
        self.add_whole(name, secret);
        for (number, part) in secret.as_bytes().chunks_exact(TELLING).enumerate() {
            self.add_bytes(&format!("part {number} of {name}"), part);
        }
    }

    /// Looks for something that only as a whole is a secret, and for a hash of it that anybody could compute.
    pub fn add_whole(&mut self, name: &str, secret: &str) {
        self.add_bytes(name, secret.as_bytes());
        self.add_bytes(&format!("the SHA-256 of {name}"), &Sha256::digest(secret));
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        for spelling in spellings(bytes) {
            let spelling = spelling.into_bytes();
            let beginning = spelling.first_chunk().expect("long enough to tell");
            let same = self.beginnings.entry(*beginning).or_default();
            same.push(self.spellings.len());
            self.spellings.push((name.to_owned(), spelling));
        }
    }

    /// What of it stands there, each with its spelling.
    pub fn within(&self, haystack: &[u8]) -> BTreeSet<String> {
        let places = 0..haystack.len();
        let found = places.flat_map(|place| {
            let rest = &haystack[place..];
            let candidates = rest
                .first_chunk()
                .and_then(|beginning| self.beginnings.get(beginning));
            candidates
                .into_iter()
                .flatten()
                .map(|candidate| &self.spellings[*candidate])
                .filter(|(_, spelling)| rest.starts_with(spelling))
        });
        found
            .map(|(name, spelling)| format!("{name} as {}", String::from_utf8_lossy(spelling)))
            .collect()
    }
}

/// Plain, reversed, base64 and base64url wherever in a longer text, percent-encoded, hexadecimal, as numbers, escaped as in JSON.
fn spellings(bytes: &[u8]) -> BTreeSet<String> {
    let mut spellings = BTreeSet::new();
    for digits in [
        |byte: u8| format!("{byte:02x}"),
        |byte: u8| format!("{byte:02X}"),
    ] {
        let after = |mark: &str| -> String {
            let marked = bytes.iter().map(|byte| format!("{mark}{}", digits(*byte)));
            marked.collect()
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let in_url = |byte: &u8| match is_plain(*byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{}", digits(*byte)),
        };
        spellings.insert(bytes.iter().map(in_url).collect());
        spellings.extend(["", "%", "%25", "\\u00", "\\x"].map(after));
    }
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    spellings.extend([", ", ",", " "].map(|separator| numbers.join(separator)));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let once = escaped(text);
        let reversed = text.chars().rev().collect();
        spellings.extend([text.to_owned(), reversed, escaped(&once), once]);
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        // Three bytes are four characters, so there are three ways to stand in a text; what neighbours have a share in is left out.
        for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
            let mut padded = vec![0; before];
            padded.extend(bytes);
            let own = padded.len() * 8 / 6;
            spellings.insert(engine.encode(&padded)[shared..own].to_owned());
        }
    }
    spellings
}

/// As it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
