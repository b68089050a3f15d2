//! The mark of a retry: a header that counts how often somebody has sent a message back by hand.
//!
//! The header is the broker's own. Names such as `x-retry-count` are not, because applications count their own
//! attempts there and give up by them.

use ferrymq_amqp::content::with_header;
use ferrymq_amqp::{AMQPValue, Properties};

use crate::message::Message;

/// How often a job has sent the message back: 1 after the first time.
pub const RETRY_HEADER: &str = "x-redrive-count";

/// The message with one retry more in its headers, and everything else as it was.
pub(super) fn with_mark(message: &Message) -> Message {
    let properties = message.properties();
    let before = Properties::parse(properties).ok();
    let headers = before.and_then(|properties| properties.headers());
    let count = headers.and_then(|headers| headers.get(RETRY_HEADER)?.integer());
    let count = AMQPValue::LongLongInt(count.unwrap_or(0).max(0).saturating_add(1));
    message.with_properties(&with_header(properties, RETRY_HEADER, &count))
}

#[cfg(test)]
mod tests {
    use ferrymq_amqp::RawValue;
    use ferrymq_amqp::content::{NO_PROPERTIES, Property, PropertyValue, compose};

    use super::*;

    fn message(properties: &[u8]) -> Message {
        let bytes = [b"\x02ex\x03key", properties, b"body"].concat();
        Message::small(&bytes, 7, properties.len(), true)
    }

    /// What the header says after the first mark and the second.
    fn check(properties: &[u8], counts: [i64; 2]) -> Message {
        let mut marked = message(properties);
        for expected in counts {
            marked = with_mark(&marked);
            let after = Properties::parse(marked.properties()).unwrap();
            let count = after.headers().unwrap().get(RETRY_HEADER).unwrap();
            assert_eq!(count.integer(), Some(expected));
        }
        assert!(marked.is_persistent() && marked.own_bytes().ends_with(b"body"));
        assert_eq!(marked.address(), b"\x02ex\x03key");
        marked
    }

    fn headers(name: &str, value: AMQPValue) -> Vec<u8> {
        let mut table = ferrymq_amqp::FieldTable::default();
        table.insert(name.into(), value);
        compose(&[
            (Property::ContentType, PropertyValue::Text("a/b".into())),
            (Property::Headers, PropertyValue::Table(table)),
            (Property::Expiration, PropertyValue::Text("60000".into())),
        ])
    }

    #[test]
    fn a_message_without_headers_gets_some() {
        check(NO_PROPERTIES, [1, 2]);
        let only = compose(&[(Property::MessageId, PropertyValue::Text("id".into()))]);
        let marked = check(&only, [1, 2]);
        let after = Properties::parse(marked.properties()).unwrap();
        assert_eq!(after.message_id(), Some("id"));
    }

    #[test]
    fn other_headers_and_properties_stay() {
        let marked = check(&headers("x", AMQPValue::LongInt(7)), [1, 2]);
        let after = Properties::parse(marked.properties()).unwrap();
        assert_eq!(
            after.headers().unwrap().get("x"),
            Some(RawValue::LongInt(7))
        );
        assert_eq!(after.content_type(), Some("a/b"));
        assert!(marked.has_expiration());
    }

    #[test]
    fn whatever_stood_there_is_a_number_then() {
        check(&headers(RETRY_HEADER, AMQPValue::ShortInt(4)), [5, 6]);
        check(
            &headers(RETRY_HEADER, AMQPValue::LongString("x".into())),
            [1, 2],
        );
        check(&headers(RETRY_HEADER, AMQPValue::LongInt(-9)), [1, 2]);
        let most = AMQPValue::LongLongInt(i64::MAX);
        check(&headers(RETRY_HEADER, most), [i64::MAX; 2]);
    }
}
