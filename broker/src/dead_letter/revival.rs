//! The way back: a dead letter as it was before its latest death.

use std::borrow::Cow;

use ferrymq_amqp::Properties;
use ferrymq_amqp::content::{append_without_expiration, with_expiration};

use crate::dead_letter::history::{self, History};
use crate::message::{BodyPieces, Message};

/// What of its death is undone beside its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revival {
    /// The headers that tell of its deaths stay. Then it is still a dead letter: the next death goes on with
    /// them, and where it died before it may count as going round in a circle.
    pub keep_history: bool,
    /// Its time to live begins anew, if it had one of its own.
    pub restore_expiration: bool,
}

/// A dead letter on its way back.
#[derive(Debug)]
pub struct Revived {
    /// The message, addressed as it was when it died.
    pub message: Message,
    /// The queue in which it died.
    pub queue: String,
}

/// The message that `message` was before its latest death; `None` when it never died.
pub fn revive(message: &Message, how: Revival) -> Option<Revived> {
    let properties = Properties::parse(message.properties()).ok()?;
    let headers = properties.headers();
    let history = History::of(message, headers);
    let death = history.latest()?;
    let own_key = message.routing_key();
    let mut bytes = Vec::with_capacity(message.own_bytes().len());
    for text in [death.exchange, death.routing_key.unwrap_or(own_key)] {
        // They were names when they were noted, of at most 255 bytes.
        let text = &text[..text.len().min(usize::from(u8::MAX))];
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text);
    }
    let address_len = bytes.len();
    let mut others = Vec::new();
    append_without_expiration(&mut others, &properties, |table| {
        let keeps = |name: &str| how.keep_history || !history::is_death_header(name);
        table.entries(headers.unwrap_or_default(), keeps);
    });
    let expiration = death.expiration.filter(|_| how.restore_expiration);
    let others = match expiration {
        Some(expiration) => with_expiration(&others, expiration),
        None => others,
    };
    bytes.extend_from_slice(&others);
    let message = match how.keep_history {
        true => message.dead(bytes, address_len, true),
        false => readdressed(message, bytes, address_len),
    };
    let queue = String::from_utf8_lossy(death.queue).into_owned();
    Some(Revived { message, queue })
}

/// A message that never died, with the same body.
fn readdressed(message: &Message, mut bytes: Vec<u8>, address_len: usize) -> Message {
    let persistent = message.is_persistent();
    match message.body() {
        BodyPieces::Small(body) => {
            let properties_len = bytes.len() - address_len;
            bytes.extend_from_slice(body);
            Message::small(&bytes, address_len, properties_len, persistent)
        }
        BodyPieces::Large(chunks) => Message::large(
            &bytes,
            address_len,
            persistent,
            Cow::from(chunks).into_owned(),
        ),
    }
}
