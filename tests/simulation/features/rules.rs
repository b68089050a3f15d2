//! What a queue is declared with, and what messages ask for.

use std::time::Duration;

use ferrymq_broker::clock::Timestamp;
use ferrymq_tests::raw::{AMQPValue, BasicProperties, FieldTable, long_string, table};

use crate::dice::Dice;

/// What happens when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    DropHead,
    Reject,
    RejectDeadLetter,
}

/// The features of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    number: usize,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) max_length: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) dead_letters: bool,
    /// Dead letters stay until they have arrived, and what came back goes first.
    pub(crate) is_quorum: bool,
    pub(crate) max_priority: Option<u8>,
    pub(crate) delivery_limit: Option<u32>,
    pub(crate) delayed: bool,
}

impl Rules {
    pub(crate) fn draw(number: usize, dice: &mut Dice) -> Self {
        let overflows = [
            Overflow::DropHead,
            Overflow::Reject,
            Overflow::RejectDeadLetter,
        ];
        let rare = |dice: &mut Dice| dice.percent(40);
        let overflow = overflows[dice.below(3)];
        let is_quorum = overflow == Overflow::Reject && dice.percent(50);
        Self {
            number,
            ttl_ms: rare(dice).then(|| [5, 500, 5_000, 30_000][dice.below(4)]),
            max_length: rare(dice).then(|| dice.between(1, 15)),
            overflow,
            dead_letters: dice.percent(60),
            is_quorum,
            max_priority: (rare(dice) && !is_quorum).then(|| dice.between(1, 5) as u8),
            delivery_limit: rare(dice).then(|| dice.between(0, 3) as u32),
            delayed: rare(dice),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("queue-{}", self.number)
    }

    /// Where its dead letters go.
    pub(crate) fn dead_name(&self) -> String {
        format!("dead-{}", self.number)
    }

    pub(crate) fn queue_name(&self, dead: bool) -> String {
        match dead {
            true => self.dead_name(),
            false => self.name(),
        }
    }

    pub(crate) fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut set = |name: &str, value: AMQPValue| {
            arguments.insert(name.into(), value);
        };
        let long = |value: u64| AMQPValue::LongLongInt(value as i64);
        if let Some(ttl) = self.ttl_ms {
            set("x-message-ttl", long(ttl));
        }
        if let Some(length) = self.max_length {
            set("x-max-length", long(length as u64));
        }
        let overflow = match self.overflow {
            Overflow::DropHead => "drop-head",
            Overflow::Reject => "reject-publish",
            Overflow::RejectDeadLetter => "reject-publish-dlx",
        };
        set("x-overflow", long_string(overflow));
        if self.dead_letters {
            set("x-dead-letter-exchange", long_string(""));
            set("x-dead-letter-routing-key", long_string(&self.dead_name()));
            if self.is_quorum {
                set("x-dead-letter-strategy", long_string("at-least-once"));
            }
        }
        if self.is_quorum {
            set("x-queue-type", long_string("quorum"));
        }
        if let Some(highest) = self.max_priority {
            set("x-max-priority", long(highest.into()));
        }
        if let Some(limit) = self.delivery_limit {
            set("x-delivery-limit", long(limit.into()));
        }
        if self.delayed {
            set("x-delayed", AMQPValue::Boolean(true));
        }
        arguments
    }
}

/// What one message asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) priority: u8,
    expiration_ms: Option<u64>,
    delay_ms: Option<u64>,
    /// From the moment of its publishing on.
    pub(crate) due_ms: u64,
    /// How long it lives at most, from then on.
    pub(crate) lives_ms: Option<u64>,
}

impl Demand {
    pub(crate) fn draw(rules: &Rules, dice: &mut Dice) -> Self {
        let expiration_ms = dice
            .percent(15)
            .then(|| [0, 20, 2_000, 20_000][dice.below(4)]);
        let delay_ms = dice.percent(40).then(|| [5, 3_000, 40_000][dice.below(3)]);
        let due_ms = delay_ms.filter(|_| rules.delayed).unwrap_or(0);
        let lives = [expiration_ms, rules.ttl_ms];
        let lives_ms = lives.into_iter().flatten().min();
        Self {
            priority: dice.below(8) as u8,
            expiration_ms,
            delay_ms,
            due_ms,
            lives_ms: lives_ms.map(|lives| lives + due_ms),
        }
    }

    pub(crate) fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_priority(self.priority);
        if let Some(expiration) = self.expiration_ms {
            properties = properties.with_expiration(expiration.to_string().into());
        }
        if let Some(delay) = self.delay_ms {
            let delay = AMQPValue::LongLongInt(delay as i64);
            properties = properties.with_headers(table([("x-delay", delay)]));
        }
        properties
    }

    /// When it is gone if the broker took it at `from`.
    pub(crate) fn expires(&self, from: Timestamp) -> Option<Timestamp> {
        let lives = self.lives_ms?;
        Some(from.after(Duration::from_millis(lives)))
    }
}
