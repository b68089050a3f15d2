//! The only AMQP sockets. Moves bytes and decides nothing.

mod listener;
mod task;

pub use listener::Listener;
