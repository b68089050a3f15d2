//! Rows that are there as JSON, in lists which are never long.

use std::borrow::Cow;

use serde_json::Value;

use super::{Row, SortKey};
use crate::http::Site;
use crate::query::{View, field};

/// What objects without a name are known by.
const IDENTIFYING: [&str; 8] = [
    "user",
    "vhost",
    "exchange",
    "source",
    "task",
    "protocol",
    "remote_address",
    "username",
];

impl Row for Value {
    /// Its name, or else all that identifies it, with blanks between.
    fn name(&self) -> Cow<'_, str> {
        let text = |path| field(self, path).and_then(Value::as_str);
        match text("name") {
            Some(name) => name.into(),
            None => {
                let parts: Vec<_> = IDENTIFYING.into_iter().filter_map(text).collect();
                parts.join(" ").into()
            }
        }
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        self.clone()
    }

    fn sort_key(&self, _: &Site, path: &str) -> Option<SortKey> {
        field(self, path).map(|value| SortKey::of(Some(value)))
    }
}
