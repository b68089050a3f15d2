//! `amq-protocol`'s tables and values to bytes.

use amq_protocol::types::{AMQPValue, FieldTable};

/// Appends a table with its length.
pub fn encode_table(out: &mut Vec<u8>, table: &FieldTable) {
    with_length(out, |out| {
        for (name, value) in table {
            short_string(out, name.as_str());
            encode_value(out, value);
        }
    });
}

/// Appends a value with its type.
pub fn encode_value(out: &mut Vec<u8>, value: &AMQPValue) {
    match value {
        AMQPValue::Boolean(value) => tagged(out, b't', [u8::from(*value)]),
        AMQPValue::ShortShortInt(value) => tagged(out, b'b', value.to_be_bytes()),
        AMQPValue::ShortShortUInt(value) => tagged(out, b'B', value.to_be_bytes()),
        AMQPValue::ShortInt(value) => tagged(out, b's', value.to_be_bytes()),
        AMQPValue::ShortUInt(value) => tagged(out, b'u', value.to_be_bytes()),
        AMQPValue::LongInt(value) => tagged(out, b'I', value.to_be_bytes()),
        AMQPValue::LongUInt(value) => tagged(out, b'i', value.to_be_bytes()),
        AMQPValue::LongLongInt(value) => tagged(out, b'l', value.to_be_bytes()),
        AMQPValue::Float(value) => tagged(out, b'f', value.to_be_bytes()),
        AMQPValue::Double(value) => tagged(out, b'd', value.to_be_bytes()),
        AMQPValue::DecimalValue(value) => {
            tagged(out, b'D', [value.scale]);
            out.extend_from_slice(&value.value.to_be_bytes());
        }
        // A short string has no type of its own in a table.
        AMQPValue::ShortString(value) => long_bytes(out, b'S', value.as_str().as_bytes()),
        AMQPValue::LongString(value) => long_bytes(out, b'S', value.as_bytes()),
        AMQPValue::ByteArray(value) => long_bytes(out, b'x', value.as_slice()),
        AMQPValue::Timestamp(value) => tagged(out, b'T', value.to_be_bytes()),
        AMQPValue::FieldArray(values) => {
            out.push(b'A');
            with_length(out, |out| {
                for value in values.as_slice() {
                    encode_value(out, value);
                }
            });
        }
        AMQPValue::FieldTable(table) => {
            out.push(b'F');
            encode_table(out, table);
        }
        AMQPValue::Void => out.push(b'V'),
    }
}

/// Appends a short string; a longer one is cut to 255 bytes between two characters.
pub(crate) fn short_string(out: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u8::MAX))];
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

/// Appends what `content` writes behind its length.
pub(crate) fn with_length(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

pub(super) fn tagged<const N: usize>(out: &mut Vec<u8>, tag: u8, bytes: [u8; N]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

pub(super) fn long_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
