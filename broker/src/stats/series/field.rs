//! What is sampled of an object.

/// How a field moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// Only grows, mostly by about as much as the tick before.
    Counter,
    /// Goes up and down, and mostly stays about where it is.
    Gauge,
}

/// One number of an object, such as how many messages are ready.
pub trait Field: Copy + PartialEq {
    /// How it moves.
    fn movement(self) -> Movement;
}
