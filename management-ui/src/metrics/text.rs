//! The exposition format, version 0.0.4. Compat: a family's `# TYPE` stands before its `# HELP`.

use std::fmt::{self, Write as _};

use super::family::{Family, Number};

/// A piece of an answer.
pub(super) struct Text {
    out: String,
    prefix: &'static str,
}

impl Text {
    /// An empty piece; `prefix` stands before all names.
    pub(super) fn new(prefix: &'static str) -> Self {
        let out = String::new();
        Self { out, prefix }
    }

    /// What was written.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// How much was written, in bytes.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Writes what `write` does, with names that begin with `prefix`.
    pub(super) fn with_prefix(&mut self, prefix: &'static str, write: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.prefix, prefix);
        write(self);
        self.prefix = before;
    }

    /// Begins a family.
    pub(super) fn family(&mut self, family: &Family) {
        let Family { name, kind, help } = family;
        let (prefix, kind) = (self.prefix, kind.as_str());
        self.put(format_args!(
            "# TYPE {prefix}{name} {kind}\n# HELP {prefix}{name} {help}\n"
        ));
    }

    /// A sample of the family `name`, or of what is part of it; `labels` as [`Labels`] writes them.
    pub(super) fn sample(&mut self, name: &str, labels: &str, value: impl Into<Number>) {
        let prefix = self.prefix;
        match labels {
            "" => self.put(format_args!("{prefix}{name} ")),
            _ => self.put(format_args!("{prefix}{name}{{{labels}}} ")),
        }
        match value.into() {
            Number::Whole(number) => self.put(format_args!("{number}\n")),
            Number::Real(number) => self.put(format_args!("{number}\n")),
        }
    }

    /// A family with one sample and no labels.
    pub(super) fn single(&mut self, family: &Family, value: impl Into<Number>) {
        self.family(family);
        self.sample(family.name, "", value);
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        let written = self.out.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a string can't fail");
    }
}

/// `name="value",…` with what has a meaning escaped.
#[derive(Debug, Default, Clone)]
pub(super) struct Labels(String);

impl Labels {
    /// These names and values.
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.add(name, value);
        }
        labels
    }

    /// One more.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                _ => self.0.push(letter),
            }
        }
        self.0.push('"');
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_type_first() {
        let mut text = Text::new("rabbitmq_");
        text.single(&Family::gauge("queues", "Queues"), 3);
        assert_eq!(
            text.take(),
            "# TYPE rabbitmq_queues gauge\n# HELP rabbitmq_queues Queues\nrabbitmq_queues 3\n"
        );
    }

    #[test]
    fn numbers_are_written_plainly() {
        let check = |value: Number, expected: &str| {
            let mut text = Text::new("");
            text.sample("x", "", value);
            assert_eq!(text.take(), format!("x {expected}\n"));
        };
        check(u64::MAX.into(), "18446744073709551615");
        check(0.25.into(), "0.25");
        check(true.into(), "1");
    }

    #[test]
    fn labels_are_escaped() {
        let labels = Labels::of(&[("vhost", "/"), ("queue", "a\"b\\c\nd")]);
        assert_eq!(labels.as_str(), "vhost=\"/\",queue=\"a\\\"b\\\\c\\nd\"");
    }
}
