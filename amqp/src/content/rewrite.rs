//! Properties with one thing changed and every other byte as it came.
//!
//! Bytes that are not properties come back unchanged.

use amq_protocol::types::AMQPValue;

use super::{Properties, Property};
use crate::table::{TableWriter, encode_value, short_string, with_length, write_table};

/// Without the header `name`, however often it is there.
pub fn without_header(properties: &[u8], name: &str) -> Vec<u8> {
    let Some(parsed) = parse(properties) else {
        return properties.to_vec();
    };
    let Some(headers) = parsed.headers().filter(|table| table.get(name).is_some()) else {
        return properties.to_vec();
    };
    replace(&parsed, Property::Headers, |out| {
        with_length(out, |out| {
            for (_, _, entry) in headers.spans().filter(|(found, _, _)| *found != name) {
                out.extend_from_slice(entry);
            }
        });
    })
}

/// With the header `name` set to `value`: in the place of the first that is there, or last.
/// A name of more than 255 bytes is cut.
pub fn with_header(properties: &[u8], name: &str, value: &AMQPValue) -> Vec<u8> {
    let Some(parsed) = parse(properties) else {
        return properties.to_vec();
    };
    let name = &name[..name.floor_char_boundary(usize::from(u8::MAX))];
    let headers = parsed.headers().unwrap_or_default();
    replace(&parsed, Property::Headers, |out| {
        with_length(out, |out| {
            let mut written = false;
            for (found, _, entry) in headers.spans() {
                if found != name {
                    out.extend_from_slice(entry);
                } else if !std::mem::replace(&mut written, true) {
                    encode_entry(out, name, value);
                }
            }
            if !written {
                encode_entry(out, name, value);
            }
        });
    })
}

/// With another `reply-to`, cut to 255 bytes.
pub fn with_reply_to(properties: &[u8], reply_to: &str) -> Vec<u8> {
    parse(properties).map_or_else(
        || properties.to_vec(),
        |parsed| {
            replace(&parsed, Property::ReplyTo, |out| {
                short_string(out, reply_to)
            })
        },
    )
}

/// With another `expiration`, cut to 255 bytes.
pub fn with_expiration(properties: &[u8], expiration: &str) -> Vec<u8> {
    parse(properties).map_or_else(
        || properties.to_vec(),
        |parsed| {
            replace(&parsed, Property::Expiration, |out| {
                short_string(out, expiration)
            })
        },
    )
}

/// Without `expiration`.
pub fn without_expiration(properties: &[u8]) -> Vec<u8> {
    parse(properties).map_or_else(
        || properties.to_vec(),
        |parsed| {
            let flags = parsed.flags() & !Property::Expiration.flag();
            splice(&parsed, flags, Property::Expiration, |_| {})
        },
    )
}

/// Appends the properties without `expiration`, and with the headers that `headers` writes instead of those
/// that were there.
pub fn append_without_expiration(
    out: &mut Vec<u8>,
    properties: &Properties<'_>,
    headers: impl FnOnce(&mut TableWriter<'_>),
) {
    let bytes = properties.as_bytes();
    let flags = (properties.flags() | Property::Headers.flag()) & !Property::Expiration.flag();
    let (headers_start, headers_end) = properties.span(Property::Headers);
    let (expiration_start, expiration_end) = properties.span(Property::Expiration);
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&bytes[2..headers_start]);
    write_table(out, headers);
    out.extend_from_slice(&bytes[headers_end..expiration_start]);
    out.extend_from_slice(&bytes[expiration_end..]);
}

fn parse(properties: &[u8]) -> Option<Properties<'_>> {
    Properties::parse(properties).ok()
}

fn encode_entry(out: &mut Vec<u8>, name: &str, value: &AMQPValue) {
    short_string(out, name);
    encode_value(out, value);
}

/// The properties with what `value` writes as the value of `property`.
fn replace(
    parsed: &Properties<'_>,
    property: Property,
    value: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    splice(parsed, parsed.flags() | property.flag(), property, value)
}

fn splice(
    parsed: &Properties<'_>,
    flags: u16,
    property: Property,
    value: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let bytes = parsed.as_bytes();
    let (start, end) = parsed.span(property);
    let mut out = Vec::with_capacity(bytes.len() + 64);
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&bytes[2..start]);
    value(&mut out);
    out.extend_from_slice(&bytes[end..]);
    out
}
