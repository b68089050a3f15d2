//! What should be true, worked out from the frames that the broker handled and wrote.
//!
//! The model hears each frame when the broker handles it, so it knows exactly what exists and in which
//! order messages came. It learns from what the broker writes who was handed what, and what was promised.
//! What it can't know (what was on its way to a connection when that ended, what a crash took) it keeps as
//! a possibility.

mod answers;
mod queue;
mod requests;
mod restart;
mod settlements;

use std::collections::{BTreeMap, VecDeque};

use crate::body::MessageId;

pub(crate) use queue::{Holder, Place, Queue};
pub(crate) use restart::{Down, Shown};

/// Frames are numbered by when they were handled.
pub(crate) type Moment = u64;

/// The number of a connection in this run.
pub(crate) type LinkId = usize;

/// A message as it was published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) length: usize,
    pub(crate) persistent: bool,
}

/// What should be true.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: Moment,
    /// All messages, by number.
    pub(crate) messages: Vec<Sent>,
    /// All queues of this life of the broker, deleted ones too.
    pub(crate) queues: BTreeMap<String, Queue>,
    pub(crate) bindings: Vec<Binding>,
    links: BTreeMap<LinkId, BTreeMap<u16, Channel>>,
    /// Whatever the log took up to then is durable, because something after it was promised.
    durable_until: Moment,
    /// Bits have flipped.
    pub(crate) any_damage: bool,
    /// What was checked, for the report.
    pub(crate) counts: Counts,
}

/// How much a run has checked.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) confirmed: u64,
    pub(crate) delivered: u64,
    pub(crate) restarts: u64,
}

/// A queue's binding to an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) exchange: String,
    pub(crate) queue: String,
    pub(crate) key: String,
    /// It survives a crash.
    pub(crate) promised: bool,
    /// It was removed, which a crash may undo.
    pub(crate) removed: bool,
}

/// A channel as the broker should see it.
#[derive(Default)]
pub(crate) struct Channel {
    mode: Mode,
    prefetch: u16,
    content: Option<Content>,
    incoming: Option<Incoming>,
    pub(crate) unacked: BTreeMap<u64, Unacked>,
    pub(crate) consumers: BTreeMap<String, Consumer>,
    /// The answers that are to come, in order.
    expected: VecDeque<Expected>,
    /// Unroutable mandatory messages that are to be returned, in order.
    returns: VecDeque<MessageId>,
    /// So many `recover-ok`s are to come; deliveries before them have gone back already.
    recovering: usize,
    /// What is still written is of no consequence: the channel has ended.
    ended: bool,
}

#[derive(Default)]
enum Mode {
    #[default]
    Plain,
    Confirm {
        last: u64,
        waiting: BTreeMap<u64, Published>,
    },
    Transaction(Transaction),
}

#[derive(Default)]
struct Transaction {
    publishes: Vec<Held>,
    settlements: Vec<(Outcome, Vec<u64>)>,
}

/// A publish in a transaction.
struct Held {
    message: MessageId,
    queues: Vec<String>,
    mandatory: bool,
}

/// What becomes of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Settle,
    Requeue,
}

/// A publish that waits for its confirm.
struct Published {
    at: Moment,
    message: MessageId,
    queues: Vec<String>,
    /// It must have gone through the log.
    logged: bool,
}

/// A message whose frames are being handled.
struct Content {
    exchange: String,
    key: String,
    mandatory: bool,
    size: usize,
    persistent: bool,
    body: Vec<u8>,
}

/// A message whose frames are being written.
struct Incoming {
    why: Why,
    size: usize,
    body: Vec<u8>,
}

enum Why {
    Deliver {
        consumer: String,
        tag: u64,
        redelivered: bool,
    },
    Got {
        get: Get,
        tag: u64,
        redelivered: bool,
    },
    Return,
}

/// A delivery that is not settled.
pub(crate) struct Unacked {
    queue: String,
    message: MessageId,
    pub(crate) consumer: Option<String>,
    /// Settled in a transaction that is not committed.
    held: bool,
}

pub(crate) struct Consumer {
    pub(crate) queue: String,
    pub(crate) no_ack: bool,
    pub(crate) prefetch: u16,
    /// It is no longer in its queue.
    pub(crate) gone: bool,
    /// What it got: the place, and since when that had been ready.
    delivered: Vec<(Place, Moment)>,
}

/// A `basic.get` whose answer is to come.
struct Get {
    queue: String,
    no_ack: bool,
    at: Moment,
    /// Nobody else could have taken anything.
    alone: bool,
    /// Then the first message in the queue, if there certainly was one.
    first: Option<Place>,
}

enum Expected {
    /// Nothing follows from it.
    Method(u16, u16),
    DeclareOk {
        queue: String,
        at: Moment,
        ready: (usize, usize),
    },
    BindOk(Binding),
    UnbindOk(Binding),
    CancelOk(String),
    Get(Get),
    PurgeOk {
        messages: (usize, usize),
    },
    DeleteOk(String),
    RecoverOk,
    CommitOk(Vec<Published>),
    /// The channel is closed by the broker with this code.
    Close(u16),
    CloseOk,
}

impl Model {
    /// A message that is about to be sent.
    pub(crate) fn new_message(&mut self, length: usize, persistent: bool) -> MessageId {
        let id = MessageId(self.messages.len() as u64);
        self.messages.push(Sent { length, persistent });
        id
    }

    /// The next moment.
    fn tick(&mut self) -> Moment {
        self.now += 1;
        self.now
    }

    /// The queues that are there.
    pub(crate) fn live_queues(&self) -> impl Iterator<Item = (&String, &Queue)> {
        self.queues
            .iter()
            .filter(|(_, queue)| queue.deleted.is_none())
    }

    fn live_queue(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues
            .get_mut(name)
            .filter(|queue| queue.deleted.is_none())
    }

    pub(crate) fn connected(&mut self, link: LinkId) {
        self.links.insert(link, BTreeMap::new());
    }

    /// Nothing more will come from a connection.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// A bit of a message has flipped. Tells whether the broker must find that out.
    pub(crate) fn damage(&mut self, message: MessageId) -> bool {
        self.any_damage = true;
        let mut matters = false;
        for queue in self.queues.values_mut() {
            // Whoever finds damage does not trust the note of a clean stop.
            for entry in queue.entries.values_mut() {
                entry.maybe_returned = true;
            }
            if let Ok((_, entry)) = queue.find(message) {
                matters |= entry.certain;
                entry.damaged = true;
                entry.certain = false;
            }
        }
        matters
    }

    /// The consumers of a queue that are there.
    fn consumers<'a>(
        &'a self,
        queue: &'a str,
    ) -> impl Iterator<Item = (&'a Channel, &'a String, &'a Consumer)> {
        let channels = self.links.values().flat_map(BTreeMap::values);
        channels.flat_map(move |channel| {
            let theirs = channel.consumers.iter();
            let theirs =
                theirs.filter(move |(_, consumer)| !consumer.gone && consumer.queue == queue);
            theirs.map(move |(tag, consumer)| (channel, tag, consumer))
        })
    }

    /// Whether a queue's messages may be on their way to somebody.
    fn has_takers(&self, queue: &str) -> bool {
        let channels = self.links.values().flat_map(BTreeMap::values);
        let mut open = channels.filter(|channel| !channel.ended);
        open.any(|channel| {
            let mut consumers = channel.consumers.values();
            let mut expected = channel.expected.iter();
            let incoming = channel.incoming.as_ref().map(|incoming| &incoming.why);
            consumers.any(|consumer| consumer.queue == queue)
                || matches!(incoming, Some(Why::Got { get, .. }) if get.queue == queue)
                || expected.any(|answer| matches!(answer, Expected::Get(get) if get.queue == queue))
        })
    }

    /// Everything has come to rest: whatever was to happen must have happened.
    pub(crate) fn check_quiet(&self) {
        for (link, channels) in &self.links {
            for (id, channel) in channels.iter().filter(|(_, channel)| !channel.ended) {
                channel.check_quiet(&format!("channel {id} of connection {link}"));
            }
        }
        for (name, queue) in self.live_queues() {
            let ready = queue.ready().0;
            for (channel, tag, consumer) in self.consumers(name) {
                let theirs = |unacked: &&Unacked| unacked.consumer.as_ref() == Some(tag);
                let held = channel.unacked.values().filter(theirs).count();
                let has_credit = consumer.prefetch == 0 || held < usize::from(consumer.prefetch);
                assert!(
                    ready == 0 || consumer.no_ack || !has_credit,
                    "{ready} messages wait in {name} though {tag} could take some"
                );
                assert!(
                    consumer.no_ack
                        || consumer.prefetch == 0
                        || held <= usize::from(consumer.prefetch),
                    "{tag} holds {held} messages with a prefetch of {}",
                    consumer.prefetch
                );
            }
        }
    }

    /// How many consumers a queue has.
    pub(crate) fn consumer_count(&self, queue: &str) -> usize {
        self.consumers(queue).count()
    }
}

impl Channel {
    fn check_quiet(&self, name: &str) {
        if let Some(expected) = self.expected.front() {
            panic!("{name}: no answer came: {}", expected.name());
        }
        assert!(
            self.returns.is_empty(),
            "{name}: messages were not returned"
        );
        if let Mode::Confirm { waiting, .. } = &self.mode {
            let tags: Vec<&u64> = waiting.keys().collect();
            assert!(tags.is_empty(), "{name}: never confirmed: {tags:?}");
        }
    }
}

impl Expected {
    fn name(&self) -> &'static str {
        match self {
            Self::Method(..) => "a plain answer",
            Self::DeclareOk { .. } => "queue.declare-ok",
            Self::BindOk(_) => "queue.bind-ok",
            Self::UnbindOk(_) => "queue.unbind-ok",
            Self::CancelOk(_) => "basic.cancel-ok",
            Self::Get(_) => "basic.get-ok or get-empty",
            Self::PurgeOk { .. } => "queue.purge-ok",
            Self::DeleteOk(_) => "queue.delete-ok",
            Self::RecoverOk => "basic.recover-ok",
            Self::CommitOk(_) => "tx.commit-ok",
            Self::Close(_) => "channel.close",
            Self::CloseOk => "channel.close-ok",
        }
    }
}

impl Counts {
    /// Adds what another run has checked.
    pub(crate) fn add(&mut self, other: Self) {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.delivered += other.delivered;
        self.restarts += other.restarts;
    }
}
