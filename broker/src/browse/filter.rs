//! Which messages somebody wants to see, or to move.

mod condition;
mod expression;
mod parse;

use std::str::FromStr;

use ferrymq_store::Sequence;

use crate::clock::Timestamp;
use crate::message::Message;

use condition::Condition;

pub use parse::BadFilter;

/// Conditions, all of which must hold; an empty filter takes everything. It is written as text, see
/// [`Filter::from_str`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    conditions: Vec<Condition>,
    text: String,
}

impl Filter {
    /// Is `message` one of those? What does not wait in a queue has no `sequence`.
    pub fn matches(&self, message: &Message, sequence: Option<Sequence>, now: Timestamp) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.holds(message, sequence, now))
    }

    /// The places in JSON bodies that it looks at.
    pub(super) fn json_paths(&self) -> impl Iterator<Item = &[String]> {
        self.conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::Json(path, _) => Some(path.as_slice()),
                _ => None,
            })
    }

    /// Does it take everything?
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Filter {
    type Err = BadFilter;

    /// Understands conditions with spaces between them; what holds spaces stands in double quotes, within
    /// which `\"` and `\\` are what they are.
    ///
    /// | condition | holds when |
    /// |---|---|
    /// | `word`, `"two words"` | this stands in the body, the properties or the routing key, byte for byte |
    /// | `/expression/` | this regular expression matches there |
    /// | `key:orders.*.#` | the routing key matches, as in a binding of a topic exchange |
    /// | `exchange:NAME` | it was published to this exchange |
    /// | `header.NAME` | it has this header |
    /// | `header.NAME:TEST` | and its value passes the test |
    /// | `property.NAME:TEST` | the same for a property, `property.content_type:text/plain` |
    /// | `json.$.a.b:TEST` | the body is JSON, and what is at this path passes; `json.$.a.0` is a list's first |
    /// | `size:TEST` | bytes of the body, `k`, `M` and `G` being powers of 1024 |
    /// | `age:TEST` | time since it was published, if it says so, in `s`, `m`, `h` or `d` |
    /// | `sequence:17,18` | it is one of these |
    ///
    /// A test is a value, which must be the same as text, or `>` or `<` and a number, or an expression between slashes.
    /// `key:` and `exchange:` take expressions, too; in one that holds blanks these stand in quotes, `/two" "words/`.
    ///
    /// # Errors
    /// When a condition is none of these; it is named.
    fn from_str(text: &str) -> Result<Self, BadFilter> {
        Ok(Self {
            conditions: parse::conditions(text)?,
            text: text.trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
