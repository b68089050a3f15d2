//! `filter=`: which rows of a list are wanted, by their names and by what they hold.

mod fields;
mod parse;
mod test;

use std::str::FromStr;

use serde_json::Value;

use super::{Row, SortKey};
use crate::http::Site;
use crate::query::{View, field};

use test::Test;

#[cfg(test)]
pub(crate) use fields::ALIASES;
pub(crate) use parse::BadFilter;

/// Terms, all of which must hold; an empty filter takes everything. It is written as text, see
/// [`Filter::from_str`].
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// About names.
    names: Vec<Term>,
    /// About fields.
    fields: Vec<Term>,
    /// Which those are.
    view: View,
}

/// What must hold of a row.
#[derive(Debug)]
struct Term {
    /// It must not.
    negated: bool,
    subject: Subject,
    test: Test,
}

/// What is tested.
#[derive(Debug)]
enum Subject {
    /// What the row is called.
    Name,
    /// What stands at one of these paths.
    Field(Vec<String>),
}

impl Filter {
    /// Does it take everything?
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.fields.is_empty()
    }

    /// Does it matter what a row is called?
    pub(super) fn asks_for_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Can a row of this name be one of those?
    pub(super) fn accepts_name(&self, name: &str) -> bool {
        let mut terms = self.names.iter();
        terms.all(|term| term.test.passes_text(name) != term.negated)
    }

    /// Is `row` one of those, whatever it is called? It is rendered only for fields that it does not know by
    /// themselves, and once.
    pub(super) fn accepts_fields<R: Row>(&self, site: &Site, row: &R) -> bool {
        let mut rendered = None;
        let mut terms = self.fields.iter();
        terms.all(|term| {
            let paths = term.subject.paths();
            let passes = match known(site, row, paths) {
                Some(key) => term.test.passes(&key),
                None => {
                    let all = rendered.get_or_insert_with(|| row.render(site, &self.view));
                    paths.iter().any(|path| passes(&term.test, all, path))
                }
            };
            passes != term.negated
        })
    }
}

impl Subject {
    /// Where the field may stand; nowhere, if it is the name.
    fn paths(&self) -> &[String] {
        match self {
            Self::Name => &[],
            Self::Field(paths) => paths,
        }
    }
}

/// What a row knows without being rendered. Lists and objects have to be looked into.
fn known<R: Row>(site: &Site, row: &R, paths: &[String]) -> Option<SortKey> {
    let mut keys = paths.iter().filter_map(|path| row.sort_key(site, path));
    keys.find(|key| *key != SortKey::Other)
}

/// Of a list one element must pass, an object is what it is as text.
fn passes(test: &Test, all: &Value, path: &str) -> bool {
    match field(all, path) {
        Some(Value::Array(values)) => {
            let mut keys = values.iter().map(|value| SortKey::of(Some(value)));
            keys.any(|key| test.passes(&key))
        }
        Some(Value::Object(entries)) if entries.is_empty() => false,
        Some(object @ Value::Object(_)) => test.passes_text(&object.to_string()),
        scalar => test.passes(&SortKey::of(scalar)),
    }
}

impl FromStr for Filter {
    type Err = BadFilter;

    /// Understands terms with blanks between them; what holds blanks stands in double quotes, within which `\"`
    /// and `\\` are what they are.
    ///
    /// | term | holds when |
    /// |---|---|
    /// | `word`, `"two words"` | the name contains this |
    /// | `/regex/` | the name matches |
    /// | `FIELD:VALUE` | the field contains this; is this number, or `true` or `false` |
    /// | `FIELD:=VALUE` | it is exactly this |
    /// | `FIELD:>1000`, `>=`, `<`, `<=` | it is such a number; `k`, `M` and `G` are powers of 1000 |
    /// | `FIELD:/regex/` | it matches |
    /// | `FIELD:*`, `FIELD:` | it has a value, or none |
    /// | `-TERM` | the term does not |
    ///
    /// Only `FIELD:=VALUE` minds the case. A field that an object does not have passes no test but `FIELD:`.
    ///
    /// # Errors
    /// When a term is none of these; it is named.
    fn from_str(text: &str) -> Result<Self, BadFilter> {
        let terms = parse::terms(text)?.into_iter();
        let (names, fields): (Vec<_>, Vec<_>) =
            terms.partition(|term| matches!(term.subject, Subject::Name));
        let paths = fields.iter().flat_map(|term| term.subject.paths());
        Ok(Self {
            view: View::of(paths.map(String::as_str)),
            names,
            fields,
        })
    }
}

#[cfg(test)]
mod tests;
