//! What may happen to a queue, at random; and with which features, and which messages.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::content::with_header;
use proptest::prelude::*;

use crate::message::Message;
use crate::queue::Return;
use crate::queue::options::{DeadLetterStrategy, Options, Overflow};
use crate::queue::retry::Retry;
use crate::queue::settings::{DeadLetter, DeliveryCounting, Features};

/// What somebody may do to a queue.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Publish(Publish),
    Get,
    Settle(usize),
    Reject(usize),
    Requeue(usize, Return),
    Subscribe {
        prefetch: u16,
    },
    Unsubscribe,
    Purge,
    /// Some of one priority leave memory: beyond so many at the head, also those that the log does not
    /// have; the log has so many of the candidates.
    PageOut {
        level: usize,
        keep: u64,
        all: bool,
        stored: usize,
    },
    /// Somebody begins to read, so many messages.
    BeginLoad(u64),
    /// The reading ends.
    FinishLoad,
    /// A policy changes the limits.
    Configure(Option<u64>),
    /// So many milliseconds pass.
    Pass(u64),
    /// Somebody takes messages out, from this place on every so many, to bring them elsewhere.
    TakeOut {
        from: usize,
        every: usize,
    },
    /// So many of them have arrived there.
    Arrive(usize),
    /// So many come back.
    Restore(usize),
    /// Somebody cancels a delayed message.
    CancelDelayed(usize),
}

#[derive(Debug, Clone)]
pub(super) struct Publish {
    pub(super) persistent: bool,
    pub(super) priority: u8,
    pub(super) size: usize,
    /// Milliseconds.
    pub(super) expiration: Option<u64>,
    /// Milliseconds.
    pub(super) delay: Option<u64>,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![
        Just(Return::Rejected),
        Just(Return::Nacked),
        Just(Return::Lost),
        Just(Return::TimedOut)
    ];
    prop_oneof![
        6 => (any::<bool>(), 0..4u8, 0..9usize, in_a_while(), in_a_while()).prop_map(
            |(persistent, priority, size, expiration, delay)| {
                Step::Publish(Publish { persistent, priority, size, expiration, delay })
            },
        ),
        2 => Just(Step::Get),
        3 => (0..8usize).prop_map(Step::Settle),
        1 => (0..8usize).prop_map(Step::Reject),
        3 => (0..8usize, how).prop_map(|(index, how)| Step::Requeue(index, how)),
        1 => (0..4u16).prop_map(|prefetch| Step::Subscribe { prefetch }),
        1 => Just(Step::Unsubscribe),
        1 => Just(Step::Purge),
        3 => (0..4usize, 0..4u64, any::<bool>(), 0..30usize).prop_map(|(level, keep, all, stored)| {
            Step::PageOut { level, keep, all, stored }
        }),
        2 => (1..6u64).prop_map(Step::BeginLoad),
        3 => Just(Step::FinishLoad),
        1 => prop::option::of(0..6u64).prop_map(Step::Configure),
        2 => (0..12u64).prop_map(Step::Pass),
        1 => (0..8usize, 1..4usize).prop_map(|(from, every)| Step::TakeOut { from, every }),
        1 => (1..4usize).prop_map(Step::Arrive),
        1 => (1..4usize).prop_map(Step::Restore),
        1 => (0..4usize).prop_map(Step::CancelDelayed),
    ]
}

/// Mostly never.
fn in_a_while() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![4 => Just(None), 1 => (0..30u64).prop_map(Some)]
}

fn retry() -> impl Strategy<Value = Option<Retry>> {
    let options = (1..10u64, 1..3u64).prop_map(|(delay, backoff)| Options {
        retry_delay: Some(Duration::from_millis(delay)),
        retry_backoff: Some(backoff),
        ..Options::default()
    });
    prop_oneof![
        3 => Just(None),
        1 => options.prop_map(|options| Retry::new(&options)),
    ]
}

pub(super) fn features() -> impl Strategy<Value = Features> {
    let overflow = prop_oneof![
        Just(Overflow::DropHead),
        Just(Overflow::RejectPublish),
        Just(Overflow::RejectPublishDeadLetter)
    ];
    let counting = prop_oneof![
        Just(DeliveryCounting::Returns),
        Just(DeliveryCounting::Failures)
    ];
    (
        any::<(bool, bool, bool)>(),
        (
            prop::option::of(0..8u64),
            prop::option::of(0..30u64),
            overflow,
        ),
        prop::option::of(1..4u8),
        (prop::option::of(0..4u16), counting),
        (in_a_while(), any::<bool>(), retry()),
    )
        .prop_map(
            |((persist_all, returned_first, dead_letter), limits, max_priority, delivery, time)| {
                let (message_ttl, delayed, retry) = time;
                Features {
                    persist_all,
                    returned_first,
                    max_length: limits.0,
                    max_length_bytes: limits.1,
                    overflow: limits.2,
                    message_ttl: message_ttl.map(Duration::from_millis),
                    delayed,
                    retry,
                    max_priority,
                    delivery_limit: delivery.0,
                    counting: delivery.1,
                    dead_letter: dead_letter.then(to_default_exchange),
                    ..Features::default()
                }
            },
        )
}

fn to_default_exchange() -> Arc<DeadLetter> {
    Arc::new(DeadLetter {
        exchange: "".into(),
        routing_key: None,
        strategy: DeadLetterStrategy::AtMostOnce,
    })
}

/// A message with a body of so many bytes.
pub(super) fn sized(size: usize, persistent: bool, priority: u8) -> Message {
    let bytes = [&[0, 0, 0x08, 0x00, priority][..], &vec![b'm'; size]].concat();
    Message::small(&bytes, 2, 3, persistent)
}

/// The same with a time to live and a delay, in milliseconds.
pub(super) fn with_times(
    size: usize,
    persistent: bool,
    priority: u8,
    expiration: Option<u64>,
    delay: Option<u64>,
) -> Message {
    let mut properties = vec![0x08, 0x00, priority];
    if let Some(milliseconds) = expiration {
        let text = milliseconds.to_string();
        properties[0] |= 0x01;
        properties.push(text.len() as u8);
        properties.extend_from_slice(text.as_bytes());
    }
    if let Some(milliseconds) = delay {
        let delay = AMQPValue::LongLongInt(milliseconds as i64);
        properties = with_header(&properties, "x-delay", &delay);
    }
    let bytes = [&[0, 0], &properties[..], &vec![b'm'; size]].concat();
    Message::small(&bytes, 2, properties.len(), persistent)
}
