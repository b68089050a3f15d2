//! One publishing connection.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use ferrymq_amqp::FrameKind;
use ferrymq_amqp::method::{AMQPClass, tx};

use super::answers::{Said, select_answers};
use super::confirms::Confirms;
use super::connection::{Connection, Interest};
use super::lane::{Answers, Lane, budget_in_turn};
use super::progress::Progress;
use super::ring::{BATCH_BYTES, Ring};
use super::schedule::Schedule;
use super::setup::Setup;
use super::transaction::Transaction;
use super::{Error, Load, clock};

/// How long a producer that can do nothing waits before it looks whether to stop.
const IDLE: Duration = Duration::from_millis(20);
/// How often a producer without a free place in the backlog looks again.
const BACKLOG_CHECK: Duration = Duration::from_micros(200);
/// The shortest wait for the next message that is due: the more are sent at once, the cheaper they are.
const PACE: Duration = Duration::from_micros(100);
/// One in at most so many messages carries the time.
const MAX_TIMED_EVERY: u64 = 64;
/// A producer that expects nothing looks into its inbox once in so many batches.
const BATCHES_PER_READ: u32 = 32;

/// A publishing connection, ready to start.
pub(super) struct Producer {
    connection: Connection,
    /// Its channels, which take turns: number 1 first.
    lanes: Vec<Lane>,
    /// The lane of the next message.
    next_lane: usize,
    ring: Ring,
    /// The next message's place in the ring.
    slot: usize,
    /// Bytes of the ring that are stamped and not yet written.
    pending: Range<usize>,
    targets: u64,
    /// Messages of all lanes, and how many they may send at all.
    sent: u64,
    limit: u64,
    /// Whether the broker has something to say to publishes, and how long the last answers may take.
    is_answered: bool,
    answer_timeout: Duration,
    /// One in so many messages carries the time.
    timed_every: u64,
    schedule: Option<Schedule>,
    /// Messages that all producers may be ahead of the consumers; 0 for any number.
    backlog: u64,
    copies: u64,
}

impl Producer {
    /// Connects the producer number `index`.
    pub(super) fn connect(setup: &Setup<'_>, index: u16) -> Result<Self, Error> {
        let args = setup.args;
        let publishing = &args.publishing;
        let uri = setup.uri(index.into());
        let mut connection = Connection::open(uri, &format!("perf producer {index}"))?;
        let channels = publishing.producer_channels.get();
        let seed = u64::from(index);
        let ring = Ring::new(setup.plan, args, channels, connection.frame_max, seed)?;
        let timed_every = timed_every(args, &ring);
        for channel in 1..=channels {
            if channel > 1 {
                connection.open_channel(channel)?;
            }
            select_answers(&mut connection, channel, args)?;
        }
        let lanes: Vec<_> = (0..channels)
            .map(|channel| lane(args, index * channels + channel, timed_every))
            .collect();
        Ok(Self {
            connection,
            limit: lanes
                .iter()
                .fold(0, |limit: u64, lane| limit.saturating_add(lane.limit())),
            lanes,
            next_lane: 0,
            ring,
            slot: 0,
            pending: 0..0,
            targets: setup.plan.targets(),
            sent: 0,
            is_answered: publishing.is_answered() || args.message.mandatory,
            answer_timeout: publishing.confirm_timeout,
            timed_every,
            schedule: Schedule::new(publishing.steps(), 0),
            backlog: publishing.backlog,
            copies: setup.plan.copies_per_message(),
        })
    }

    /// Publishes until told to stop or everything is sent, then waits for the last answers.
    /// Returns how many messages were sent, on each channel.
    pub(super) fn run(mut self, progress: &Progress) -> Result<Vec<u64>, Error> {
        if let Some(schedule) = &mut self.schedule {
            // Linux wakes a thread up to 50 µs late otherwise, and that would count as latency.
            rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
                .map_err(std::io::Error::from)?;
            schedule.restart(clock::now());
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
            if self.is_answered || blocked || batches.is_multiple_of(BATCHES_PER_READ) {
                self.read(progress)?;
            }
        }
        progress.last_sent.set(clock::now());
        self.note_unsent(progress);
        self.await_answers(progress)?;
        let sent = self.lanes.iter().map(Lane::sent).collect();
        progress.returned.add(self.connection.close()?);
        Ok(sent)
    }

    /// Whether nothing is left to send. A message that is written half is.
    fn is_finished(&self, progress: &Progress) -> bool {
        self.pending.is_empty() && (self.sent >= self.limit || progress.stop_publishing.is_raised())
    }

    /// How many messages may be sent now.
    fn budget(&self, now: u64, progress: &Progress) -> u64 {
        let mut budget = budget_in_turn(&self.lanes, self.next_lane);
        if let Some(schedule) = &self.schedule {
            budget = budget.min(schedule.due(now).saturating_sub(self.sent));
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
        let next = self.schedule.as_ref().map_or(IDLE, |schedule| {
            clock::between(now, schedule.due_time(self.sent)).clamp(PACE, IDLE)
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
        let slots = self.slot..self.slot + count as usize;
        self.stamp(slots.clone(), now);
        self.sent += count;
        self.slot = slots.end % self.ring.len();
        self.pending = self.ring.span(slots);
        progress.sent.add(count);
    }

    fn stamp(&mut self, slots: Range<usize>, now: u64) {
        let (schedule, targets, every) = (&self.schedule, self.targets, self.timed_every);
        let mut index = self.sent;
        let mut stamp = |lane: &mut Lane| {
            let due = || {
                schedule
                    .as_ref()
                    .map_or(now, |schedule| schedule.due_time(index))
            };
            let stamp = lane.publish(targets, every, due);
            index += 1;
            stamp
        };
        if let [lane] = &mut self.lanes[..] {
            return self.ring.stamp(slots, || stamp(lane));
        }
        let (lanes, next) = (&mut self.lanes, &mut self.next_lane);
        self.ring.stamp(slots, || {
            let stamp = stamp(&mut lanes[*next]);
            *next = (*next + 1) % lanes.len();
            stamp
        });
    }

    /// Writes commits that are due, then what is stamped, then commits that became due by that; false
    /// when the socket does not take all of it.
    fn write(&mut self) -> Result<bool, Error> {
        if !self.connection.flush_some()? {
            return Ok(false);
        }
        while !self.pending.is_empty() {
            let bytes = self.ring.bytes(self.pending.clone());
            let written = self.connection.write_some(bytes)?;
            if written == 0 {
                return Ok(false);
            }
            self.pending.start += written;
        }
        self.commit(false)
    }

    /// Sends commits of full transactions, with `last` of all that have something in them.
    fn commit(&mut self, last: bool) -> Result<bool, Error> {
        for (channel, lane) in (1..).zip(&mut self.lanes) {
            if lane.begin_commit(last) {
                let commit = tx::AMQPMethod::Commit(tx::Commit {});
                self.connection.send_on(channel, AMQPClass::Tx(commit));
            }
        }
        self.connection.flush_some()
    }

    /// Handles everything that the broker sent.
    fn read(&mut self, progress: &Progress) -> Result<(), Error> {
        if !self.connection.fill()? {
            return Ok(());
        }
        let mut said = Said::default();
        while let Some(frame) = self.connection.next_frame()? {
            if frame.kind == FrameKind::Method {
                let lane = usize::from(frame.channel).wrapping_sub(1);
                said.handle_method(frame.payload, self.lanes.get_mut(lane))?;
            }
        }
        progress.confirmed.add(said.confirmed);
        progress.nacked.add(said.nacked);
        progress.returned.add(said.returned);
        let now = clock::now();
        progress.confirm_latency.record(now, &mut said.times);
        Ok(())
    }

    /// Counts what was due and is not sent: that nobody waited for it must not stay unseen.
    fn note_unsent(&self, progress: &Progress) {
        if let Some(schedule) = &self.schedule {
            // What has become due since the last look is nobody's delay.
            let until = clock::now().saturating_sub(IDLE.as_nanos() as u64);
            let due = schedule.due(until).min(self.limit);
            progress.unsent.add(due.saturating_sub(self.sent));
        }
    }

    fn await_answers(&mut self, progress: &Progress) -> Result<(), Error> {
        let start = clock::now();
        while self.lanes.iter().any(|lane| lane.outstanding() > 0) {
            if clock::between(start, clock::now()) > self.answer_timeout {
                return Err(Error::Missing("confirms"));
            }
            let interest = match self.commit(true)? {
                true => Interest::Read,
                false => Interest::ReadOrWrite,
            };
            self.connection.wait(interest, IDLE)?;
            self.read(progress)?;
        }
        Ok(())
    }
}

/// The channel of the producer number `id`, all connections counted.
fn lane(args: &Load, id: u16, timed_every: u64) -> Lane {
    let publishing = &args.publishing;
    let lanes = publishing.lanes() as u64;
    let limit = match args.messages {
        0 => u64::MAX,
        total => total / lanes + u64::from(u64::from(id) < total % lanes),
    };
    let answers = match (publishing.confirm, publishing.producer_tx) {
        (0, 0) => Answers::Nothing,
        (0, size) => Answers::Commits(Transaction::new(size)),
        (window, _) => Answers::Confirms(Confirms::new(window, timed_every)),
    };
    Lane::new(id, limit, answers)
}

/// One in how many messages is timed: each when they are few, less when they are small and many.
fn timed_every(args: &Load, ring: &Ring) -> u64 {
    if !args.publishing.steps().is_empty() {
        return 1;
    }
    let by_size = (8 * 1024 / ring.message_bytes()).max(1) as u64;
    let window = args.publishing.confirm.max(args.publishing.producer_tx);
    let by_window = match window {
        0 => MAX_TIMED_EVERY,
        window => u64::from(window).div_ceil(MAX_TIMED_EVERY),
    };
    by_size.min(by_window).min(MAX_TIMED_EVERY)
}
