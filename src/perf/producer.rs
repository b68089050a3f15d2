//! One publishing connection.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use amq_protocol::uri::AMQPUri;
use ferrymq_amqp::FrameKind;
use ferrymq_amqp::method::{self, AMQPClass, Method, confirm};

use super::confirms::Confirms;
use super::connection::{Connection, Interest, check_close, unexpected};
use super::plan::Plan;
use super::progress::Progress;
use super::ring::{BATCH_BYTES, Ring, Stamp};
use super::{Args, Error, clock};

/// How long a producer that can do nothing waits before it looks whether to stop.
const IDLE: Duration = Duration::from_millis(20);
/// How often a producer without a free place in the backlog looks again.
const BACKLOG_CHECK: Duration = Duration::from_micros(200);
/// The shortest wait for the next message that is due: the more are sent at once, the cheaper they are.
const PACE: Duration = Duration::from_micros(100);
/// How long the last confirms may take.
const LAST_CONFIRMS: Duration = Duration::from_secs(60);
/// One in at most so many messages carries the time.
const MAX_TIMED_EVERY: u64 = 64;
/// A producer that expects nothing looks into its inbox once in so many batches.
const BATCHES_PER_READ: u32 = 32;

/// A publishing connection, ready to start.
pub(super) struct Producer {
    connection: Connection,
    id: u16,
    ring: Ring,
    /// The next message's place in the ring.
    slot: usize,
    /// Bytes of the ring that are stamped and not yet written.
    pending: Range<usize>,
    targets: u64,
    sent: u64,
    /// How many messages to send at all.
    limit: u64,
    confirms: Option<Confirms>,
    /// One in so many messages carries the time.
    timed_every: u64,
    pace: Option<Pace>,
    /// Messages that all producers may be ahead of the consumers; 0 for any number.
    backlog: u64,
    copies: u64,
}

/// Messages at a steady rate: the n-th is due n / rate seconds after the start.
struct Pace {
    start: u64,
    rate: f64,
}

impl Pace {
    fn due_time(&self, message: u64) -> u64 {
        self.start + (message as f64 * 1e9 / self.rate) as u64
    }

    /// How many messages are due at `now`.
    fn due(&self, now: u64) -> u64 {
        (now.saturating_sub(self.start) as f64 * self.rate / 1e9) as u64 + 1
    }
}

impl Producer {
    /// Connects the producer number `id`.
    pub(super) fn connect(uri: &AMQPUri, args: &Args, plan: &Plan, id: u16) -> Result<Self, Error> {
        let mut connection = Connection::open(uri, &format!("perf producer {id}"))?;
        let ring = Ring::new(plan, args, connection.frame_max)?;
        let timed_every = timed_every(args, &ring);
        let confirms = match args.confirm {
            0 => None,
            window => {
                select_confirms(&mut connection)?;
                Some(Confirms::new(window, timed_every))
            }
        };
        let producers = u64::from(args.producers);
        Ok(Self {
            connection,
            id,
            ring,
            slot: 0,
            pending: 0..0,
            targets: plan.targets(),
            sent: 0,
            limit: match args.messages {
                0 => u64::MAX,
                total => total / producers + u64::from(u64::from(id) < total % producers),
            },
            confirms,
            timed_every,
            pace: (args.rate > 0).then(|| Pace {
                start: 0,
                rate: args.rate as f64 / producers as f64,
            }),
            backlog: args.backlog,
            copies: plan.copies_per_message(),
        })
    }

    /// Publishes until told to stop or everything is sent, then waits for the last confirms.
    /// Returns how many messages were sent.
    pub(super) fn run(mut self, progress: &Progress) -> Result<u64, Error> {
        if let Some(pace) = &mut self.pace {
            // Linux wakes a thread up to 50 µs late otherwise, and that would count as latency.
            rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
                .map_err(std::io::Error::from)?;
            pace.start = clock::now();
        }
        let mut batches = 0u32;
        while !self.is_finished(progress) {
            let now = clock::now();
            if self.pending.is_empty() {
                self.stamp_batch(now, progress);
            }
            let blocked = !self.write()?;
            let idle = self.pending.is_empty() && self.budget(now, progress) == 0;
            if blocked {
                self.connection.wait(Interest::ReadOrWrite, IDLE)?;
            } else if idle {
                let wait = self.idle_time(now);
                self.connection.wait(Interest::Read, wait)?;
            }
            batches = batches.wrapping_add(1);
            if self.confirms.is_some() || blocked || batches.is_multiple_of(BATCHES_PER_READ) {
                self.read(progress)?;
            }
        }
        progress.last_sent.set(clock::now());
        self.await_confirms(progress)?;
        let sent = self.sent;
        self.connection.close()?;
        Ok(sent)
    }

    /// Whether nothing is left to send. A message that is written half is.
    fn is_finished(&self, progress: &Progress) -> bool {
        self.pending.is_empty() && (self.sent >= self.limit || progress.stop_publishing.is_raised())
    }

    /// How many messages may be sent now.
    fn budget(&self, now: u64, progress: &Progress) -> u64 {
        let mut budget = self.limit - self.sent;
        if let Some(confirms) = &self.confirms {
            budget = budget.min(confirms.budget());
        }
        if let Some(pace) = &self.pace {
            budget = budget.min(pace.due(now).saturating_sub(self.sent));
        }
        if self.backlog > 0 {
            let open = progress
                .sent
                .get()
                .saturating_sub(progress.received.get() / self.copies);
            budget = budget.min(self.backlog.saturating_sub(open));
        }
        budget
    }

    /// How long to wait when nothing may be sent.
    fn idle_time(&self, now: u64) -> Duration {
        let next = self.pace.as_ref().map_or(IDLE, |pace| {
            clock::between(now, pace.due_time(self.sent)).clamp(PACE, IDLE)
        });
        match self.backlog {
            0 => next,
            _ => next.min(BACKLOG_CHECK),
        }
    }

    /// Stamps as many messages as may be sent and can be written at once.
    fn stamp_batch(&mut self, now: u64, progress: &Progress) {
        let in_batch = (BATCH_BYTES / self.ring.message_bytes()).max(1);
        let room = in_batch.min(self.ring.len() - self.slot) as u64;
        let count = self.budget(now, progress).min(room);
        if count == 0 {
            return;
        }
        let first = self.slot;
        for _ in 0..count {
            self.stamp_one(now);
        }
        self.pending = self.ring.span(first..self.slot);
        self.slot %= self.ring.len();
        progress.sent.add(count);
    }

    #[inline]
    fn stamp_one(&mut self, now: u64) {
        let time = match self.sent.is_multiple_of(self.timed_every) {
            true => self
                .pace
                .as_ref()
                .map_or(now, |pace| pace.due_time(self.sent)),
            false => 0,
        };
        let stamp = Stamp {
            producer: self.id,
            sequence: self.sent / self.targets,
            time,
        };
        self.ring.stamp(self.slot, stamp);
        if let Some(confirms) = &mut self.confirms {
            confirms.publish(time);
        }
        self.sent += 1;
        self.slot += 1;
    }

    /// Writes what is stamped; false when the socket does not take all of it.
    fn write(&mut self) -> Result<bool, Error> {
        while !self.pending.is_empty() {
            let bytes = self.ring.bytes(self.pending.clone());
            let written = self.connection.write_some(bytes)?;
            if written == 0 {
                return Ok(false);
            }
            self.pending.start += written;
        }
        Ok(true)
    }

    /// Handles everything that the broker sent.
    fn read(&mut self, progress: &Progress) -> Result<(), Error> {
        if !self.connection.fill()? {
            return Ok(());
        }
        let (mut confirmed, mut nacked, mut times) = (0, 0, Vec::new());
        while let Some(frame) = self.connection.next_frame()? {
            if frame.kind != FrameKind::Method {
                continue;
            }
            let (tag, multiple, counter) = match method::decode(frame.payload)? {
                Method::Ack {
                    delivery_tag,
                    multiple,
                } => (delivery_tag, multiple, &mut confirmed),
                Method::Nack {
                    delivery_tag,
                    multiple,
                    ..
                } => (delivery_tag, multiple, &mut nacked),
                Method::Other(class) => {
                    check_close(class)?;
                    continue;
                }
                _ => continue,
            };
            let Some(confirms) = &mut self.confirms else {
                continue;
            };
            *counter +=
                confirms
                    .settle(tag, multiple, &mut times)
                    .map_err(|_| Error::Unexpected {
                        expected: "a confirm of something unconfirmed",
                        received: format!("one of {tag}"),
                    })?;
        }
        progress.confirmed.add(confirmed);
        progress.nacked.add(nacked);
        progress.confirm_latency.record(clock::now(), &mut times);
        Ok(())
    }

    fn await_confirms(&mut self, progress: &Progress) -> Result<(), Error> {
        let start = clock::now();
        while self
            .confirms
            .as_ref()
            .is_some_and(|confirms| confirms.outstanding() > 0)
        {
            if clock::between(start, clock::now()) > LAST_CONFIRMS {
                return Err(Error::Arguments("confirms are missing"));
            }
            self.connection.wait(Interest::Read, IDLE)?;
            self.read(progress)?;
        }
        Ok(())
    }
}

/// One in how many messages is timed: each when they are few, less when they are small and many.
fn timed_every(args: &Args, ring: &Ring) -> u64 {
    if args.rate > 0 {
        return 1;
    }
    let by_size = (8 * 1024 / ring.message_bytes()).max(1) as u64;
    let by_window = match args.confirm {
        0 => MAX_TIMED_EVERY,
        window => u64::from(window).div_ceil(MAX_TIMED_EVERY),
    };
    by_size.min(by_window).min(MAX_TIMED_EVERY)
}

fn select_confirms(connection: &mut Connection) -> Result<(), Error> {
    let select = confirm::AMQPMethod::Select(confirm::Select::default());
    match connection.call(AMQPClass::Confirm(select))? {
        AMQPClass::Confirm(confirm::AMQPMethod::SelectOk(_)) => Ok(()),
        other => Err(unexpected("confirm.select-ok", &other)),
    }
}
