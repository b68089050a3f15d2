//! Values in tables.

use askama::Template;
use ferrymq_broker::clock::Timestamp;
use serde_json::Value;

use crate::console::address::Address;
use crate::console::{chart, format};

/// Pixels of a small chart.
const WIDTH: u32 = 96;
const HEIGHT: u32 = 20;

/// What stands where a row and a column meet.
#[derive(Template, Debug, Clone, PartialEq)]
#[template(path = "parts/cell.html")]
pub(crate) enum Cell {
    /// Nothing to tell.
    Nothing,
    Text(String),
    /// A number as it is read, and exactly.
    Number {
        shown: String,
        exact: String,
    },
    /// The way to a page about it.
    Link {
        to: String,
        text: String,
        quiet: String,
    },
    Badges(Vec<Badge>),
    /// How something is; `kind` is `good`, `busy`, `bad` or `quiet`.
    State {
        kind: &'static str,
        text: String,
        about: String,
    },
    Flag(bool),
    /// Buttons of a form that stands beside the table.
    Buttons(Vec<Button>),
    /// A moment, in milliseconds and as text.
    Time {
        at: u64,
        text: String,
    },
    /// How much of something is done, between 0 and 1.
    Progress {
        share: f64,
        text: String,
    },
    /// SVG of ours.
    Spark(String),
}

/// A button in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Button {
    /// The form's id.
    pub(crate) form: &'static str,
    /// What it adds to what the form says.
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) text: &'static str,
    pub(crate) about: &'static str,
}

/// A short remark.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Badge {
    pub(crate) text: String,
    pub(crate) about: String,
    /// Where it leads, if it does.
    pub(crate) to: Option<String>,
}

impl Badge {
    /// A remark with its explanation.
    pub(crate) fn new(text: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            about: about.into(),
            to: None,
        }
    }

    /// One that leads to a page.
    pub(crate) fn to(self, address: &Address) -> Self {
        Self {
            to: Some(address.to_string()),
            ..self
        }
    }
}

impl Cell {
    /// The way to a page about it.
    pub(crate) fn link(to: &Address, text: impl Into<String>) -> Self {
        Self::Link {
            to: to.to_string(),
            text: text.into(),
            quiet: String::new(),
        }
    }

    /// The way to something that belongs to a client: by the name that the client gave, if it gave one, and else by
    /// `known`, which stands beside it.
    pub(crate) fn client(to: &Address, given: &Value, known: impl Into<String>) -> Self {
        match given.as_str() {
            Some(given) if !given.is_empty() => Self::Link {
                to: to.to_string(),
                text: given.to_owned(),
                quiet: known.into(),
            },
            _ => Self::link(to, known),
        }
    }

    /// How something is.
    pub(crate) fn state(kind: &'static str, text: impl Into<String>) -> Self {
        Self::State {
            kind,
            text: text.into(),
            about: String::new(),
        }
    }
}

/// A text; lists are joined.
pub(crate) fn text(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Nothing,
        Some(Value::String(text)) if text.is_empty() => Cell::Nothing,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(Value::Array(entries)) => {
            let entries = entries.iter().map(|entry| match entry {
                Value::String(text) => text.clone(),
                entry => entry.to_string(),
            });
            Cell::Text(entries.collect::<Vec<_>>().join(", "))
        }
        Some(value) => Cell::Text(value.to_string()),
    }
}

/// A count.
pub(crate) fn number(value: Option<&Value>) -> Cell {
    match value.map(|value| (value.as_u64(), value.as_f64())) {
        Some((Some(number), _)) => exactly(format::count(number), number.to_string()),
        Some((None, Some(number))) => exactly(format!("{number:.2}"), number.to_string()),
        _ => text(value),
    }
}

/// A size.
pub(crate) fn bytes(value: Option<&Value>) -> Cell {
    match value.and_then(Value::as_f64) {
        Some(bytes) => exactly(format::bytes(bytes), format!("{bytes} bytes")),
        None => Cell::Nothing,
    }
}

/// Something per second.
pub(crate) fn rate(value: Option<&Value>) -> Cell {
    match value.and_then(Value::as_f64) {
        Some(rate) => exactly(format!("{}/s", format::rate(rate)), format!("{rate}/s")),
        None => Cell::Nothing,
    }
}

/// Bytes per second.
pub(crate) fn byte_rate(value: Option<&Value>) -> Cell {
    match value.and_then(Value::as_f64) {
        Some(rate) => exactly(
            format!("{}/s", format::bytes(rate)),
            format!("{rate} bytes/s"),
        ),
        None => Cell::Nothing,
    }
}

/// True or false.
pub(crate) fn flag(value: Option<&Value>) -> Cell {
    value
        .and_then(Value::as_bool)
        .map_or(Cell::Nothing, Cell::Flag)
}

/// A moment.
pub(crate) fn time(value: Option<&Value>) -> Cell {
    value.and_then(Value::as_u64).map_or(Cell::Nothing, moment)
}

/// A moment, in milliseconds since the Unix epoch.
pub(crate) fn moment(at: u64) -> Cell {
    Cell::Time {
        at,
        text: format::moment(Timestamp::from_millis(at)),
    }
}

/// How a number went.
pub(crate) fn spark(row: &Value, field: &str) -> Cell {
    let samples = row[field]["samples"].as_array();
    let values = samples.into_iter().flatten().rev();
    let values: Vec<_> = values.map(|sample| sample["sample"].as_f64()).collect();
    match values.is_empty() {
        true => Cell::Nothing,
        false => Cell::Spark(chart::spark(&values, WIDTH, HEIGHT, "the last 10 minutes")),
    }
}

fn exactly(shown: String, exact: String) -> Cell {
    Cell::Number { shown, exact }
}
