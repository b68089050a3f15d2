//! Whole method frames. What goes out with every message is put together by hand.

use amq_protocol::protocol::{AMQPClass, gen_class};

use super::{ACK, NACK, id};
use crate::frame::{self, END, FrameKind, OVERHEAD};
use crate::table::short_string;

const RETURN: u32 = id(60, 50);
const DELIVER: u32 = id(60, 60);
const GET_OK: u32 = id(60, 71);

/// Appends any method.
pub fn encode(out: &mut Vec<u8>, channel: u16, method: &AMQPClass) {
    let start = out.len();
    out.extend_from_slice(&frame::head(FrameKind::Method, channel, 0));
    let generated = gen_class(method)(std::mem::take(out).into());
    let mut bytes = generated.expect("memory takes every byte").write;
    let size = (bytes.len() - start - (OVERHEAD - 1)) as u32;
    bytes[start + 3..start + 7].copy_from_slice(&size.to_be_bytes());
    bytes.push(END);
    *out = bytes;
}

/// The head of a method frame with `size` bytes of arguments, and the method.
#[inline]
fn head(channel: u16, id: u32, size: usize) -> [u8; 11] {
    let mut bytes = [0; 11];
    bytes[..7].copy_from_slice(&frame::head(FrameKind::Method, channel, size as u32 + 4));
    bytes[7..].copy_from_slice(&id.to_be_bytes());
    bytes
}

/// A delivery tag and an octet of flags.
#[inline]
fn tag_and_bits(delivery_tag: u64, bits: u8) -> [u8; 9] {
    let mut bytes = [bits; 9];
    bytes[..8].copy_from_slice(&delivery_tag.to_be_bytes());
    bytes
}

/// Appends `basic.deliver`. `consumer_tag` is a short string with its length octet, `address`
/// exchange and routing key likewise.
#[inline]
pub fn encode_deliver(
    out: &mut Vec<u8>,
    channel: u16,
    consumer_tag: &[u8],
    delivery_tag: u64,
    redelivered: bool,
    address: &[u8],
) {
    let size = consumer_tag.len() + 9 + address.len();
    out.reserve(size + 12);
    out.extend_from_slice(&head(channel, DELIVER, size));
    out.extend_from_slice(consumer_tag);
    out.extend_from_slice(&tag_and_bits(delivery_tag, u8::from(redelivered)));
    out.extend_from_slice(address);
    out.push(END);
}

/// Appends `basic.get-ok`. `address` is exchange and routing key as short strings.
pub fn encode_get_ok(
    out: &mut Vec<u8>,
    channel: u16,
    delivery_tag: u64,
    redelivered: bool,
    address: &[u8],
    message_count: u32,
) {
    out.extend_from_slice(&head(channel, GET_OK, 9 + address.len() + 4));
    out.extend_from_slice(&tag_and_bits(delivery_tag, u8::from(redelivered)));
    out.extend_from_slice(address);
    out.extend_from_slice(&message_count.to_be_bytes());
    out.push(END);
}

/// Appends `basic.return`. `address` is exchange and routing key as short strings.
pub fn encode_return(
    out: &mut Vec<u8>,
    channel: u16,
    reply_code: u16,
    reply_text: &str,
    address: &[u8],
) {
    let mut text = Vec::with_capacity(reply_text.len() + 1);
    short_string(&mut text, reply_text);
    out.extend_from_slice(&head(channel, RETURN, 2 + text.len() + address.len()));
    out.extend_from_slice(&reply_code.to_be_bytes());
    out.extend_from_slice(&text);
    out.extend_from_slice(address);
    out.push(END);
}

/// Appends `basic.ack`.
#[inline]
pub fn encode_ack(out: &mut Vec<u8>, channel: u16, delivery_tag: u64, multiple: bool) {
    encode_settlement(out, channel, ACK, delivery_tag, u8::from(multiple));
}

/// Appends `basic.nack`, as a broker sends it: nothing is requeued.
#[inline]
pub fn encode_nack(out: &mut Vec<u8>, channel: u16, delivery_tag: u64, multiple: bool) {
    encode_settlement(out, channel, NACK, delivery_tag, u8::from(multiple));
}

#[inline]
fn encode_settlement(out: &mut Vec<u8>, channel: u16, id: u32, delivery_tag: u64, bits: u8) {
    let mut bytes = [END; 21];
    bytes[..11].copy_from_slice(&head(channel, id, 9));
    bytes[11..20].copy_from_slice(&tag_and_bits(delivery_tag, bits));
    out.extend_from_slice(&bytes);
}
