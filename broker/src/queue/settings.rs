//! What a queue obeys: its declaration, merged with the policies that apply to it.
//!
//! Most queues have no [`Features`]; one branch on that keeps their path plain.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_store::Durability;

use crate::queue::arguments::{Declared, QueueType};
use crate::queue::options::{DeadLetterStrategy, Deduplication, Options, Overflow};
use crate::queue::retry::Retry;

/// Quorum queues give up on a message after so many failed deliveries, unless told otherwise.
/// Source: RabbitMQ since 4.0.
const QUORUM_DELIVERY_LIMIT: i64 = 20;

/// How a queue treats its messages, its consumers and itself.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Persistent messages stand in the log.
    pub durable: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Only one consumer is served at a time.
    pub single_active_consumer: bool,
    /// All that a plain queue does without.
    pub features: Option<Arc<Features>>,
}

/// What a queue was asked for beyond keeping messages in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Every message is as good as persistent.
    pub persist_all: bool,
    /// A message that comes back goes before all others, not to its original position.
    pub returned_first: bool,
    /// A message that waits longer expires.
    pub message_ttl: Option<Duration>,
    /// Unused for so long, the queue goes.
    pub expires: Option<Duration>,
    /// Ready messages.
    pub max_length: Option<u64>,
    /// Body bytes of ready messages.
    pub max_length_bytes: Option<u64>,
    /// What happens beyond these.
    pub overflow: Overflow,
    /// Where dead messages go.
    pub dead_letter: Option<Arc<DeadLetter>>,
    /// The highest priority; at least 1.
    pub max_priority: Option<u8>,
    /// So many failed deliveries, and one more, are the end of a message.
    pub delivery_limit: Option<u16>,
    /// Which returns are failures.
    pub counting: DeliveryCounting,
    /// Messages may ask to be ready later.
    pub delayed: bool,
    /// Those whose delay is over leave for the dead-letter exchange.
    pub forwards_due: bool,
    /// How long a message that came back waits.
    pub retry: Option<Retry>,
    /// So many messages a second are handed out, at most.
    pub max_deliver_rate: Option<u64>,
    /// Drops messages that repeat a value.
    pub deduplication: Option<Box<Deduplication>>,
}

/// Where the messages go that a queue gives up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The exchange; empty is the default one.
    pub exchange: Arc<str>,
    /// Instead of a message's own routing keys.
    pub routing_key: Option<Arc<str>>,
    /// How sure it arrives.
    pub strategy: DeadLetterStrategy,
}

/// Which returns of a message count against its delivery limit, and are its `x-delivery-count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryCounting {
    /// Every one. Source: RabbitMQ up to 4.2.
    #[default]
    Returns,
    /// All but `basic.nack`, consumer time-outs and `basic.recover`. Source: RabbitMQ since 4.3.
    Failures,
}

/// What holds for queues whose declaration does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Defaults {
    /// Where the vhost does not say either.
    pub queue_type: QueueType,
    /// A quorum queue may be declared again as a classic one.
    pub relaxed_redeclaration: bool,
    /// What a confirm stands for.
    pub durability: Durability,
    /// Which returns are failures.
    pub counting: DeliveryCounting,
}

impl Settings {
    /// What follows from a declaration; `options`: its own, merged with the policies'.
    pub fn new(declared: &Declared, options: &Options, defaults: &Defaults) -> Self {
        let features = Features {
            max_priority: declared.arguments.max_priority,
            delayed: declared.arguments.delayed,
            ..Features::new(options, declared.arguments.queue_type, defaults.counting)
        };
        Self {
            durable: declared.flags.durable,
            auto_delete: declared.flags.auto_delete,
            single_active_consumer: declared.arguments.single_active_consumer,
            features: (features != Features::default()).then(|| Arc::new(features)),
        }
    }

    /// How long the queue may be unused.
    pub fn expires(&self) -> Option<Duration> {
        self.features.as_ref()?.expires
    }

    /// Messages whose delay is over are not ready: they leave.
    pub fn forwarding_due(mut self) -> Self {
        if let Some(features) = &mut self.features {
            Arc::make_mut(features).forwards_due = true;
        }
        self
    }

    /// Do messages leave when their delay is over?
    pub fn forwards_due(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|features| features.forwards_due)
    }

    /// Is a message kept that was published as `persistent`?
    #[inline]
    pub fn keeps(&self, persistent: bool) -> bool {
        let features = self.features.as_ref();
        self.durable && (persistent || features.is_some_and(|features| features.persist_all))
    }

    /// Does a message that comes back go before all others?
    pub fn returned_first(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|features| features.returned_first)
    }

    /// Where messages go that the queue gives up on.
    pub fn dead_letter(&self) -> Option<&Arc<DeadLetter>> {
        self.features.as_ref()?.dead_letter.as_ref()
    }

    /// Do they stay in the queue until they have arrived there?
    pub fn holds_dead(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|features| features.overflow == Overflow::RejectPublish)
            && self.wants_to_hold_dead()
    }

    /// Were they to stay until they have arrived? That takes an overflow that refuses.
    // Compat: with any other it has no effect.
    pub fn wants_to_hold_dead(&self) -> bool {
        let to = self.dead_letter();
        to.is_some_and(|to| to.strategy == DeadLetterStrategy::AtLeastOnce)
    }
}

impl Features {
    fn new(options: &Options, queue_type: QueueType, counting: DeliveryCounting) -> Self {
        let quorum = queue_type == QueueType::Quorum;
        let exchange = options.dead_letter_exchange.clone();
        Self {
            persist_all: quorum,
            returned_first: quorum,
            message_ttl: options.message_ttl,
            expires: options.expires,
            max_length: options.max_length,
            max_length_bytes: options.max_length_bytes,
            overflow: overflow(options.overflow, quorum),
            dead_letter: exchange.map(|exchange| {
                Arc::new(DeadLetter {
                    exchange,
                    routing_key: options.dead_letter_routing_key.clone(),
                    strategy: options.dead_letter_strategy.unwrap_or_default(),
                })
            }),
            max_priority: None,
            delivery_limit: delivery_limit(options.delivery_limit, quorum),
            counting,
            delayed: false,
            forwards_due: false,
            retry: Retry::new(options),
            max_deliver_rate: options.max_deliver_rate.filter(|rate| *rate > 0),
            deduplication: options.deduplication(),
        }
    }

    /// Is there any limit of its length?
    pub fn is_limited(&self) -> bool {
        self.max_length.is_some() || self.max_length_bytes.is_some()
    }
}

/// Compat: `reject-publish-dlx` is no mode of quorum queues; they drop instead.
fn overflow(asked: Option<Overflow>, quorum: bool) -> Overflow {
    match asked {
        Some(Overflow::RejectPublishDeadLetter) if quorum => Overflow::DropHead,
        asked => asked.unwrap_or_default(),
    }
}

/// Negative: none. A limit beyond what is counted is one of as much as is counted.
fn delivery_limit(asked: Option<i64>, quorum: bool) -> Option<u16> {
    let limit = asked.or(quorum.then_some(QUORUM_DELIVERY_LIMIT))?;
    let limit = u64::try_from(limit).ok()?;
    Some(u16::try_from(limit).unwrap_or(u16::MAX - 1))
}
