//! The HTTP API as RabbitMQ's own client in Rust reads it. Its types have fields that may not be missing, and take
//! no other type: a strict test of answers.

mod accounts;
mod node;
mod support;
mod topology;
