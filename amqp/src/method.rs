//! Methods to and from bytes.
//!
//! The four that come with every message (publish, ack, nack, reject) are decoded by hand and borrow
//! from the frame; `encode` likewise writes by hand what goes out with every message. All others are
//! `amq-protocol`'s, behind a check of their shape.

mod encode;

pub use amq_protocol::protocol::{
    self, AMQPClass, access, basic, channel, confirm, connection, exchange, queue, tx,
};
pub use encode::{encode, encode_ack, encode_deliver, encode_get_ok, encode_nack, encode_return};

use amq_protocol::types::FieldTable;

use crate::Malformed;
use crate::reader::Reader;
use crate::signature::Signature;

/// A method and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Method<'a> {
    /// `basic.publish`
    Publish(Publish<'a>),
    /// `basic.ack`
    Ack {
        /// Which delivery, or which publish.
        delivery_tag: u64,
        /// Also every earlier one.
        multiple: bool,
    },
    /// `basic.nack`
    Nack {
        /// Which delivery, or which publish.
        delivery_tag: u64,
        /// Also every earlier one.
        multiple: bool,
        /// Back into the queue.
        requeue: bool,
    },
    /// `basic.reject`
    Reject {
        /// Which delivery.
        delivery_tag: u64,
        /// Back into the queue.
        requeue: bool,
    },
    /// Any other method.
    Other(AMQPClass),
}

/// The arguments of `basic.publish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The exchange, empty for the default one.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// Return the message when no queue gets it.
    pub mandatory: bool,
    /// Return the message when no consumer gets it at once.
    pub immediate: bool,
    /// Exchange and routing key as on the wire, their length octets included.
    pub address: &'a [u8],
}

/// Why a payload is not a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// Not even a class and a method.
    #[error("method frame of {0} bytes")]
    TooShort(usize),
    /// No method has these numbers.
    #[error("unknown method {class}.{method}")]
    Unknown {
        /// Number of the class.
        class: u16,
        /// Number of the method in the class.
        method: u16,
    },
    /// A known method whose arguments do not decode.
    #[error("malformed arguments of {name}: {why}")]
    Malformed {
        /// Number of the class.
        class: u16,
        /// Number of the method in the class.
        method: u16,
        /// `class.method` in words.
        name: &'static str,
        /// What is wrong.
        why: Malformed,
    },
}

pub(crate) const PUBLISH: u32 = id(60, 40);
pub(crate) const ACK: u32 = id(60, 80);
pub(crate) const REJECT: u32 = id(60, 90);
pub(crate) const NACK: u32 = id(60, 120);

/// Class and method as they stand at the front of a payload.
pub(crate) const fn id(class: u16, method: u16) -> u32 {
    (class as u32) << 16 | method as u32
}

/// Decodes the payload of a method frame; exactly, nothing may be left over.
#[inline]
pub fn decode(payload: &[u8]) -> Result<Method<'_>, MethodError> {
    let Some((head, arguments)) = payload.split_first_chunk::<4>() else {
        return Err(MethodError::TooShort(payload.len()));
    };
    let id = u32::from_be_bytes(*head);
    let decoded = match id {
        PUBLISH => decode_publish(arguments).map(Method::Publish),
        ACK => decode_settlement(arguments).map(|(delivery_tag, bits)| Method::Ack {
            delivery_tag,
            multiple: bits & 1 != 0,
        }),
        NACK => decode_settlement(arguments).map(|(delivery_tag, bits)| Method::Nack {
            delivery_tag,
            multiple: bits & 1 != 0,
            requeue: bits & 2 != 0,
        }),
        REJECT => decode_settlement(arguments).map(|(delivery_tag, bits)| Method::Reject {
            delivery_tag,
            requeue: bits & 1 != 0,
        }),
        _ => return decode_other(id, payload, arguments),
    };
    decoded.map_err(|why| malformed(id, why))
}

#[inline]
fn decode_publish(arguments: &[u8]) -> Result<Publish<'_>, Malformed> {
    let mut reader = Reader(arguments);
    reader.u16()?;
    let from = reader.0;
    let exchange = reader.short_string()?;
    let routing_key = reader.short_string()?;
    let bits = reader.u8()?;
    reader.finish()?;
    // The flags are the only octet behind it.
    let address = &from[..from.len() - 1];
    Ok(Publish {
        exchange,
        routing_key,
        mandatory: bits & 1 != 0,
        immediate: bits & 2 != 0,
        address,
    })
}

/// The flags `(mandatory, immediate)` of a `basic.publish` to exactly `address`: a publisher that
/// sends to one place again and again has it decoded once. `None` for any other payload.
#[inline]
pub fn publish_again(payload: &[u8], address: &[u8]) -> Option<(bool, bool)> {
    let (head, rest) = payload.split_first_chunk::<6>()?;
    let (&bits, found) = rest.split_last()?;
    let is_publish = head[..4] == PUBLISH.to_be_bytes();
    (is_publish && found == address).then_some((bits & 1 != 0, bits & 2 != 0))
}

/// A tag and an octet of flags: ack, nack and reject.
#[inline]
fn decode_settlement(arguments: &[u8]) -> Result<(u64, u8), Malformed> {
    let mut reader = Reader(arguments);
    let delivery_tag = reader.u64()?;
    let bits = reader.u8()?;
    reader.finish()?;
    Ok((delivery_tag, bits))
}

#[cold]
fn malformed(id: u32, why: Malformed) -> MethodError {
    let (class, method) = ((id >> 16) as u16, id as u16);
    MethodError::Malformed {
        class,
        method,
        name: name(class, method).unwrap_or("unknown"),
        why,
    }
}

#[inline(never)]
fn decode_other<'a>(
    id: u32,
    payload: &'a [u8],
    arguments: &'a [u8],
) -> Result<Method<'a>, MethodError> {
    let (class, method) = ((id >> 16) as u16, id as u16);
    let signature = Signature::of(class, method).ok_or(MethodError::Unknown { class, method })?;
    // Invariant: amq-protocol's parser sees checked bytes only. It recurses without a bound, and takes
    // field types and left-over bytes which are none.
    let table = signature
        .check(arguments)
        .map_err(|why| malformed(id, why))?;
    let (_, mut parsed) =
        protocol::parse_class(payload).map_err(|_| malformed(id, Malformed::Truncated))?;
    // It keeps the last of duplicate entries.
    if let Some(arguments) = table_mut(&mut parsed) {
        *arguments = table.to_field_table();
    }
    Ok(Method::Other(parsed))
}

/// The table among a method's arguments.
fn table_mut(class: &mut AMQPClass) -> Option<&mut FieldTable> {
    use {connection::AMQPMethod as C, exchange::AMQPMethod as E, queue::AMQPMethod as Q};
    Some(match class {
        AMQPClass::Connection(C::Start(start)) => &mut start.server_properties,
        AMQPClass::Connection(C::StartOk(start_ok)) => &mut start_ok.client_properties,
        AMQPClass::Exchange(E::Declare(declare)) => &mut declare.arguments,
        AMQPClass::Exchange(E::Bind(bind)) => &mut bind.arguments,
        AMQPClass::Exchange(E::Unbind(unbind)) => &mut unbind.arguments,
        AMQPClass::Queue(Q::Declare(declare)) => &mut declare.arguments,
        AMQPClass::Queue(Q::Bind(bind)) => &mut bind.arguments,
        AMQPClass::Queue(Q::Unbind(unbind)) => &mut unbind.arguments,
        AMQPClass::Basic(basic::AMQPMethod::Consume(consume)) => &mut consume.arguments,
        _ => return None,
    })
}

/// The prefetch-size in the payload of a `basic.qos`, which `amq-protocol` does not keep.
pub fn qos_prefetch_size(payload: &[u8]) -> u32 {
    payload
        .get(4..)
        .and_then(|arguments| Reader(arguments).u32().ok())
        .unwrap_or(0)
}

/// The name of a method, for instance `basic.publish`.
pub fn name(class: u16, method: u16) -> Option<&'static str> {
    Signature::of(class, method).map(|signature| signature.name)
}
