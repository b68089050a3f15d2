//! Properties of messages that a broker itself publishes.

use amq_protocol::types::FieldTable;

use super::Property;
use super::properties::PERSISTENT;
use crate::table::{encode_table, short_string};

/// What a property holds.
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyValue {
    /// Text of at most 255 bytes; what is more is cut.
    Text(String),
    /// Delivery mode or priority.
    Octet(u8),
    /// A time stamp.
    Seconds(u64),
    /// Headers.
    Table(FieldTable),
}

/// Properties with these values, each of the type that its property has; of two for one property the first counts.
pub fn compose(values: &[(Property, PropertyValue)]) -> Vec<u8> {
    let find = |wanted: Property| values.iter().find(|(property, _)| *property == wanted);
    let values: Vec<_> = Property::ALL.into_iter().filter_map(find).collect();
    let flags = values.iter().map(|(property, _)| property.flag());
    let flags = flags.fold(0, |all: u16, flag| all | flag);
    let mut out = flags.to_be_bytes().to_vec();
    for (_, value) in values {
        match value {
            PropertyValue::Text(text) => short_string(&mut out, text),
            PropertyValue::Octet(number) => out.push(*number),
            PropertyValue::Seconds(seconds) => out.extend_from_slice(&seconds.to_be_bytes()),
            PropertyValue::Table(table) => encode_table(&mut out, table),
        }
    }
    out
}

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
    fn values_stand_in_the_order_of_the_wire() {
        let bytes = compose(&[
            (Property::AppId, PropertyValue::Text("a".repeat(300))),
            (Property::Timestamp, PropertyValue::Seconds(7)),
            (Property::ContentType, PropertyValue::Text("text".into())),
            (Property::DeliveryMode, PropertyValue::Octet(2)),
            (
                Property::Headers,
                PropertyValue::Table(FieldTable::default()),
            ),
        ]);
        let properties = Properties::parse(&bytes).unwrap();
        assert_eq!(properties.content_type(), Some("text"));
        assert_eq!(properties.timestamp(), Some(7));
        assert!(properties.is_persistent());
        assert_eq!(properties.app_id().unwrap().len(), 255);
        assert_eq!(compose(&[]), crate::content::NO_PROPERTIES);
    }

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
