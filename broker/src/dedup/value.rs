//! What is compared: a header or the `message-id` of a message, as a digest of 128 bits.

use ferrymq_amqp::{Properties, RawValue};
use sha2::{Digest as _, Sha256};

/// The header that holds the value unless the arguments name another.
pub const DEFAULT_HEADER: &str = "x-deduplication-header";
/// Asks for the property instead of a header.
const MESSAGE_ID: &str = "message-id";

/// Where a message's value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this header.
    Header(Box<str>),
    /// It is the property `message-id`.
    MessageId,
}

impl Source {
    /// By the argument `x-deduplication-header`.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some(MESSAGE_ID) => Self::MessageId,
            Some(header) => Self::Header(header.into()),
            None => Self::Header(DEFAULT_HEADER.into()),
        }
    }

    /// The value in these properties; `None`: there is none that could be compared.
    pub fn value(&self, properties: &Properties<'_>) -> Option<Value> {
        match self {
            Self::Header(name) => Value::of(properties.headers()?.get(name)?),
            Self::MessageId => properties.message_id().map(|id| Value::text(id.as_bytes())),
        }
    }
}

/// The digest of a value.
///
/// Nobody can find two values with the same one, with or without a key, because it is the half of a SHA-256.
/// So what is remembered is small, and of the same length for every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(super) [u64; 2]);

impl Value {
    /// The digest of a scalar. Integers are equal whatever their width, texts whatever their type.
    pub fn of(value: RawValue<'_>) -> Option<Self> {
        if let Some(number) = value.integer() {
            return Some(Self::digest(b'l', &number.to_le_bytes()));
        }
        Some(match value {
            RawValue::LongString(bytes) | RawValue::ByteArray(bytes) => Self::text(bytes),
            RawValue::Boolean(flag) => Self::digest(b't', &[u8::from(flag)]),
            RawValue::Float(number) => Self::float(f64::from(number)),
            RawValue::Double(number) => Self::float(number),
            RawValue::Timestamp(seconds) => Self::digest(b'T', &seconds.to_le_bytes()),
            RawValue::Decimal { scale, value } => {
                let [a, b, c, d] = value.to_le_bytes();
                Self::digest(b'D', &[scale, a, b, c, d])
            }
            _ => return None,
        })
    }

    /// The digest of a vhost's name and of one in it.
    pub(super) fn of_names(vhost: &str, name: &str) -> Self {
        let length = vhost.len().to_le_bytes();
        let bytes = [&length[..], vhost.as_bytes(), name.as_bytes()].concat();
        Self::digest(b'X', &bytes)
    }

    fn text(bytes: &[u8]) -> Self {
        Self::digest(b'S', bytes)
    }

    fn float(number: f64) -> Self {
        Self::digest(b'd', &number.to_le_bytes())
    }

    fn digest(kind: u8, bytes: &[u8]) -> Self {
        let digest = Sha256::new().chain_update([kind]).chain_update(bytes);
        let digest: [u8; 32] = digest.finalize().into();
        let half = |at: usize| {
            let bytes = digest[at..at + 8].try_into();
            u64::from_le_bytes(bytes.expect("eight bytes"))
        };
        Self([half(0), half(8)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_amqp::AMQPValue;
    use ferrymq_amqp::content::with_header;

    const NOTHING: &[u8] = &[0, 0];

    fn value(source: &Source, header: &str, value: &AMQPValue) -> Option<Value> {
        let properties = with_header(NOTHING, header, value);
        source.value(&Properties::parse(&properties).unwrap())
    }

    #[test]
    fn every_scalar_is_a_value_of_its_own() {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let scalars = [
            text("1"),
            text("2"),
            text(""),
            AMQPValue::LongInt(1),
            AMQPValue::LongInt(-1),
            AMQPValue::Boolean(true),
            AMQPValue::Double(1.0),
            AMQPValue::Timestamp(1),
            AMQPValue::DecimalValue(ferrymq_amqp::DecimalValue { scale: 0, value: 1 }),
        ];
        let source = Source::named(Some("h"));
        let values: Vec<_> = scalars
            .iter()
            .map(|scalar| value(&source, "h", scalar).unwrap())
            .collect();
        for (index, value) in values.iter().enumerate() {
            assert!(!values[..index].contains(value), "{:?}", scalars[index]);
        }
    }

    #[test]
    fn the_width_of_an_integer_does_not_matter() {
        let source = Source::named(None);
        let of = |number: &AMQPValue| value(&source, DEFAULT_HEADER, number).unwrap();
        assert_eq!(
            of(&AMQPValue::ShortShortUInt(7)),
            of(&AMQPValue::LongLongInt(7))
        );
    }

    #[test]
    fn what_is_no_scalar_is_no_value() {
        let source = Source::named(None);
        let of = |other: &AMQPValue| value(&source, DEFAULT_HEADER, other);
        assert_eq!(of(&AMQPValue::Void), None);
        assert_eq!(of(&AMQPValue::FieldTable(Default::default())), None);
        assert_eq!(value(&source, "other", &AMQPValue::LongInt(1)), None);
    }

    #[test]
    fn the_message_id_is_a_source() {
        let source = Source::named(Some(MESSAGE_ID));
        // The flag of message-id, then a short string.
        let properties = Properties::parse(b"\x00\x80\x02id").unwrap();
        assert_eq!(source.value(&properties), Some(Value::text(b"id")));
        let header = AMQPValue::LongString("id".into());
        assert_eq!(value(&source, MESSAGE_ID, &header), None);
    }
}
