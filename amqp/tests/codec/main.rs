//! The codec, held against `amq-protocol`'s own and against random bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod content;
mod frame;
mod method;
mod strategies;
mod table;
