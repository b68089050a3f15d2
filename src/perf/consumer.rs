//! One consuming connection.

use std::time::Duration;

use amq_protocol::uri::AMQPUri;
use ferrymq_amqp::content::ContentHeader;
use ferrymq_amqp::method::{self, AMQPClass, Method, basic};
use ferrymq_amqp::{Frame, FrameKind};

use super::connection::{CHANNEL, Connection, Interest, check_close, unexpected};
use super::plan::Plan;
use super::progress::Progress;
use super::ring::Stamp;
use super::verify::Tallies;
use super::{Args, Error, clock};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// How long a consumer waits for deliveries before it acks what it has, and looks whether to stop.
const IDLE: Duration = Duration::from_millis(20);
/// How many producers another run may have had whose messages are consumed.
const MAX_FOREIGN_PRODUCERS: usize = 256;
/// Class and method of `basic.deliver`.
const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// A consuming connection, its consumers started.
pub(super) struct Consumer {
    connection: Connection,
    deliveries: Deliveries,
}

/// What arrives, frame by frame.
struct Deliveries {
    verify: bool,
    tallies: Tallies,
    /// The queue and tag of the message whose frames are coming.
    queue: usize,
    delivery_tag: u64,
    /// Body bytes of it still to come, and whether any came.
    body_left: u64,
    body_started: bool,
    /// Ack every so many messages; 0 when the broker wants no acks.
    ack_every: u32,
    unacked: u32,
    acks: Vec<u8>,
    /// Of this batch: messages, those redelivered, and the times that were in them.
    received: u64,
    redelivered: u64,
    times: Vec<u64>,
}

impl Consumer {
    /// Connects the consumer number `index`, and lets deliveries begin.
    pub(super) fn connect(
        uri: &AMQPUri,
        args: &Args,
        plan: &Plan,
        index: usize,
    ) -> Result<Self, Error> {
        let mut connection = Connection::open(uri, &format!("perf consumer {index}"))?;
        connection.enlarge_buffer(READ_BYTES.max(2 * connection.frame_max as usize));
        let mut consumer = Self {
            connection,
            deliveries: Deliveries {
                verify: args.verifies(),
                tallies: Tallies::new(plan.queues.len(), producers(args)),
                queue: 0,
                delivery_tag: 0,
                body_left: 0,
                body_started: false,
                ack_every: if args.no_ack { 0 } else { args.ack_every() },
                unacked: 0,
                acks: Vec::new(),
                received: 0,
                redelivered: 0,
                times: Vec::new(),
            },
        };
        consumer.qos(args.prefetch)?;
        for queue in plan.queues_of(index, usize::from(args.consumers)) {
            consumer.consume(&plan.queues[queue], queue, args.no_ack);
        }
        while !consumer.connection.flush_some()? {
            consumer.connection.wait(Interest::ReadOrWrite, IDLE)?;
        }
        Ok(consumer)
    }

    fn qos(&mut self, prefetch_count: u16) -> Result<(), Error> {
        let qos = basic::AMQPMethod::Qos(basic::Qos {
            prefetch_count,
            global: false,
        });
        match self.connection.call(AMQPClass::Basic(qos))? {
            AMQPClass::Basic(basic::AMQPMethod::QosOk(_)) => Ok(()),
            other => Err(unexpected("basic.qos-ok", &other)),
        }
    }

    /// Starts consuming; the consumer tag is the queue's number. Deliveries may come before the answer
    /// is looked at.
    fn consume(&mut self, name: &str, queue: usize, no_ack: bool) {
        let consume = basic::AMQPMethod::Consume(basic::Consume {
            queue: name.into(),
            consumer_tag: queue.to_string().into(),
            no_ack,
            ..basic::Consume::default()
        });
        self.connection.send(AMQPClass::Basic(consume));
    }

    /// Consumes until told to stop. Returns what arrived.
    pub(super) fn run(mut self, progress: &Progress) -> Result<Tallies, Error> {
        while !progress.stop_consuming.is_raised() {
            if self.connection.fill()? {
                self.handle_batch(progress)?;
            } else if !self.connection.wait(self.interest(), IDLE)? {
                self.deliveries.ack();
                self.flush()?;
            }
        }
        self.deliveries.ack();
        self.flush()?;
        self.connection.close()?;
        Ok(self.deliveries.tallies)
    }

    fn handle_batch(&mut self, progress: &Progress) -> Result<(), Error> {
        let now = clock::now();
        while let Some(frame) = self.connection.next_frame()? {
            self.deliveries.handle_frame(frame)?;
        }
        self.flush()?;
        let deliveries = &mut self.deliveries;
        if deliveries.received > 0 {
            progress.last_received.set(now);
            progress
                .received
                .add(std::mem::take(&mut deliveries.received));
        }
        if deliveries.redelivered > 0 {
            progress
                .redelivered
                .add(std::mem::take(&mut deliveries.redelivered));
        }
        progress.latency.record(now, &mut deliveries.times);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.connection.outbound.append(&mut self.deliveries.acks);
        self.connection.flush_some().map(drop)
    }

    fn interest(&self) -> Interest {
        match self.connection.outbound.is_empty() {
            true => Interest::Read,
            false => Interest::ReadOrWrite,
        }
    }
}

impl Deliveries {
    #[inline]
    fn handle_frame(&mut self, frame: Frame<'_>) -> Result<(), Error> {
        match frame.kind {
            FrameKind::Method => match deliver(frame.payload) {
                Some(deliver) => {
                    self.queue = deliver.queue;
                    self.delivery_tag = deliver.delivery_tag;
                    self.redelivered += u64::from(deliver.redelivered);
                }
                None => handle_method(frame.payload)?,
            },
            FrameKind::Header => {
                self.body_left = ContentHeader::decode(frame.payload)?.body_size;
                self.body_started = false;
                if self.body_left == 0 {
                    self.complete();
                }
            }
            FrameKind::Body => self.handle_body(frame.payload),
            FrameKind::Heartbeat => {}
        }
        Ok(())
    }

    #[inline]
    fn handle_body(&mut self, piece: &[u8]) {
        if !self.body_started {
            self.body_started = true;
            self.look_at(piece);
        }
        self.body_left = self.body_left.saturating_sub(piece.len() as u64);
        if self.body_left == 0 {
            self.complete();
        }
    }

    #[inline]
    fn look_at(&mut self, body: &[u8]) {
        let Some(stamp) = Stamp::read(body) else {
            return;
        };
        if self.verify {
            self.tallies
                .count(self.queue, stamp.producer, stamp.sequence);
        }
        if stamp.time != 0 {
            self.times.push(stamp.time);
        }
    }

    #[inline]
    fn complete(&mut self) {
        self.received += 1;
        if self.ack_every > 0 {
            self.unacked += 1;
            if self.unacked == self.ack_every {
                self.ack();
            }
        }
    }

    /// Acks everything up to the last message.
    fn ack(&mut self) {
        if self.unacked > 0 {
            let multiple = self.unacked > 1;
            method::encode_ack(&mut self.acks, CHANNEL, self.delivery_tag, multiple);
            self.unacked = 0;
        }
    }
}

/// What matters of a `basic.deliver`.
struct Deliver {
    queue: usize,
    delivery_tag: u64,
    redelivered: bool,
}

#[inline]
fn deliver(payload: &[u8]) -> Option<Deliver> {
    let arguments = payload.strip_prefix(&DELIVER)?;
    let (&length, arguments) = arguments.split_first()?;
    let (tag, arguments) = arguments.split_at_checked(length.into())?;
    let (delivery_tag, arguments) = arguments.split_first_chunk()?;
    Some(Deliver {
        queue: tag
            .iter()
            .fold(0, |number, digit| number * 10 + usize::from(digit & 0xf)),
        delivery_tag: u64::from_be_bytes(*delivery_tag),
        redelivered: *arguments.first()? != 0,
    })
}

fn handle_method(payload: &[u8]) -> Result<(), Error> {
    match method::decode(payload)? {
        Method::Other(AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(_))) => Ok(()),
        Method::Other(class) => Err(unexpected("basic.deliver", &check_close(class)?)),
        _ => Ok(()),
    }
}

/// How many producers' messages are expected; without any it is another run that published them.
fn producers(args: &Args) -> usize {
    match args.producers {
        0 => MAX_FOREIGN_PRODUCERS,
        producers => producers.into(),
    }
}
