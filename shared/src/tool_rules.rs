//! Which tools of a connection a gateway may call, and which of them without asking anybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::text::ParseError;

/// Stands for every tool there is and will be.
const ALL: &str = "*";
/// More names than this are no choice any more.
const MAX_NAMES: usize = 1000;
const MAX_NAME_CHARACTERS: usize = 256;

/// Names of tools, as their server says them and without a client's name in front: none, all (`["*"]`), or these. Two that differ in case alone are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolList(Vec<String>);

impl ToolList {
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    pub fn all() -> Self {
        Self(vec![ALL.to_owned()])
    }

    /// Reads a list that somebody wrote. The order is kept.
    pub fn parse(names: Vec<String>) -> Result<Self, ParseError> {
        if names.len() > MAX_NAMES {
            return Err(ParseError("must have at most 1000 names"));
        }
        if names.len() > 1 && names.iter().any(|name| name == ALL) {
            return Err(ParseError("must have * alone, or names"));
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.trim() == name
                && name.chars().count() <= MAX_NAME_CHARACTERS
                && !name.chars().any(char::is_control)
        };
        if !names.iter().all(is_name) {
            return Err(ParseError(
                "must have names of 1 to 256 characters, without white space around them",
            ));
        }
        let folded: BTreeSet<String> = names.iter().map(|name| fold(name)).collect();
        if folded.len() < names.len() {
            return Err(ParseError("must not name a tool twice, in whatever case"));
        }
        Ok(Self(names))
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub const fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_all(&self) -> bool {
        matches!(&self.0[..], [name] if name == ALL)
    }

    /// Whether a tool of this name is in it.
    pub fn allows(&self, tool: &str) -> bool {
        self.is_all() || self.0.iter().any(|name| fold(name) == fold(tool))
    }

    /// Whether nothing is in it that is not in `outer`.
    pub fn is_within(&self, outer: &Self) -> bool {
        outer.is_all() || (!self.is_all() && self.0.iter().all(|name| outer.allows(name)))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self.is_all(), other.is_all()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            (false, false) => {
                let both = self.0.iter().filter(|name| other.allows(name));
                Self(both.cloned().collect())
            }
        }
    }
}

/// What a connection's own rules say of its tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolRules {
    /// Those that may be called at all.
    pub execute: ToolList,
    /// Those of them that may be called without asking a person. Always within the others.
    pub auto_execute: ToolList,
}

impl Default for ToolRules {
    /// Where nobody made rules, every tool may be called, and each time somebody is asked.
    fn default() -> Self {
        Self {
            execute: ToolList::all(),
            auto_execute: ToolList::none(),
        }
    }
}

fn fold(name: &str) -> String {
    name.to_lowercase()
}

impl ToolRules {
    /// Where nothing may be called.
    pub const fn none() -> Self {
        Self {
            execute: ToolList::none(),
            auto_execute: ToolList::none(),
        }
    }

    /// These rules with what is given in place of what was. What may be called without asking stays within what may be called: by itself
    /// where nobody speaks of it or the same request lets nothing be called, and else the error says so.
    pub fn amended(
        &self,
        execute: Option<&ToolList>,
        auto_execute: Option<&ToolList>,
    ) -> Result<Self, ParseError> {
        if execute.is_some_and(ToolList::is_none) {
            return Ok(Self::none());
        }
        let execute = execute.unwrap_or(&self.execute).clone();
        let auto_execute = match auto_execute {
            None => self.auto_execute.intersection(&execute),
            Some(given) if given.is_within(&execute) => given.clone(),
            Some(_) => return Err(ParseError("must be within tools_to_execute")),
        };
        Ok(Self {
            execute,
            auto_execute,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn list(names: &[&str]) -> ToolList {
        ToolList::parse(names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
    }

    #[test]
    fn a_list_is_none_all_or_names() {
        for (names, allowed, refused) in [
            (&[][..], &[][..], &["read", "*"][..]),
            (&["*"], &["read", "Anything"], &[]),
            (
                &["read", "Write_File"],
                &["READ", "write_file"],
                &["delete", "rea", ""],
            ),
        ] {
            let list = list(names);
            for tool in allowed {
                assert!(list.allows(tool), "{names:?} {tool}");
            }
            for tool in refused {
                assert!(!list.allows(tool), "{names:?} {tool}");
            }
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let many: Vec<String> = (0..=MAX_NAMES).map(|number| format!("t{number}")).collect();
        assert!(ToolList::parse(many).is_err());
        for names in [
            vec!["*", "read"],
            vec!["*", "*"],
            vec!["read", "READ"],
            vec![""],
            vec![" read"],
            vec!["re\nad"],
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            assert!(ToolList::parse(names.clone()).is_err(), "{names:?}");
        }
    }

    #[test]
    fn what_is_called_without_asking_is_within_what_may_be_called() {
        let before = ToolRules {
            execute: ToolList::all(),
            auto_execute: list(&["read", "write"]),
        };
        let narrowed = before
            .amended(Some(&list(&["READ", "list"])), None)
            .unwrap();
        assert_eq!(narrowed.auto_execute, list(&["read"]));
        assert_eq!(
            before.amended(Some(&ToolList::none()), None).unwrap(),
            ToolRules::none()
        );
        let nothing = before.amended(Some(&ToolList::none()), Some(&list(&["read"])));
        assert_eq!(nothing.unwrap(), ToolRules::none());
        assert_eq!(before.amended(None, None).unwrap(), before);
        for (execute, auto_execute) in [
            (list(&["read"]), list(&["write"])),
            (list(&["read"]), ToolList::all()),
        ] {
            assert!(before.amended(Some(&execute), Some(&auto_execute)).is_err());
        }
    }

    #[test]
    fn lists_meet_in_what_both_have() {
        let (none, all) = (ToolList::none(), ToolList::all());
        for (left, right, both, within) in [
            (none.clone(), all.clone(), none.clone(), true),
            (all.clone(), none.clone(), none.clone(), false),
            (all.clone(), all.clone(), all.clone(), true),
            (list(&["a", "b"]), all.clone(), list(&["a", "b"]), true),
            (all, list(&["a"]), list(&["a"]), false),
            (list(&["A", "b"]), list(&["a", "c"]), list(&["A"]), false),
            (list(&["B"]), list(&["a", "b"]), list(&["B"]), true),
            (none.clone(), none.clone(), none, true),
        ] {
            assert_eq!(left.intersection(&right), both, "{left:?} {right:?}");
            assert_eq!(left.is_within(&right), within, "{left:?} {right:?}");
        }
    }
}
