//! What counts when a queue's arguments and its policy ask for the same: queues.md 8.3.
//!
//! What counts of a policy and an operator policy stands in the table of `keys.rs`.

use std::time::Duration;

use super::definition::smaller_limit;
use crate::queue::arguments::QueueType;
use crate::queue::options::Options;

/// What a queue of `queue_type` obeys, which was declared with `arguments` and has `policy`.
pub fn merge(arguments: &Options, policy: &Options, queue_type: QueueType) -> Options {
    let (a, p) = (arguments, policy);
    let is_stream = queue_type == QueueType::Stream;
    Options {
        message_ttl: smaller(a.message_ttl, p.message_ttl),
        expires: smaller(a.expires, p.expires),
        max_length: smaller(a.max_length, p.max_length),
        max_length_bytes: match is_stream {
            true => p.max_length_bytes.or(a.max_length_bytes),
            false => smaller(a.max_length_bytes, p.max_length_bytes),
        },
        overflow: match queue_type {
            QueueType::Quorum => p.overflow.or(a.overflow),
            _ => a.overflow.or(p.overflow),
        },
        dead_letter_exchange: first(&a.dead_letter_exchange, &p.dead_letter_exchange),
        dead_letter_routing_key: first(&a.dead_letter_routing_key, &p.dead_letter_routing_key),
        dead_letter_strategy: a.dead_letter_strategy.or(p.dead_letter_strategy),
        delivery_limit: both(a.delivery_limit, p.delivery_limit, smaller_limit),
        consumer_timeout: both(a.consumer_timeout, p.consumer_timeout, smaller_timeout),
        delayed_retry: p.delayed_retry.or(a.delayed_retry),
        delayed_retry_min: smaller(a.delayed_retry_min, p.delayed_retry_min),
        delayed_retry_max: smaller(a.delayed_retry_max, p.delayed_retry_max),
        retry_delay: a.retry_delay.or(p.retry_delay),
        retry_backoff: a.retry_backoff.or(p.retry_backoff),
        retry_max_delay: a.retry_max_delay.or(p.retry_max_delay),
        max_deliver_rate: smaller(a.max_deliver_rate, p.max_deliver_rate),
        leader_locator: a.leader_locator.or(p.leader_locator),
        durability: a.durability.or(p.durability),
        message_deduplication: a.message_deduplication.or(p.message_deduplication),
        cache_size: a.cache_size.or(p.cache_size),
        cache_ttl: a.cache_ttl.or(p.cache_ttl),
        deduplication_header: first(&a.deduplication_header, &p.deduplication_header),
    }
}

fn both<T>(a: Option<T>, b: Option<T>, choose: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(choose(a, b)),
        (a, b) => a.or(b),
    }
}

fn smaller<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    both(a, b, Ord::min)
}

fn first<T: Clone>(a: &Option<T>, b: &Option<T>) -> Option<T> {
    a.as_ref().or(b.as_ref()).cloned()
}

/// Zero is no time-out at all, so it is the longest.
fn smaller_timeout(a: Duration, b: Duration) -> Duration {
    match a.is_zero() || b.is_zero() {
        true => a.max(b),
        false => a.min(b),
    }
}
