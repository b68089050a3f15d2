//! Tests that need the built program, and the harness they share.
//!
//! `harness` runs the program, `in_process` a broker inside the test, `raw` talks to either in frames, `load` keeps one busy until
//! it dies. The tests themselves are targets of their own, a folder each.

pub mod harness;
mod in_process;
pub mod load;
mod log;
pub mod raw;

pub use harness::Broker;
pub use in_process::InProcess;
