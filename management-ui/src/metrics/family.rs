//! What a metric is called, what it means, and where its value comes from.

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Untyped,
    Histogram,
    Summary,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// A metric, without the prefix of its registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

impl Family {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Counter, help)
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Gauge, help)
    }

    pub(super) const fn untyped(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Untyped, help)
    }

    pub(super) const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, help }
    }
}

/// A value; whole numbers are written as such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Number {
    fn from(is_so: bool) -> Self {
        Self::Whole(is_so.into())
    }
}

/// A metric of rows `R`: of one object, or of all together.
pub(super) struct Column<R> {
    pub(super) family: Family,
    pub(super) value: fn(&R) -> Number,
}

impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

pub(super) const fn counter<R>(
    name: &'static str,
    help: &'static str,
    value: fn(&R) -> Number,
) -> Column<R> {
    let family = Family::counter(name, help);
    Column { family, value }
}

pub(super) const fn gauge<R>(
    name: &'static str,
    help: &'static str,
    value: fn(&R) -> Number,
) -> Column<R> {
    let family = Family::gauge(name, help);
    Column { family, value }
}
