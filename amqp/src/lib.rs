//! The AMQP 0-9-1 wire as values: frames, methods, content headers, field tables. No sockets, no async.
//!
//! Methods, properties and tables are `amq-protocol`'s types. What a broker does for every message is
//! done here by hand, borrowed from the buffer that was read. Nothing in this crate panics, or recurses
//! without a bound, on bytes from outside.

#![warn(missing_docs)]

pub mod content;
pub mod frame;
mod malformed;
pub mod method;
mod reader;
pub mod reply_code;
mod signature;
pub mod table;

pub use amq_protocol::protocol::AMQPClass;
pub use amq_protocol::types::{
    AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString,
};
pub use content::{ContentError, ContentHeader, Properties};
pub use frame::{Frame, FrameError, FrameKind, ProtocolHeader};
pub use malformed::Malformed;
pub use method::{Method, MethodError, Publish};
pub use reply_code::ReplyCode;
pub use table::{RawArray, RawTable, RawValue};
