//! Randomness for ARNs and passwords, drawn from version 4 UUIDs.

use super::failure::Failure;
use super::wire::{GetRandomPassword, RandomPassword};
use crate::ambient;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The six characters that AWS appends to a secret's name in its ARN, so that a policy for a deleted secret never
/// covers a new one of the same name.
pub fn arn_suffix() -> String {
    let alphabet: Vec<char> = [LOWER, UPPER, DIGITS].concat().chars().collect();
    (0..6).map(|_| alphabet[below(alphabet.len())]).collect()
}

pub fn password(asked: &GetRandomPassword) -> Result<RandomPassword, Failure> {
    let length = asked.password_length.unwrap_or(32);
    if !(1..=4096).contains(&length) {
        return Err(Failure::InvalidParameter(
            "The password length must be between 1 and 4096.".to_owned(),
        ));
    }
    let excluded = asked.exclude_characters.as_deref().unwrap_or_default();
    let kinds: Vec<Vec<char>> = [
        (LOWER, !asked.exclude_lowercase),
        (UPPER, !asked.exclude_uppercase),
        (DIGITS, !asked.exclude_numbers),
        (PUNCTUATION, !asked.exclude_punctuation),
        (" ", asked.include_space),
    ]
    .into_iter()
    .filter(|(_, included)| *included)
    .map(|(kind, _)| {
        kind.chars()
            .filter(|c| !excluded.contains(*c))
            .collect::<Vec<_>>()
    })
    .filter(|kind| !kind.is_empty())
    .collect();
    let all = kinds.concat();
    if all.is_empty() {
        return Err(Failure::InvalidParameter(
            "There are no characters left to make a password of.".to_owned(),
        ));
    }

    let mut password = Vec::with_capacity(length);
    if asked.require_each_included_type.unwrap_or(true) {
        if length < kinds.len() {
            return Err(Failure::InvalidParameter(
                "The password is too short to hold every included character type.".to_owned(),
            ));
        }
        password.extend(kinds.iter().map(|kind| kind[below(kind.len())]));
    }
    while password.len() < length {
        password.push(all[below(all.len())]);
    }
    for i in (1..password.len()).rev() {
        password.swap(i, below(i + 1));
    }
    Ok(RandomPassword {
        random_password: password.into_iter().collect(),
    })
}

/// A random number below `bound`; the bias of the remainder is far below anything a local emulator could show.
fn below(bound: usize) -> usize {
    let (high, _) = ambient::id().as_u64_pair();
    // The lowest 16 bits hold the UUID's version, so they are not random.
    usize::try_from(high >> 16).unwrap_or_default() % bound
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_included_type_occurs_and_no_excluded_one() {
        let asked = GetRandomPassword {
            password_length: Some(4),
            exclude_characters: Some("abc".to_owned()),
            ..GetRandomPassword::default()
        };
        for _ in 0..200 {
            let password = password(&asked).unwrap().random_password;
            assert_eq!(password.len(), 4);
            for kind in [LOWER, UPPER, DIGITS, PUNCTUATION] {
                assert!(
                    password.chars().any(|c| kind.contains(c)),
                    "{password} has none of {kind}"
                );
            }
            assert!(!password.contains(['a', 'b', 'c']), "{password}");
        }
    }

    #[test]
    fn impossible_passwords_are_refused() {
        let short = GetRandomPassword {
            password_length: Some(3),
            ..GetRandomPassword::default()
        };
        let long = GetRandomPassword {
            password_length: Some(4097),
            ..GetRandomPassword::default()
        };
        let nothing = GetRandomPassword {
            exclude_lowercase: true,
            exclude_uppercase: true,
            exclude_numbers: true,
            exclude_punctuation: true,
            ..GetRandomPassword::default()
        };
        for asked in [short, long, nothing] {
            assert_eq!(
                password(&asked).err().unwrap().code(),
                "InvalidParameterException"
            );
        }
    }

    #[test]
    fn suffixes_differ() {
        let suffixes: std::collections::HashSet<_> = (0..100).map(|_| arn_suffix()).collect();
        assert!(suffixes.len() > 95);
        assert!(
            suffixes
                .iter()
                .all(|s| s.len() == 6 && s.chars().all(|c| c.is_ascii_alphanumeric()))
        );
    }
}
