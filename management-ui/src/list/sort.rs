//! What lists are sorted and filtered by. Any two values can be compared: numbers come first.

use std::cmp::Ordering;

use serde_json::Value;

/// A value to sort by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SortKey {
    /// There is none; it stands where 0 does.
    Missing,
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// Anything that is text.
    Text(String),
    /// Lists and objects have no order.
    Other,
}

impl SortKey {
    /// What a field holds.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Missing,
            Some(Value::Number(number)) => Self::Number(number.as_f64().unwrap_or_default()),
            Some(Value::Bool(flag)) => Self::Flag(*flag),
            Some(Value::String(text)) => Self::Text(text.clone()),
            Some(_) => Self::Other,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Missing | Self::Number(_) => 0,
            Self::Flag(_) => 1,
            Self::Text(_) => 2,
            Self::Other => 3,
        }
    }

    /// Which of two comes first.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Missing, Self::Number(b)) => 0.0_f64.total_cmp(b),
            (Self::Number(a), Self::Missing) => a.total_cmp(&0.0),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl From<usize> for SortKey {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl From<u64> for SortKey {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<bool> for SortKey {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Option<&str>> for SortKey {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Missing, Self::from)
    }
}

impl From<&str> for SortKey {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
