//! What becomes of a message that dies in a queue: a new message for the dead-letter exchange, with the
//! history of its deaths in its headers (amqp.md 16). Pure: who dies, and where the message goes then, is
//! decided elsewhere.
//!
//! Whether death headers are the broker's own is a flag of the [`Message`], so that a publisher's are
//! never taken for history, and never read at all.

mod counts;
mod history;
mod revival;
mod routing_keys;

use ferrymq_amqp::content::{append_without_expiration, with_header};
use ferrymq_amqp::{AMQPValue, Properties};
use ferrymq_routing::{DELAY_HEADER, delay};

use crate::clock::Timestamp;
use crate::dead_letter::history::{History, Latest};
use crate::message::Message;
use crate::queue::settings::DeadLetter;

pub use counts::{DeadLetterCounts, DeadLetterTotals};
pub use revival::{Revival, Revived, revive};
pub use routing_keys::{RoutingKeys, routing_keys};

/// Why a message died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterReason {
    /// A consumer rejected it for good.
    Rejected,
    /// Its time to live was over.
    Expired,
    /// It had to make room, or found none.
    MaxLength,
    /// It came back too often.
    DeliveryLimit,
    /// It did not die: its delay is over, and it goes on as it is.
    Due,
}

impl DeadLetterReason {
    /// How many reasons there are.
    pub const COUNT: usize = 5;

    /// Could messages that die that way go round in a circle for ever, with nobody's doing?
    pub fn may_go_round(self) -> bool {
        !matches!(self, Self::Rejected | Self::Due)
    }

    /// As it stands in `x-death`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
            Self::Due => "due",
        }
    }
}

/// One death.
#[derive(Debug, Clone, Copy)]
pub struct Death<'a> {
    /// The queue in which the message died,
    pub queue: &'a str,
    /// why,
    pub reason: DeadLetterReason,
    /// and when.
    pub at: Timestamp,
}

impl DeadLetter {
    /// The message that goes to the exchange for `message`, which died that way: another address, its
    /// history in its headers, no `expiration`. Everything else is as it was.
    pub fn publish(&self, message: &Message, death: &Death<'_>) -> Message {
        // Properties were checked when the message came.
        let properties = Properties::parse(message.properties()).ok();
        let headers = properties.and_then(|properties| properties.headers());
        let keys = routing_keys(message, headers);
        let history = History::of(message, headers);
        let latest = Latest {
            reason: death.reason,
            queue: death.queue,
            time: u64::from(death.at.as_seconds()),
            exchange: message.exchange(),
            routing_keys: &keys,
            expiration: properties.and_then(|properties| properties.expiration()),
        };
        let mut bytes = Vec::with_capacity(message.own_bytes().len() + NEW_HEADERS_BYTES);
        let address_len = self.append_address(&mut bytes, message);
        match properties {
            Some(properties) => append_without_expiration(&mut bytes, &properties, |table| {
                let others = headers.unwrap_or_default();
                table.entries(others, |name| !history::is_death_header(name));
                history.write(&latest, table);
            }),
            None => bytes.extend_from_slice(message.properties()),
        }
        message.dead(bytes, address_len, self.routing_key.is_none())
    }

    /// Exchange and routing key of the dead letter, as on the wire; gives their length.
    fn append_address(&self, bytes: &mut Vec<u8>, message: &Message) -> usize {
        let own_key = message.routing_key();
        let key = self.routing_key.as_ref().map(|key| key.as_bytes());
        for text in [self.exchange.as_bytes(), key.unwrap_or(own_key)] {
            // Names are at most 255 bytes: declarations and policies see to it.
            let text = &text[..text.len().min(usize::from(u8::MAX))];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
        bytes.len()
    }
}

/// The message that goes on when its delay is over: as it was, but that its delay counts no more.
pub fn due(message: &Message) -> Message {
    let properties = Properties::parse(message.properties()).ok();
    // Compat: RabbitMQ's plugin negates it, so that publishing the message again does not delay it again.
    let over = delay(properties.as_ref()).map_or(0, |milliseconds| -(milliseconds as i64));
    let over = AMQPValue::LongLongInt(over);
    message.with_properties(&with_header(message.properties(), DELAY_HEADER, &over))
}

/// What a first death adds to a message, about.
const NEW_HEADERS_BYTES: usize = 384;

/// Would the dead letter `message` go round in a circle in `queue`? It died there before, and since then
/// nobody has rejected it: nothing but time and limits drives it, for ever.
pub fn is_cycle(message: &Message, queue: &str) -> bool {
    message.has_died() && {
        let properties = Properties::parse(message.properties()).ok();
        let headers = properties.and_then(|properties| properties.headers());
        History::of(message, headers).is_cycle(queue.as_bytes())
    }
}

#[cfg(test)]
mod tests;
