//! Messages as whole frames, made once and sent again and again.
//!
//! ```text
//! ring   rows, as many as make a batch and until contents and keys repeat
//! row    for each target a message on each channel of the connection
//! ```

use std::ops::Range;

use ferrymq_amqp::content::encode_content;
use ferrymq_amqp::method::{self, AMQPClass, basic};
use ferrymq_amqp::{ShortString, frame};

use super::contents::{Contents, lcm};
use super::plan::Plan;
use super::random::Random;
use super::stamp::{self, Stamp};
use super::{Error, Load};

/// Bytes written at once, and bytes of a ring whose messages are small.
pub(super) const BATCH_BYTES: usize = 128 * 1024;

/// After so many messages per target a ring must repeat.
const MAX_PERIOD: usize = 100_000;
/// Bytes of a ring, at most.
const MAX_BYTES: usize = 1 << 30;

/// Bytes of a random routing key, which is a number in hexadecimal.
const RANDOM_KEY_BYTES: usize = 16;

/// Encoded messages one behind the other.
pub(super) struct Ring {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    random_keys: Option<Random>,
}

/// Where a message ends, where its routing key begins, and where and how long the stamp in its body is.
/// All offsets are within a ring, which is much smaller than 4 GiB; the smaller a slot, the more of them
/// stay in the cache.
struct Slot {
    end: u32,
    key: u32,
    stamp: u32,
    stamp_bytes: u8,
}

impl Slot {
    #[inline]
    fn stamp(&self) -> Range<usize> {
        let start = self.stamp as usize;
        start..start + usize::from(self.stamp_bytes)
    }
}

impl Ring {
    /// Encodes messages for a connection whose channels are 1 to `channels`. `seed` makes what is random
    /// in it differ from other rings.
    pub(super) fn new(
        plan: &Plan,
        args: &Load,
        channels: u16,
        frame_max: u32,
        seed: u64,
    ) -> Result<Self, Error> {
        let contents = Contents::new(&args.message)?;
        let period = lcm(contents.period(), plan.key_period());
        if period > MAX_PERIOD {
            return Err(Error::Usage(format!(
                "--size, --body-file, --priority and --bindings repeat after {period} messages only"
            )));
        }
        let mut random = Random::new(seed);
        let mut ring = Self {
            bytes: Vec::new(),
            slots: Vec::new(),
            random_keys: args.topology.random_routing_key.then(|| Random::new(!seed)),
        };
        let mut row = 0;
        while ring.bytes.len() < BATCH_BYTES || row % period != 0 {
            let body = contents.body(row, &mut random);
            for target in 0..plan.targets() as usize {
                let key = match ring.random_keys {
                    Some(_) => "0".repeat(RANDOM_KEY_BYTES),
                    None => plan.routing_key(target, row),
                };
                for channel in 1..=channels {
                    let key = ring.append_publish(plan, &key, channel, args.message.mandatory)?;
                    let properties = contents.properties(row);
                    ring.append_content(key, channel, frame_max, properties, &body)?;
                }
            }
            if ring.bytes.len() > MAX_BYTES {
                return Err(Error::Usage(
                    "--size, --queues and --producer-channels take more than 1 GiB together"
                        .to_owned(),
                ));
            }
            row += 1;
        }
        Ok(ring)
    }

    /// Returns where the routing key begins.
    fn append_publish(
        &mut self,
        plan: &Plan,
        key: &str,
        channel: u16,
        mandatory: bool,
    ) -> Result<usize, Error> {
        let short = |text: &str| {
            ShortString::try_new(text)
                .map_err(|_| Error::Usage("a routing key is longer than 255 bytes".to_owned()))
        };
        let publish = basic::AMQPMethod::Publish(basic::Publish {
            exchange: short(&plan.exchange)?,
            routing_key: short(key)?,
            mandatory,
            ..basic::Publish::default()
        });
        method::encode(&mut self.bytes, channel, &AMQPClass::Basic(publish));
        // Behind the key are the flags and the frame's end.
        let end = self.bytes.len() - 2;
        Ok(end - key.len())
    }

    fn append_content(
        &mut self,
        key: usize,
        channel: u16,
        frame_max: u32,
        properties: &[u8],
        body: &[u8],
    ) -> Result<(), Error> {
        let start = self.bytes.len();
        encode_content(&mut self.bytes, channel, frame_max, properties, body);
        let header = frame::decode(&self.bytes[start..], u32::MAX)?;
        let header_bytes = header.map_or(0, |header| header.encoded_len());
        let body_start = start + header_bytes + frame::OVERHEAD - 1;
        self.slots.push(Slot {
            end: self.bytes.len() as u32,
            key: key as u32,
            stamp: body_start as u32,
            stamp_bytes: body.len().min(stamp::BYTES) as u8,
        });
        Ok(())
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of a message, on average.
    pub(super) fn message_bytes(&self) -> usize {
        self.bytes.len() / self.slots.len()
    }

    /// Says in each of some consecutive messages who sends it and when.
    #[inline]
    pub(super) fn stamp(&mut self, slots: Range<usize>, mut stamp: impl FnMut() -> Stamp) {
        let bytes = &mut self.bytes[..];
        for slot in &self.slots[slots.clone()] {
            stamp().write(&mut bytes[slot.stamp()]);
        }
        if let Some(random) = &mut self.random_keys {
            for slot in &self.slots[slots] {
                let key = slot.key as usize;
                let key = &mut bytes[key..key + RANDOM_KEY_BYTES];
                write_hexadecimal(random.next(), key);
            }
        }
    }

    /// Where in the ring's bytes some consecutive messages are.
    pub(super) fn span(&self, slots: Range<usize>) -> Range<usize> {
        let start = match slots.start {
            0 => 0,
            first => self.slots[first - 1].end as usize,
        };
        match slots.end {
            0 => start..start,
            end => start..self.slots[end - 1].end as usize,
        }
    }

    pub(super) fn bytes(&self, span: Range<usize>) -> &[u8] {
        &self.bytes[span]
    }
}

/// The number's digits, the lowest first, as many as there is room for.
fn write_hexadecimal(mut number: u64, out: &mut [u8]) {
    for digit in out {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ferrymq_amqp::Frame;
    use ferrymq_amqp::method::Method;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        load: Load,
    }

    fn load(arguments: &str) -> Load {
        let words = ["perf"].into_iter().chain(arguments.split_whitespace());
        CommandLine::try_parse_from(words).unwrap().load
    }

    /// What the first messages of a ring are: channel, routing key, bytes of the body.
    fn messages(ring: &Ring, count: usize) -> Vec<(u16, String, u64)> {
        let mut bytes = &ring.bytes[..];
        let mut found: Vec<(u16, String, u64)> = Vec::new();
        while found.len() < count || found.last().is_some_and(|last| last.2 == 0) {
            let frame: Frame<'_> = frame::decode(bytes, u32::MAX).unwrap().unwrap();
            if let Ok(Method::Publish(publish)) = method::decode(frame.payload) {
                found.push((frame.channel, publish.routing_key.to_owned(), 0));
            } else if frame.kind == ferrymq_amqp::FrameKind::Header {
                let header = ferrymq_amqp::ContentHeader::decode(frame.payload).unwrap();
                found.last_mut().unwrap().2 = header.body_size;
            }
            bytes = &bytes[frame.encoded_len()..];
        }
        found
    }

    fn check(arguments: &str, channels: u16, expected: &[(u16, &str, u64)]) {
        let args = load(arguments);
        let ring = Ring::new(&Plan::new(&args), &args, channels, 131_072, 1).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(channel, key, size)| (channel, key.to_owned(), size))
            .collect();
        assert_eq!(messages(&ring, expected.len()), expected, "{arguments}");
    }

    #[test]
    fn rows_of_messages() {
        check("--queue q", 1, &[(1, "q", 16), (1, "q", 16)]);
        check(
            "--queue q --size 16,20",
            1,
            &[(1, "q", 16), (1, "q", 20), (1, "q", 16)],
        );
        check("--queue q", 2, &[(1, "q", 16), (2, "q", 16), (1, "q", 16)]);
        check(
            "--queue q --queues 2 --size 16,20",
            2,
            &[
                (1, "q-0", 16),
                (2, "q-0", 16),
                (1, "q-1", 16),
                (2, "q-1", 16),
                (1, "q-0", 20),
            ],
        );
        check(
            "--queue q -e x -t topic --bindings 2",
            1,
            &[
                (1, "perf.q.0.x", 16),
                (1, "perf.q.1.x", 16),
                (1, "perf.q.0.x", 16),
            ],
        );
    }

    #[test]
    fn random_keys_differ() {
        let args = load("-e x -t x-consistent-hash --random-routing-key");
        let mut ring = Ring::new(&Plan::new(&args), &args, 1, 131_072, 1).unwrap();
        let stamp = Stamp {
            producer: 0,
            sequence: 0,
            time: 0,
        };
        ring.stamp(0..2, || stamp);
        let found = messages(&ring, 2);
        assert_ne!(found[0].1, found[1].1);
        assert_eq!(found[0].1.len(), RANDOM_KEY_BYTES);
    }

    #[test]
    fn a_period_without_end_is_refused() {
        let args = load("--size 16:997,17:1 --priority 1,2,3 -t topic --bindings 991");
        assert!(Ring::new(&Plan::new(&args), &args, 1, 131_072, 1).is_err());
    }
}
