//! Which keys a policy's definition may have: one flat table. What the values mean is for
//! `queue/options.rs`; queues.md 8.2 and 8.3.

use crate::queue::argument_rules::Check::{self, Age, Anything, Flag, Integer, OneOf, Text};
use crate::queue::argument_rules::{CACHE_SIZE, COUNT, MAX_SPAN_MS, NAME_BYTES, POSITIVE};
use crate::queue::arguments::QueueType;

pub(super) const ALTERNATE_EXCHANGE: &str = "alternate-exchange";
pub(super) const DELAYED_MESSAGE: &str = "delayed-message";

/// Of these a definition may have one.
pub(super) const FEDERATION: [&str; 3] = [
    "federation-upstream",
    "federation-upstream-set",
    "federation-upstream-pattern",
];

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// As in `… is not a valid message TTL`.
    pub(super) what: &'static str,
    pub(super) check: Check,
    /// Types of queues that a policy with this key leaves alone. On other types without a use for it
    /// the key has no effect.
    pub(super) unsupported: &'static [QueueType],
    /// What counts when a policy and an operator policy have it. `None`: operator policies can't.
    pub(super) operator: Option<Combine>,
}

/// What counts of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combine {
    Smaller,
    Larger,
    /// The smaller, but the larger when one of them is negative.
    Limit,
    /// The operator policy's.
    Operator,
}

use Combine::{Larger, Limit, Operator, Smaller};
use QueueType::{Classic, Quorum, Stream};

const NONE: &[QueueType] = &[];
const STREAMS: &[QueueType] = &[Stream];
const ALL_BUT_QUORUM: &[QueueType] = &[Classic, Stream];
const ALL_BUT_STREAMS: &[QueueType] = &[Classic, Quorum];

const fn key(
    name: &'static str,
    what: &'static str,
    check: Check,
    unsupported: &'static [QueueType],
    operator: Option<Combine>,
) -> Key {
    Key {
        name,
        what,
        check,
        unsupported,
        operator,
    }
}

/// Keys of features that are gone everywhere: kept, and without effect.
const fn obsolete(name: &'static str, what: &'static str) -> Key {
    key(name, what, Anything, NONE, None)
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const SPAN: Check = Integer(1, MAX_SPAN_MS);
const TEXT: Check = Text(usize::MAX);
const NAME: Check = Text(NAME_BYTES);

/// All of them. Compat: delivery limit, consumer time-out and delayed retry work on classic queues too;
/// obsolete keys keep no policy from matching.
pub(super) static KEYS: &[Key] = &[
    key(
        ALTERNATE_EXCHANGE,
        "alternate exchange name",
        NAME,
        NONE,
        None,
    ),
    key(FEDERATION[0], "upstream name", TEXT, NONE, None),
    key(FEDERATION[1], "upstream set name", TEXT, NONE, None),
    key(FEDERATION[2], "upstream pattern", TEXT, NONE, None),
    key(
        "message-ttl",
        "message TTL",
        Integer(0, MAX_SPAN_MS),
        STREAMS,
        Some(Smaller),
    ),
    key("expires", "queue expiry", SPAN, STREAMS, Some(Smaller)),
    key(
        "max-length",
        "maximum length",
        COUNT,
        STREAMS,
        Some(Smaller),
    ),
    key(
        "max-length-bytes",
        "maximum length in bytes",
        COUNT,
        NONE,
        Some(Smaller),
    ),
    key(
        "overflow",
        "overflow value",
        OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"]),
        STREAMS,
        Some(Operator),
    ),
    key(
        "dead-letter-exchange",
        "dead letter exchange name",
        NAME,
        STREAMS,
        None,
    ),
    key(
        "dead-letter-routing-key",
        "dead letter routing key",
        NAME,
        STREAMS,
        None,
    ),
    key(
        "dead-letter-strategy",
        "dead letter strategy",
        OneOf(&["at-most-once", "at-least-once"]),
        ALL_BUT_QUORUM,
        None,
    ),
    key(
        "delivery-limit",
        "delivery limit",
        Integer(i64::MIN, i64::MAX),
        STREAMS,
        Some(Limit),
    ),
    key("consumer-timeout", "consumer timeout", COUNT, NONE, None),
    key(
        "consumer-disconnected-timeout",
        "consumer disconnected timeout",
        COUNT,
        NONE,
        None,
    ),
    key(
        "delayed-retry-type",
        "delayed retry type",
        OneOf(&["disabled", "all", "failed", "returned"]),
        NONE,
        Some(Operator),
    ),
    key(
        "delayed-retry-min",
        "delayed retry minimum",
        SPAN,
        NONE,
        Some(Larger),
    ),
    key(
        "delayed-retry-max",
        "delayed retry maximum",
        SPAN,
        NONE,
        Some(Smaller),
    ),
    key("retry-delay", "retry delay", SPAN, STREAMS, None),
    key(
        "retry-backoff",
        "retry back-off",
        Integer(1, 100),
        STREAMS,
        None,
    ),
    key(
        "retry-max-delay",
        "maximum retry delay",
        SPAN,
        STREAMS,
        None,
    ),
    key(
        "max-deliver-rate",
        "maximum deliver rate",
        POSITIVE,
        STREAMS,
        None,
    ),
    key(
        "durability",
        "durability",
        OneOf(&["strict", "relaxed"]),
        STREAMS,
        None,
    ),
    key(
        "message-deduplication",
        "message deduplication",
        Flag,
        STREAMS,
        None,
    ),
    key("cache-size", "cache size", CACHE_SIZE, STREAMS, None),
    key("cache-ttl", "cache TTL", COUNT, STREAMS, None),
    key(
        "deduplication-header",
        "deduplication header",
        NAME,
        STREAMS,
        None,
    ),
    key(DELAYED_MESSAGE, "delayed message flag", Flag, NONE, None),
    key(
        "target-group-size",
        "target group size",
        POSITIVE,
        ALL_BUT_QUORUM,
        Some(Larger),
    ),
    key(
        "member-placement-tag",
        "member placement tag",
        NAME,
        NONE,
        Some(Operator),
    ),
    key(
        "initial-cluster-size",
        "initial cluster size",
        POSITIVE,
        ALL_BUT_STREAMS,
        None,
    ),
    key("max-age", "max age", Age, ALL_BUT_STREAMS, None),
    key(
        "stream-max-segment-size-bytes",
        "segment size",
        Integer(0, 3_000_000_000),
        ALL_BUT_STREAMS,
        None,
    ),
    key(
        "stream-filter-size-bytes",
        "filter size",
        Integer(16, 255),
        NONE,
        None,
    ),
    key(
        "queue-leader-locator",
        "queue leader locator value",
        OneOf(&["client-local", "balanced", "random", "least-leaders"]),
        NONE,
        None,
    ),
    key(
        "queue-version",
        "queue version",
        Integer(1, 2),
        NONE,
        Some(Operator),
    ),
    key(
        "max-in-memory-length",
        "maximum length in memory",
        COUNT,
        NONE,
        Some(Smaller),
    ),
    key(
        "max-in-memory-bytes",
        "maximum bytes in memory",
        COUNT,
        NONE,
        Some(Smaller),
    ),
    obsolete("queue-mode", "queue mode"),
    obsolete("queue-master-locator", "queue master locator"),
    obsolete("ha-mode", "mirroring mode"),
    obsolete("ha-params", "mirroring parameters"),
    obsolete("ha-sync-mode", "mirroring sync mode"),
    obsolete("ha-sync-batch-size", "mirroring sync batch size"),
    obsolete("ha-promote-on-shutdown", "mirror promotion mode"),
    obsolete("ha-promote-on-failure", "mirror promotion mode"),
];
