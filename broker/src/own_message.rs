//! Messages that the broker itself publishes: events and traces.

use ferrymq_amqp::Properties;

use crate::message::{BodyPieces, Message};

/// Bytes of a short string, at most.
const SHORT_STRING_BYTES: usize = u8::MAX as usize;

/// A message to `exchange`; a routing key of more than 255 bytes is cut.
pub(crate) fn compose(
    exchange: &str,
    routing_key: &str,
    properties: &[u8],
    body: BodyPieces<'_>,
) -> Message {
    let mut bytes = Vec::with_capacity(exchange.len() + routing_key.len() + properties.len() + 2);
    for text in [exchange, routing_key] {
        let text = &text[..text.floor_char_boundary(SHORT_STRING_BYTES)];
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
    let address_len = bytes.len();
    bytes.extend_from_slice(properties);
    let persistent = Properties::parse(properties).is_ok_and(|parsed| parsed.is_persistent());
    match body {
        BodyPieces::Small(body) => {
            bytes.extend_from_slice(body);
            Message::small(&bytes, address_len, properties.len(), persistent)
        }
        BodyPieces::Large(chunks) => {
            Message::large(&bytes, address_len, persistent, chunks.to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_amqp::content::NO_PROPERTIES;

    use super::*;

    #[test]
    fn an_address_fits_into_short_strings() {
        let long = "é".repeat(200);
        let message = compose("ex", &long, NO_PROPERTIES, BodyPieces::Small(b"body"));
        assert_eq!(message.exchange(), b"ex");
        assert_eq!(message.routing_key(), "é".repeat(127).as_bytes());
        assert_eq!(message.properties(), NO_PROPERTIES);
        assert_eq!(message.body_len(), 4);
    }
}
