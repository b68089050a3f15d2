//! What brokers are kept busy with: one kind of load after another.

use std::ops::Range;

use super::places::{
    BACKLOG, COPIES, FLOW, RELAXED, SINGLE, TO_BACKLOG, TO_COPIES, TO_FLOW, TO_KEPT, TO_RELAXED,
    TO_SINGLE, TO_VOLATILE,
};
use super::{Consuming, Publishing, Work};

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Small messages to one queue and to three at once, consumers, changes of definitions.
    Mixed,
    /// Bodies from 100 KiB to 1 MiB.
    Large,
    /// 200,000 messages, drained while they come.
    Backlog,
    /// A large queue is purged.
    Purge,
    /// Several connections change definitions.
    Definitions,
    /// A few messages stay among many that do not, in every segment.
    Sprinkled,
    /// Queues whose confirms do not wait for the disk.
    Relaxed,
    /// Messages and a queue that must not come back.
    Transient,
}

const ALL: [Mix; 8] = [
    Mix::Mixed,
    Mix::Sprinkled,
    Mix::Definitions,
    Mix::Backlog,
    Mix::Purge,
    Mix::Large,
    Mix::Relaxed,
    Mix::Transient,
];

impl Mix {
    /// Each in turn.
    pub fn of_round(round: u64) -> Self {
        ALL[round as usize % ALL.len()]
    }

    /// After so many confirms something may happen to the broker.
    pub fn confirms(self) -> Range<u64> {
        match self {
            Self::Mixed | Self::Relaxed | Self::Transient => 1..12_000,
            Self::Large => 1..60,
            Self::Backlog => 1..200_000,
            Self::Purge => 1..60_000,
            Self::Definitions => 1..800,
            Self::Sprinkled => 1..15_000,
        }
    }

    /// A connection for each.
    pub fn work(self) -> Vec<Work> {
        let publish = Work::Publish;
        let consume = Work::Consume;
        match self {
            Self::Mixed => vec![
                publish(Publishing::to(TO_SINGLE)),
                publish(Publishing::to(TO_COPIES)),
                publish(Publishing::to(TO_SINGLE)),
                publish(Publishing::to(TO_COPIES)),
                consume(Consuming::from(SINGLE)),
                consume(Consuming::from(COPIES[0])),
                Work::ChangeDefinitions,
            ],
            Self::Large => vec![
                publish(large(Publishing::to(TO_SINGLE))),
                publish(large(Publishing::to(TO_COPIES))),
                consume(Consuming::from(SINGLE)),
            ],
            Self::Backlog => vec![
                publish(backlog()),
                consume(Consuming::fast(BACKLOG)),
                publish(Publishing::to(TO_SINGLE)),
            ],
            Self::Purge => vec![Work::Purge(20_000), publish(Publishing::to(TO_SINGLE))],
            Self::Definitions => vec![Work::ChangeDefinitions; 4],
            Self::Sprinkled => vec![
                publish(sprinkled()),
                publish(sprinkled()),
                consume(Consuming::fast(FLOW)),
            ],
            Self::Relaxed => vec![
                publish(Publishing::to(TO_RELAXED)),
                publish(Publishing::to(TO_RELAXED)),
                publish(Publishing::to(TO_COPIES)),
                consume(Consuming::from(RELAXED)),
            ],
            Self::Transient => vec![
                publish(transient()),
                publish(Publishing::to(TO_SINGLE)),
                consume(Consuming::from(SINGLE)),
            ],
        }
    }
}

fn large(publishing: Publishing) -> Publishing {
    Publishing {
        window: 10,
        bytes: vec![(1, 100 << 10..1 << 20)],
        persistent: 100,
        ..publishing
    }
}

fn backlog() -> Publishing {
    Publishing {
        window: 10_000,
        bytes: vec![(1, 0..100)],
        persistent: 95,
        limit: 200_000,
        ..Publishing::to(TO_BACKLOG)
    }
}

fn sprinkled() -> Publishing {
    Publishing {
        routes: vec![(99, TO_FLOW), (1, TO_KEPT)],
        bytes: vec![(1, 1_000..6_000)],
        persistent: 100,
        ..Publishing::to(TO_FLOW)
    }
}

fn transient() -> Publishing {
    Publishing {
        routes: vec![(1, TO_SINGLE), (1, TO_COPIES), (1, TO_VOLATILE)],
        persistent: 0,
        ..Publishing::to(TO_SINGLE)
    }
}
