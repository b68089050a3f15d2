//! What arrives on one channel, frame by frame, and how it is settled.

use ferrymq_amqp::content::ContentHeader;
use ferrymq_amqp::method::{self, AMQPClass, Method, basic, tx};
use ferrymq_amqp::{Frame, FrameKind};

use super::Error;
use super::args::{Consuming, Settlement};
use super::connection::{check_close, unexpected};
use super::stamp::Stamp;
use super::verify::Tallies;

/// Class and method of what a message starts with.
const DELIVER: [u8; 4] = [0, 60, 0, 60];
const GET_OK: [u8; 4] = [0, 60, 0, 71];

/// The state of a consuming channel.
pub(super) struct Deliveries {
    channel: u16,
    verify: bool,
    pub(super) tallies: Tallies,
    /// The queue and tag of the message whose frames are coming. Who polls says which queue.
    pub(super) queue: usize,
    delivery_tag: u64,
    /// Body bytes of it still to come, and whether any came.
    body_left: u64,
    body_started: bool,
    /// Whether it goes back into its queue.
    returning: bool,
    settlement: Settlement,
    /// Settle every so many messages, in a transaction or not; return every so many, or none for 0.
    ack_every: u32,
    is_transactional: bool,
    requeue_every: u32,
    until_requeue: u32,
    /// How many messages are to be settled, the last of them by this tag.
    unacked: u32,
    unacked_tag: u64,
    pub(super) acks: Vec<u8>,
    pub(super) batch: Batch,
}

/// What came since somebody looked: messages, those redelivered and returned, and the times in them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) received: u64,
    pub(super) redelivered: u64,
    pub(super) requeued: u64,
    pub(super) times: Vec<u64>,
}

/// What a frame was the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Nothing,
    Message,
    /// A queue that was asked had no message.
    Empty,
}

impl Deliveries {
    pub(super) fn new(channel: u16, consuming: &Consuming, verify: bool, tallies: Tallies) -> Self {
        Self {
            channel,
            verify,
            tallies,
            queue: 0,
            delivery_tag: 0,
            body_left: 0,
            body_started: false,
            returning: false,
            settlement: consuming.settlement(),
            ack_every: consuming.ack_every(),
            is_transactional: consuming.consumer_tx > 0,
            requeue_every: consuming.requeue_every,
            until_requeue: consuming.requeue_every,
            unacked: 0,
            unacked_tag: 0,
            acks: Vec::new(),
            batch: Batch::default(),
        }
    }

    /// Takes the next frame of the channel.
    // Called for three frames per message, which a call each would make a third dearer.
    #[inline(always)]
    pub(super) fn handle_frame(&mut self, frame: Frame<'_>) -> Result<Event, Error> {
        match frame.kind {
            FrameKind::Method => match deliver(frame.payload) {
                Some(deliver) => self.begin(&deliver),
                None => return self.handle_method(frame.payload),
            },
            FrameKind::Header => {
                self.body_left = ContentHeader::decode(frame.payload)?.body_size;
                self.body_started = false;
                if self.body_left == 0 {
                    self.complete();
                    return Ok(Event::Message);
                }
            }
            FrameKind::Body => return Ok(self.handle_body(frame.payload)),
            FrameKind::Heartbeat => {}
        }
        Ok(Event::Nothing)
    }

    #[inline]
    fn begin(&mut self, deliver: &Deliver) {
        self.queue = deliver.queue;
        self.start_message(deliver.delivery_tag, deliver.redelivered);
    }

    #[inline]
    fn start_message(&mut self, delivery_tag: u64, redelivered: bool) {
        self.delivery_tag = delivery_tag;
        self.batch.redelivered += u64::from(redelivered);
        if self.requeue_every > 0 {
            self.returning = !redelivered && self.is_to_return();
        }
    }

    #[cold]
    fn is_to_return(&mut self) -> bool {
        self.until_requeue -= 1;
        if self.until_requeue > 0 {
            return false;
        }
        self.until_requeue = self.requeue_every;
        true
    }

    #[inline(always)]
    fn handle_body(&mut self, piece: &[u8]) -> Event {
        if !self.body_started {
            self.body_started = true;
            self.look_at(piece);
        }
        self.body_left = self.body_left.saturating_sub(piece.len() as u64);
        if self.body_left > 0 {
            return Event::Nothing;
        }
        self.complete();
        Event::Message
    }

    #[inline]
    fn look_at(&mut self, body: &[u8]) {
        let Some(stamp) = Stamp::read(body) else {
            return;
        };
        if self.returning {
            return;
        }
        if self.verify {
            self.tallies
                .count(self.queue, stamp.producer, stamp.sequence);
        }
        if stamp.time != 0 {
            self.batch.times.push(stamp.time);
        }
    }

    #[inline]
    fn complete(&mut self) {
        if self.returning {
            return self.give_back();
        }
        self.batch.received += 1;
        if self.settlement != Settlement::Nothing {
            self.unacked += 1;
            self.unacked_tag = self.delivery_tag;
            if self.unacked == self.ack_every {
                self.settle();
            }
        }
    }

    #[cold]
    fn give_back(&mut self) {
        self.nack(self.delivery_tag, false, true);
        if self.is_transactional {
            self.commit();
        }
        self.batch.requeued += 1;
    }

    /// Settles everything up to the last message.
    pub(super) fn settle(&mut self) {
        if self.unacked == 0 {
            return;
        }
        let multiple = self.unacked > 1;
        let tag = self.unacked_tag;
        match self.settlement {
            Settlement::Nack => self.nack(tag, multiple, false),
            _ => method::encode_ack(&mut self.acks, self.channel, tag, multiple),
        }
        if self.is_transactional {
            self.commit();
        }
        self.unacked = 0;
    }

    fn nack(&mut self, delivery_tag: u64, multiple: bool, requeue: bool) {
        let nack = basic::AMQPMethod::Nack(basic::Nack {
            delivery_tag,
            multiple,
            requeue,
        });
        method::encode(&mut self.acks, self.channel, &AMQPClass::Basic(nack));
    }

    fn commit(&mut self) {
        let commit = tx::AMQPMethod::Commit(tx::Commit {});
        method::encode(&mut self.acks, self.channel, &AMQPClass::Tx(commit));
    }

    #[cold]
    fn handle_method(&mut self, payload: &[u8]) -> Result<Event, Error> {
        if let Some((delivery_tag, redelivered)) = payload.strip_prefix(&GET_OK).and_then(tag) {
            self.start_message(delivery_tag, redelivered);
            return Ok(Event::Nothing);
        }
        let Method::Other(class) = method::decode(payload)? else {
            return Ok(Event::Nothing);
        };
        match check_close(class)? {
            AMQPClass::Basic(basic::AMQPMethod::GetEmpty(_)) => Ok(Event::Empty),
            AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(_))
            | AMQPClass::Tx(tx::AMQPMethod::CommitOk(_)) => Ok(Event::Nothing),
            other => Err(unexpected("basic.deliver", &other)),
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
    let (consumer_tag, arguments) = arguments.split_at_checked(length.into())?;
    let (delivery_tag, redelivered) = tag(arguments)?;
    Some(Deliver {
        queue: consumer_tag
            .iter()
            .fold(0, |number, digit| number * 10 + usize::from(digit & 0xf)),
        delivery_tag,
        redelivered,
    })
}

/// A delivery tag and whether the message was delivered before.
#[inline]
fn tag(arguments: &[u8]) -> Option<(u64, bool)> {
    let (delivery_tag, arguments) = arguments.split_first_chunk()?;
    let redelivered = *arguments.first()? != 0;
    Some((u64::from_be_bytes(*delivery_tag), redelivered))
}
