//! Messages as whole frames, made once and sent again and again.
//!
//! ```text
//! body   id u64: producer u16, sequence u48      (from 8 bytes on)
//!        time u64: nanoseconds, 0 when not taken (from 16 bytes on)
//!        filler
//! ```

use std::ops::Range;

use ferrymq_amqp::content::{NO_PROPERTIES, encode_content};
use ferrymq_amqp::method::{self, AMQPClass, basic};
use ferrymq_amqp::{ShortString, frame};

use super::connection::CHANNEL;
use super::plan::Plan;
use super::{Args, Error};

/// Bytes written at once, and bytes of a ring whose messages are small.
pub(super) const BATCH_BYTES: usize = 128 * 1024;

/// Properties that have nothing but a delivery mode of 2.
const PERSISTENT: &[u8] = &[0x10, 0, 2];

/// Bits of an id that are the sequence.
const SEQUENCE_BITS: u32 = 48;

/// The first bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) producer: u16,
    pub(super) sequence: u64,
    /// When the message was or should have been sent; 0 when nobody looked.
    pub(super) time: u64,
}

impl Stamp {
    /// Reads the stamp of a body that is long enough to have one.
    #[inline]
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (id, rest) = body.split_first_chunk()?;
        let id = u64::from_be_bytes(*id);
        let time = rest
            .first_chunk()
            .map_or(0, |time| u64::from_be_bytes(*time));
        Some(Self {
            producer: (id >> SEQUENCE_BITS) as u16,
            sequence: id & ((1 << SEQUENCE_BITS) - 1),
            time,
        })
    }

    #[inline]
    fn write(self, body: &mut [u8]) {
        let id = u64::from(self.producer) << SEQUENCE_BITS | self.sequence;
        if let Some((head, rest)) = body.split_first_chunk_mut() {
            *head = id.to_be_bytes();
            if let Some(head) = rest.first_chunk_mut() {
                *head = self.time.to_be_bytes();
            }
        }
    }
}

/// Encoded messages one behind the other, for each target in turn.
pub(super) struct Ring {
    bytes: Vec<u8>,
    /// Where each message ends, and where the first bytes of its body are.
    slots: Vec<Slot>,
}

struct Slot {
    end: usize,
    body: Range<usize>,
}

impl Ring {
    pub(super) fn new(plan: &Plan, args: &Args, frame_max: u32) -> Result<Self, Error> {
        let mut ring = Self {
            bytes: Vec::new(),
            slots: Vec::new(),
        };
        let body: Vec<u8> = (0..args.size).map(|index| index as u8).collect();
        let properties = match args.persistent {
            true => PERSISTENT,
            false => NO_PROPERTIES,
        };
        while ring.bytes.len() < BATCH_BYTES {
            for target in 0..plan.targets() as usize {
                ring.append_publish(&plan.exchange, plan.routing_key(target))?;
                ring.append_content(frame_max, properties, &body)?;
            }
        }
        Ok(ring)
    }

    fn append_publish(&mut self, exchange: &str, routing_key: &str) -> Result<(), Error> {
        let short =
            |text| ShortString::try_new(text).map_err(|_| Error::Arguments("a name is too long"));
        let publish = basic::AMQPMethod::Publish(basic::Publish {
            exchange: short(exchange)?,
            routing_key: short(routing_key)?,
            ..basic::Publish::default()
        });
        method::encode(&mut self.bytes, CHANNEL, &AMQPClass::Basic(publish));
        Ok(())
    }

    fn append_content(
        &mut self,
        frame_max: u32,
        properties: &[u8],
        body: &[u8],
    ) -> Result<(), Error> {
        let start = self.bytes.len();
        encode_content(&mut self.bytes, CHANNEL, frame_max, properties, body);
        let header = frame::decode(&self.bytes[start..], u32::MAX)?;
        let header_bytes = header.map_or(0, |header| header.encoded_len());
        let body_start = start + header_bytes + frame::OVERHEAD - 1;
        self.slots.push(Slot {
            end: self.bytes.len(),
            body: body_start..body_start + body.len().min(16),
        });
        Ok(())
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of a message, roughly.
    pub(super) fn message_bytes(&self) -> usize {
        self.bytes.len() / self.slots.len()
    }

    /// Says in a message who sends it and when.
    #[inline]
    pub(super) fn stamp(&mut self, slot: usize, stamp: Stamp) {
        let body = self.slots[slot].body.clone();
        if !body.is_empty() {
            stamp.write(&mut self.bytes[body]);
        }
    }

    /// Where in the ring's bytes some consecutive messages are.
    pub(super) fn span(&self, slots: Range<usize>) -> Range<usize> {
        let start = match slots.start {
            0 => 0,
            first => self.slots[first - 1].end,
        };
        match slots.end {
            0 => start..start,
            end => start..self.slots[end - 1].end,
        }
    }

    pub(super) fn bytes(&self, span: Range<usize>) -> &[u8] {
        &self.bytes[span]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_survive() {
        let stamp = Stamp {
            producer: 65_535,
            sequence: (1 << SEQUENCE_BITS) - 1,
            time: u64::MAX,
        };
        let mut body = [0; 20];
        stamp.write(&mut body);
        assert_eq!(Stamp::read(&body), Some(stamp));
        assert_eq!(Stamp::read(&body[..8]), Some(Stamp { time: 0, ..stamp }));
        assert_eq!(Stamp::read(&body[..7]), None);
    }
}
