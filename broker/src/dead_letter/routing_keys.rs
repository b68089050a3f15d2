//! The keys that a message is routed by.

use ferrymq_amqp::{RawTable, RawValue};
use smallvec::SmallVec;

use crate::message::Message;

/// Routing keys of one message: mostly one.
pub type RoutingKeys<'a> = SmallVec<[&'a str; 2]>;

/// The key that `message` was published with, then those of its `CC` header as long as they count.
/// (`BCC` is gone since it was published.)
pub fn routing_keys<'a>(message: &'a Message, headers: Option<RawTable<'a>>) -> RoutingKeys<'a> {
    let mut keys = RoutingKeys::new();
    // Checked to be UTF-8 when it came.
    keys.push(str::from_utf8(message.routing_key()).unwrap_or_default());
    if message.routes_by_cc()
        && let Some(RawValue::Array(copies)) = headers.and_then(|headers| headers.get("CC"))
    {
        keys.extend(copies.iter().filter_map(|key| key.string()));
    }
    keys
}
