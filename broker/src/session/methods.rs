//! What each method does, one file per class.

mod basic;
mod confirm;
mod consume;
mod exchange;
mod publish;
mod queue;
mod tx;
