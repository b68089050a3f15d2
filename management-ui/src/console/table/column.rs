//! Columns: what they are about, and how their values look.

use serde_json::Value;

use super::cell::{self, Cell};
use crate::query::field;

/// A column of a table.
pub(crate) struct Column {
    /// The field of the API that it shows and is sorted by; also its name in addresses.
    pub(crate) field: &'static str,
    /// At its head.
    pub(crate) title: &'static str,
    /// What it tells, for those who wonder.
    pub(crate) about: &'static str,
    /// How its values look.
    pub(crate) kind: Kind,
    /// The sets of columns that it is in.
    pub(crate) presets: &'static [Preset],
}

/// How a value looks.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// A count.
    Number,
    Bytes,
    /// Something per second.
    Rate,
    /// Bytes per second.
    ByteRate,
    /// A tick for true.
    Flag,
    /// Milliseconds since the Unix epoch.
    Time,
    /// A small chart of `FIELD_details.samples`.
    Spark,
    /// From the whole row; text.
    Of(fn(&Value) -> Cell),
    /// From the whole row; a number.
    NumberOf(fn(&Value) -> Cell),
}

/// A set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Without being asked for.
    Usual,
    All,
    Rates,
    Memory,
    State,
}

impl Column {
    /// A column that is shown without being asked for.
    pub(crate) const fn usual(field: &'static str, title: &'static str, kind: Kind) -> Self {
        Self::of(field, title, kind, &[Preset::Usual])
    }

    /// A column of these sets.
    pub(crate) const fn of(
        field: &'static str,
        title: &'static str,
        kind: Kind,
        presets: &'static [Preset],
    ) -> Self {
        Self {
            field,
            title,
            about: "",
            kind,
            presets,
        }
    }

    /// The same with an explanation.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Is it shown when the address asks for `asked`: nothing, a set, or names?
    pub(super) fn is_shown(&self, asked: Option<&str>) -> bool {
        match asked {
            None => self.presets.contains(&Preset::Usual),
            Some(asked) => match Preset::parse(asked) {
                Some(Preset::All) => true,
                Some(preset) => self.presets.contains(&preset),
                None => asked.split(',').any(|name| name == self.field),
            },
        }
    }

    /// Does it tell in which vhost a row is?
    pub(super) fn is_vhost(&self) -> bool {
        matches!(self.field, "vhost" | "queue.vhost")
    }

    /// How the column is aligned.
    pub(super) fn class(&self) -> &'static str {
        match self.kind {
            _ if self.kind.is_number() => "number",
            Kind::Spark => "spark",
            _ => "",
        }
    }

    /// What a row has in it.
    pub(super) fn cell(&self, row: &Value) -> Cell {
        let value = || field(row, self.field);
        match self.kind {
            Kind::Text => cell::text(value()),
            Kind::Number => cell::number(value()),
            Kind::Bytes => cell::bytes(value()),
            Kind::Rate => cell::rate(value()),
            Kind::ByteRate => cell::byte_rate(value()),
            Kind::Flag => cell::flag(value()),
            Kind::Time => cell::time(value()),
            Kind::Spark => cell::spark(row, self.field),
            Kind::Of(show) | Kind::NumberOf(show) => show(row),
        }
    }
}

impl Kind {
    /// Stands to the right, and is sorted from the largest on.
    pub(super) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Number
                | Self::Bytes
                | Self::Rate
                | Self::ByteRate
                | Self::NumberOf(_)
                | Self::Time
        )
    }

    pub(super) fn is_spark(self) -> bool {
        matches!(self, Self::Spark)
    }
}

impl Preset {
    /// Those that can be asked for.
    pub(super) const EVERY: &'static [Self] = &[Self::All, Self::Rates, Self::Memory, Self::State];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::All => "all",
            Self::Rates => "rates",
            Self::Memory => "memory",
            Self::State => "state",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Usual => "Usual",
            Self::All => "All",
            Self::Rates => "Rates",
            Self::Memory => "Memory",
            Self::State => "State",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::EVERY
            .iter()
            .copied()
            .find(|preset| preset.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: Option<&str>, expected: bool) {
        let column = Column::of("memory", "Memory", Kind::Bytes, &[Preset::Memory]);
        assert_eq!(column.is_shown(asked), expected, "{asked:?}");
    }

    #[test]
    fn columns_are_shown_when_they_are_asked_for() {
        check(None, false);
        check(Some("memory"), true);
        check(Some("all"), true);
        check(Some("rates"), false);
        check(Some("name,messages"), false);
        check(Some("messages,memory"), true);
    }
}
