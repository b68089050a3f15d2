//! What happens in the broker, told to whoever listens: queues bound to `amq.rabbitmq.event`, and
//! subscribers in this process. While nobody does, an event costs one relaxed load.

mod clients;
mod event;
mod fields;
mod log;
mod objects;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use ferrymq_amqp::content;
use parking_lot::RwLock;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

use crate::clock::{self, Timestamp};
use crate::message::{BodyPieces, Message};
use crate::own_message;
use crate::vhost::VHost;

pub use clients::{Channel, Connection, ConsumerEvent, ConsumerMode, Login};
pub use event::Event;
pub use objects::{
    Alarm, BindingEvent, ExchangeEvent, ParameterEvent, PermissionEvent, PolicyEvent, QueueEvent,
};

/// The topic exchange that events are published to. The default vhost alone has it.
pub const EVENT_EXCHANGE: &str = "amq.rabbitmq.event";

/// Who did it, when the broker itself did.
pub const INTERNAL_USER: &str = "rmq-internal";

/// Events that a subscriber may fall behind; older ones are lost to it.
const MAX_LAG_EVENTS: usize = 4096;

/// An event, and when it happened.
#[derive(Debug)]
pub struct Occurrence {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// The one place that all events pass.
pub struct Events {
    /// Subscribers, and one more while something is bound to the exchange.
    listeners: AtomicUsize,
    subscribers: Sender<Arc<Occurrence>>,
    exchange: RwLock<EventExchange>,
}

/// The exchange's vhost.
#[derive(Default)]
struct EventExchange {
    vhost: Weak<VHost>,
    is_bound: bool,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            listeners: AtomicUsize::new(0),
            subscribers: Sender::new(MAX_LAG_EVENTS),
            exchange: RwLock::default(),
        }
    }
}

impl Events {
    /// Tells whoever listens. Must not be called with a queue locked.
    #[inline]
    pub fn emit(&self, event: impl FnOnce() -> Event) {
        if self.is_listening() {
            self.tell(event());
        }
    }

    /// The same for what an administrator did, which is logged besides.
    pub fn record(&self, event: impl FnOnce() -> Event) {
        let event = event();
        log::write(&event);
        self.emit(|| event);
    }

    /// Does anybody listen?
    #[inline]
    pub fn is_listening(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// All events from now on, for a listener in this process.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Subscription {
            receiver: self.subscribers.subscribe(),
            events: Arc::clone(self),
        }
    }

    /// The exchange is in `vhost` from now on.
    pub(crate) fn attach(&self, vhost: &Arc<VHost>) {
        self.exchange.write().vhost = Arc::downgrade(vhost);
        self.note_bindings(vhost.has_event_listeners());
    }

    /// Says whether anything is bound to the exchange.
    pub(crate) fn note_bindings(&self, is_bound: bool) {
        let mut exchange = self.exchange.write();
        match (
            std::mem::replace(&mut exchange.is_bound, is_bound),
            is_bound,
        ) {
            (false, true) => self.listeners.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.listeners.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    #[cold]
    fn tell(&self, event: Event) {
        let occurrence = Occurrence {
            at: clock::now(),
            event,
        };
        let vhost = {
            let exchange = self.exchange.read();
            exchange.is_bound.then(|| Weak::clone(&exchange.vhost))
        };
        if let Some(vhost) = vhost.and_then(|vhost| vhost.upgrade()) {
            vhost.publish_own(EVENT_EXCHANGE, occurrence.to_message(), occurrence.at);
        }
        // It fails when there are no subscribers.
        let _ = self.subscribers.send(Arc::new(occurrence));
    }
}

impl Occurrence {
    /// What RabbitMQ's plugin publishes: no body, everything in the headers, persistent.
    fn to_message(&self) -> Message {
        let mut headers = self.event.headers();
        headers.number("timestamp_in_ms", self.at.as_millis() as i64);
        let seconds = self.at.as_millis() / 1_000;
        let properties = content::with_only_headers(&headers.into_table(), Some(seconds));
        let key = self.event.routing_key();
        own_message::compose(EVENT_EXCHANGE, key, &properties, BodyPieces::Small(&[]))
    }
}

/// Events for one listener in this process.
pub struct Subscription {
    receiver: Receiver<Arc<Occurrence>>,
    events: Arc<Events>,
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard {
    /// An event.
    Event(Arc<Occurrence>),
    /// So many events were lost, because the subscriber was slow.
    Lost(u64),
}

impl Subscription {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(occurrence) => Heard::Event(occurrence),
            Err(RecvError::Lagged(lost)) => Heard::Lost(lost),
            Err(RecvError::Closed) => unreachable!("the sender lives in `events`"),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.events.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(name: usize) -> Event {
        Event::UserDeleted {
            name: name.to_string(),
            by: INTERNAL_USER.to_owned(),
        }
    }

    #[test]
    fn nothing_is_made_while_nobody_listens() {
        let events = Arc::new(Events::default());
        events.emit(|| unreachable!("nobody listens"));
        drop(events.subscribe());
        events.emit(|| unreachable!("nobody listens any more"));
        events.note_bindings(true);
        events.note_bindings(true);
        assert!(events.is_listening());
        events.note_bindings(false);
        assert!(!events.is_listening());
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_what_it_lost() {
        let events = Arc::new(Events::default());
        let mut subscription = events.subscribe();
        for number in 0..MAX_LAG_EVENTS + 3 {
            events.emit(|| deleted(number));
        }
        assert!(matches!(subscription.next().await, Heard::Lost(3)));
        match subscription.next().await {
            Heard::Event(next) => match &next.event {
                Event::UserDeleted { name, .. } => assert_eq!(name, "3"),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}
