//! An object as it is shown: what nobody has asked for does not get into it.

use serde_json::{Map, Value};

use super::View;

/// The fields that are shown of an object.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    /// What is asked for; `None`: all.
    view: Option<&'a View>,
    /// The field that it is itself; `None`: it is all that is shown.
    within: Option<&'static str>,
    fields: Map<String, Value>,
}

impl<'a> Shown<'a> {
    /// Nothing yet.
    pub(crate) fn new(view: &'a View) -> Self {
        Self {
            view: Some(view),
            ..Self::default()
        }
    }

    /// Nothing yet of what stands in the field `outer`.
    pub(crate) fn within(view: &'a View, outer: &'static str) -> Self {
        Self {
            within: Some(outer),
            ..Self::new(view)
        }
    }

    /// Is a field asked for? If not, it need not be looked up.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.view.is_none_or(|view| match self.within {
            Some(outer) => view.columns.want_within(outer, name),
            None => view.columns.want(name),
        })
    }

    /// Shows a field, if it is asked for.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<Value>) {
        if self.wants(name) {
            self.fields.insert(name.to_owned(), value.into());
        }
    }

    /// Shows what is found by `look`, which is spared if nobody asks for it.
    pub(crate) fn look_up(&mut self, name: &str, look: impl FnOnce() -> Value) {
        if self.wants(name) {
            self.fields.insert(name.to_owned(), look());
        }
    }

    /// Shows several.
    pub(crate) fn extend<const N: usize>(&mut self, fields: [(&str, Value); N]) {
        for (name, value) in fields {
            self.add(name, value);
        }
    }

    /// Shows what was asked for of something else that stands in the same place.
    pub(crate) fn append(&mut self, fields: Map<String, Value>) {
        self.fields.extend(fields);
    }

    /// All of it.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.fields
    }
}
