//! Tests that need the built program, and the harness they share.
//!
//! `harness` runs the program, `raw` talks to it in frames, `load` keeps it busy until it dies. The tests themselves are targets of
//! their own, a folder each.

pub mod harness;
pub mod load;
mod log;
pub mod raw;

pub use harness::Broker;
