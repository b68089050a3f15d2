//! Bytes on their way to the client: frames in one buffer, large bodies as slices between them.
//!
//! A gate holds back everything behind it until the log has committed a point: the reply to a
//! declare must not be read before the declaration is on disk, and nothing overtakes it.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use ferrymq_amqp::content::{encode_content, encode_header, max_payload};
use ferrymq_amqp::frame;
use ferrymq_amqp::method::{self, AMQPClass};
use ferrymq_store::CommitPoint;

use crate::message::{BodyPieces, Message};

/// Unwritten bytes above which a connection takes no more deliveries out of its outbox.
const HIGH_WATER_BYTES: usize = 256 * 1024;

/// Unwritten bytes above which a connection handles no more requests: their replies must wait
/// for a client that does not read.
const REPLIES_HIGH_WATER_BYTES: usize = 4 * 1024 * 1024;

/// Slices in one vectored write.
pub const MAX_SLICES: usize = 64;

/// What waits to be written to one connection's socket.
#[derive(Default)]
pub struct Outbound {
    frames: Vec<u8>,
    /// Large body slices, each before the byte of `frames` at this index.
    slices: VecDeque<(usize, Bytes)>,
    /// How much of `frames` is written.
    written: usize,
    /// Unwritten bytes in `slices`.
    slice_bytes: usize,
    /// Where the stream stands: all bytes ever put in here.
    total_bytes: u64,
    /// Bytes from this place of the stream on wait for this point.
    gates: VecDeque<(u64, CommitPoint)>,
}

impl Outbound {
    /// The buffer for frames. Only append to it, through the closure.
    pub fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let before = self.frames.len();
        encode(&mut self.frames);
        self.total_bytes += (self.frames.len() - before) as u64;
    }

    /// A method frame.
    pub fn method(&mut self, channel: u16, method: AMQPClass) {
        self.append(|out| method::encode(out, channel, &method));
    }

    /// Header and body frames of `message`, none larger than `frame_max` bytes.
    pub fn content(&mut self, channel: u16, message: &Message, frame_max: u32) {
        self.content_with(channel, message, message.properties(), frame_max);
    }

    /// [`Outbound::content`] with other properties than the message's own.
    pub fn content_with(
        &mut self,
        channel: u16,
        message: &Message,
        properties: &[u8],
        frame_max: u32,
    ) {
        match message.body() {
            BodyPieces::Small(body) => {
                self.append(|out| encode_content(out, channel, frame_max, properties, body))
            }
            BodyPieces::Large(chunks) => {
                let body_len = message.body_len();
                self.append(|out| {
                    encode_header(out, channel, body_len, properties);
                });
                self.large_body(channel, chunks, body_len, frame_max);
            }
        }
    }

    /// Holds back whatever comes from now on until `point` is committed.
    pub fn gate(&mut self, point: CommitPoint) {
        if self.gates.back().is_none_or(|&(_, last)| last < point) {
            self.gates.push_back((self.total_bytes, point));
        }
    }

    /// Opens the gates up to `committed`; gives the point that is waited for next.
    pub fn open_gates(&mut self, committed: CommitPoint) -> Option<CommitPoint> {
        while let Some(&(_, point)) = self.gates.front() {
            if point > committed {
                return Some(point);
            }
            self.gates.pop_front();
        }
        None
    }

    /// Is nothing left to write?
    pub fn is_empty(&self) -> bool {
        self.unwritten_bytes() == 0
    }

    /// Is there something that may be written now?
    pub fn is_ready(&self) -> bool {
        self.writable_bytes() > 0
    }

    /// Has it room for more deliveries?
    pub fn has_room(&self) -> bool {
        self.unwritten_bytes() < HIGH_WATER_BYTES
    }

    /// Has it room for replies to further requests?
    pub fn has_room_for_replies(&self) -> bool {
        self.unwritten_bytes() < REPLIES_HIGH_WATER_BYTES
    }

    /// The next slices to write, in order, at most [`MAX_SLICES`] of them.
    pub fn writable<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        let mut allowed = self.writable_bytes();
        let mut at = self.written;
        let mut push = |bytes: &'a [u8]| {
            let bytes = &bytes[..bytes.len().min(allowed)];
            allowed -= bytes.len();
            if !bytes.is_empty() {
                slices.push(IoSlice::new(bytes));
            }
            allowed > 0 && slices.len() < MAX_SLICES
        };
        for (index, slice) in &self.slices {
            if !push(&self.frames[at..*index]) || !push(slice) {
                return;
            }
            at = *index;
        }
        push(&self.frames[at..]);
    }

    /// Notes that the first `count` bytes have been written.
    pub fn advance(&mut self, mut count: usize) {
        while let Some((index, slice)) = self.slices.front_mut() {
            let frames = (*index - self.written).min(count);
            self.written += frames;
            count -= frames;
            if self.written < *index || count == 0 {
                return;
            }
            let part = slice.len().min(count);
            let _ = slice.split_to(part);
            self.slice_bytes -= part;
            count -= part;
            if !slice.is_empty() {
                return;
            }
            self.slices.pop_front();
        }
        self.written += count;
        debug_assert!(self.written <= self.frames.len());
        if self.written == self.frames.len() {
            self.frames.clear();
            self.written = 0;
        }
    }

    /// Gives the buffer's memory back when nothing waits.
    pub fn release(&mut self) {
        if self.is_empty() {
            self.frames = Vec::new();
            self.slices = VecDeque::new();
            self.gates.shrink_to_fit();
        }
    }

    /// Drops everything that is not written yet.
    pub fn discard(&mut self) {
        self.frames.clear();
        self.slices.clear();
        self.gates.clear();
        self.written = 0;
        self.slice_bytes = 0;
    }

    fn unwritten_bytes(&self) -> usize {
        self.frames.len() - self.written + self.slice_bytes
    }

    fn writable_bytes(&self) -> usize {
        let unwritten = self.unwritten_bytes();
        match self.gates.front() {
            Some(&(place, _)) => unwritten - (self.total_bytes - place) as usize,
            None => unwritten,
        }
    }

    fn large_body(&mut self, channel: u16, chunks: &[Bytes], body_len: u64, frame_max: u32) {
        let frame_payload = max_payload(frame_max) as u64;
        let mut left = body_len;
        let mut room = 0;
        for chunk in chunks {
            let mut chunk = chunk.clone();
            while !chunk.is_empty() {
                if room == 0 {
                    room = left.min(frame_payload) as usize;
                    self.append(|out| frame::encode_body_head(out, channel, room as u32));
                }
                let slice = chunk.split_to(room.min(chunk.len()));
                room -= slice.len();
                left -= slice.len() as u64;
                self.slice(slice);
                if room == 0 {
                    self.append(|out| out.push(frame::END));
                }
            }
        }
    }

    fn slice(&mut self, slice: Bytes) {
        self.slice_bytes += slice.len();
        self.total_bytes += slice.len() as u64;
        self.slices.push_back((self.frames.len(), slice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes everything in steps of `step` bytes.
    fn written(outbound: &mut Outbound, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while outbound.is_ready() {
            let mut slices = Vec::new();
            outbound.writable(&mut slices);
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let count = bytes.len().min(step);
            out.extend_from_slice(&bytes[..count]);
            outbound.advance(count);
        }
        out
    }

    fn large_message() -> Message {
        let chunks = (0..5).map(|i| Bytes::from(vec![i; 3001])).collect();
        Message::large(b"\x00\x01k\x00\x00", 3, false, chunks)
    }

    #[test]
    fn any_write_size_gives_the_same_stream() {
        let stream = |step| {
            let mut outbound = Outbound::default();
            outbound.content(1, &large_message(), 4096);
            outbound.append(|out| out.extend_from_slice(b"tail"));
            let out = written(&mut outbound, step);
            assert!(outbound.is_empty());
            out
        };
        let whole = stream(usize::MAX);
        for step in [1, 7, 4096, 5000] {
            assert_eq!(stream(step), whole, "step {step}");
        }
    }

    #[test]
    fn large_bodies_are_cut_at_frame_max() {
        let mut outbound = Outbound::default();
        outbound.content(1, &large_message(), 4096);
        let stream = written(&mut outbound, usize::MAX);
        let mut rest = &stream[..];
        let mut body = Vec::new();
        while let Some(frame) = frame::decode(rest, 4096).unwrap() {
            assert!(frame.encoded_len() <= 4096);
            if frame.kind == frame::FrameKind::Body {
                body.extend_from_slice(frame.payload);
            }
            rest = &rest[frame.encoded_len()..];
        }
        assert!(rest.is_empty());
        assert_eq!(body.len(), 5 * 3001);
    }

    #[test]
    fn a_gate_holds_back_what_comes_after_it() {
        let mut outbound = Outbound::default();
        outbound.append(|out| out.extend_from_slice(b"before"));
        outbound.gate(CommitPoint(2));
        outbound.append(|out| out.extend_from_slice(b"after"));
        assert_eq!(written(&mut outbound, usize::MAX), b"before");
        assert_eq!(outbound.open_gates(CommitPoint(1)), Some(CommitPoint(2)));
        assert!(!outbound.is_ready());
        assert_eq!(outbound.open_gates(CommitPoint(2)), None);
        assert_eq!(written(&mut outbound, 2), b"after");
    }
}
