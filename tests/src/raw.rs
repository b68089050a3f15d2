//! An AMQP 0-9-1 client that does what a test says, right or wrong, frame by frame.
//!
//! It blocks, with a deadline. It shares no code with the broker: methods and field tables are
//! amq-protocol's, frames are cut here. A `Connection` can be driven through its handshake step by
//! step; a `Channel` sends methods and expects answers, and any surprise fails the test.

mod channel;
mod connection;
mod frame;
mod message;
mod method;
mod wire;

pub use amq_protocol::protocol::{
    AMQPClass, BasicProperties, access, basic, channel as channels, confirm,
    connection as connections, exchange, queue, tx,
};
pub use amq_protocol::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

pub use channel::Channel;
pub use connection::{Connection, Login, Tuning};
pub use frame::{Frame, MethodWriter};
pub use message::{Content, Delivery, Got, Returned};
pub use method::{Event, Expected, Method};
pub use wire::PROTOCOL_HEADER;

/// A field table out of names and values.
pub fn table<'a>(entries: impl IntoIterator<Item = (&'a str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

/// A value of type `S`.
pub fn long_string(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A value of type `A` with elements of type `S`.
pub fn strings(elements: &[&str]) -> AMQPValue {
    let elements: Vec<AMQPValue> = elements.iter().map(|text| long_string(text)).collect();
    AMQPValue::FieldArray(elements.into())
}
