//! Properties of messages that a broker itself publishes.

use amq_protocol::types::FieldTable;

use super::Property;
use super::properties::PERSISTENT;
use crate::table::encode_table;

/// Properties with these headers; `event_time`: of a persistent message with a timestamp, in seconds.
pub fn with_only_headers(headers: &FieldTable, event_time: Option<u64>) -> Vec<u8> {
    let mut flags = Property::Headers.flag();
    if event_time.is_some() {
        flags |= Property::DeliveryMode.flag() | Property::Timestamp.flag();
    }
    let mut out = flags.to_be_bytes().to_vec();
    encode_table(&mut out, headers);
    if let Some(seconds) = event_time {
        out.push(PERSISTENT);
        out.extend_from_slice(&seconds.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use amq_protocol::types::AMQPValue;

    use super::*;
    use crate::Properties;

    #[test]
    fn what_is_composed_can_be_parsed() {
        let mut headers = FieldTable::default();
        headers.insert("a".into(), AMQPValue::LongInt(1));
        let check = |event_time: Option<u64>| {
            let bytes = with_only_headers(&headers, event_time);
            let properties = Properties::parse(&bytes).unwrap();
            assert_eq!(properties.headers().unwrap().to_field_table(), headers);
            assert_eq!(properties.timestamp(), event_time);
            assert_eq!(properties.is_persistent(), event_time.is_some());
        };
        check(None);
        check(Some(1_700_000_000));
    }
}
