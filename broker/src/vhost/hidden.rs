//! Queues that exchanges keep messages in: what they remember, and what waits for its delay to end.
//!
//! They are queues like all others, but in no topology: no binding leads to them, nobody declares,
//! consumes or deletes them. They come and go with their exchange, and are durable if it is.

use std::sync::Arc;

use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_routing::{Exchange, ExchangeName, QueueName};
use ferrymq_store::Sequence;
use serde::{Deserialize, Serialize};

use super::{Change, Snapshot, VHost, end_queue};
use crate::actor::Actor;
use crate::auth::Permission;
use crate::definitions::Definition;
use crate::error::Error;
use crate::queue::Queue;
use crate::queue::arguments::{Declared, Flags, QueueType};
use crate::queue::settings::{Defaults, Settings};
use crate::queue::shared::{Durable, SharedQueue, Work};

/// Why an exchange keeps messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Until their delay is over.
    Delay,
    /// For queues to be bound.
    History,
}

/// The queues of one exchange.
#[derive(Clone, Default)]
pub struct Hidden {
    delay: Option<Arc<SharedQueue>>,
    history: Option<Arc<SharedQueue>>,
}

impl Purpose {
    /// In keys and values of definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::History => "history",
        }
    }

    /// What `exchange` needs queues for; `delays`: messages may wait at it.
    fn of(exchange: &Exchange, delays: bool) -> impl Iterator<Item = Self> {
        let history = exchange.history_length().map(|_| Self::History);
        let delay = delays.then_some(Self::Delay);
        history.into_iter().chain(delay)
    }

    /// What such a queue obeys.
    pub(crate) fn settings(self, declared: &Declared, defaults: &Defaults) -> Settings {
        let settings = Settings::new(declared, declared.arguments.options(), defaults);
        match self {
            Self::Delay => settings.forwarding_due(),
            Self::History => settings,
        }
    }

    /// How such a queue of `exchange` would have been declared.
    pub(crate) fn declared(self, exchange: &Exchange) -> Declared {
        let mut arguments = FieldTable::default();
        match self {
            Self::Delay => {
                let name = AMQPValue::LongString(exchange.name.as_str().into());
                arguments.insert("x-delayed".into(), AMQPValue::Boolean(true));
                arguments.insert("x-dead-letter-exchange".into(), name);
            }
            Self::History => {
                let length = exchange.history_length().unwrap_or_default();
                let length = AMQPValue::LongLongInt(length as i64);
                arguments.insert("x-max-length".into(), length);
            }
        }
        let flags = Flags {
            durable: exchange.durable,
            ..Flags::default()
        };
        Declared::parse(flags, false, arguments, QueueType::Classic)
            .expect("these arguments are valid")
    }
}

impl Hidden {
    /// The queue for `purpose`.
    pub fn get(&self, purpose: Purpose) -> Option<&Arc<SharedQueue>> {
        match purpose {
            Purpose::Delay => self.delay.as_ref(),
            Purpose::History => self.history.as_ref(),
        }
    }

    fn set(&mut self, purpose: Purpose, queue: Arc<SharedQueue>) {
        match purpose {
            Purpose::Delay => self.delay = Some(queue),
            Purpose::History => self.history = Some(queue),
        }
    }

    /// All of them.
    pub fn queues(&self) -> impl Iterator<Item = (Purpose, &Arc<SharedQueue>)> {
        let all = [Purpose::Delay, Purpose::History].into_iter();
        all.filter_map(|purpose| Some((purpose, self.get(purpose)?)))
    }

    /// What the log has of them, as the queues of `exchange`.
    pub(super) fn definitions(
        &self,
        vhost: &str,
        exchange: &ExchangeName,
    ) -> impl Iterator<Item = Definition> {
        self.queues().filter_map(move |(purpose, queue)| {
            let id = queue.durable.as_ref()?.id;
            Some(Definition::exchange_queue(vhost, exchange, purpose, id))
        })
    }
}

impl Snapshot {
    /// The queue that `exchange` has for `purpose`.
    pub fn hidden_queue(&self, exchange: &str, purpose: Purpose) -> Option<&Arc<SharedQueue>> {
        self.hidden.get(exchange)?.get(purpose)
    }

    /// All queues, those of exchanges too.
    pub(crate) fn all_queues(&self) -> impl Iterator<Item = &Arc<SharedQueue>> {
        let hidden = self.hidden.values().flat_map(Hidden::queues);
        self.queues.values().chain(hidden.map(|(_, queue)| queue))
    }

    /// Gives `exchange` a queue for `purpose`.
    pub(crate) fn add_hidden_queue(
        &mut self,
        exchange: &ExchangeName,
        purpose: Purpose,
        queue: Arc<SharedQueue>,
    ) {
        let hidden = self.hidden.entry(exchange.clone()).or_default();
        hidden.set(purpose, queue);
    }
}

impl Change<'_> {
    /// An exchange gets the queues that it needs and does not have.
    pub(super) fn create_hidden_queues(&mut self, exchange: &Exchange) {
        let name = exchange.name.as_str();
        if self.next.topology.exchange(name).is_none() {
            return;
        }
        for purpose in Purpose::of(exchange, self.next.topology.delays(name)) {
            if self.next.hidden_queue(name, purpose).is_none() {
                self.create_hidden_queue(exchange, purpose);
            }
        }
    }

    fn create_hidden_queue(&mut self, exchange: &Exchange, purpose: Purpose) {
        let vhost = self.vhost;
        let declared = purpose.declared(exchange);
        let durable = exchange.durable.then(|| {
            let id = vhost.paging.store().allocate_queue_id();
            let name = &exchange.name;
            self.put(Definition::exchange_queue(&vhost.name, name, purpose, id));
            Durable {
                id,
                durability: vhost.defaults.durability,
            }
        });
        let settings = purpose.settings(&declared, &vhost.defaults);
        let queue = SharedQueue::new(
            QueueName::from(exchange.name.as_str()),
            Arc::clone(&vhost.name),
            declared,
            None,
            durable,
            None,
            Queue::new(settings, Sequence(1)),
            Arc::clone(&vhost.paging),
        );
        self.next
            .add_hidden_queue(&exchange.name, purpose, Arc::new(queue));
    }

    /// An exchange goes, and with it what it kept.
    pub(super) fn remove_hidden_queues(&mut self, exchange: &ExchangeName) {
        let Some(hidden) = self.next.hidden.remove(exchange) else {
            return;
        };
        for definition in hidden.definitions(&self.vhost.name, exchange) {
            self.remove(definition);
        }
        self.ended.push(hidden);
    }
}

impl VHost {
    /// The queue in which `exchange` keeps messages until their delay is over, if `actor` may read from
    /// it: to list, count and cancel them there. `None`: it delays nothing.
    ///
    /// # Errors
    /// 403 without `read`, 404 when missing.
    pub fn delayed_in_exchange(
        &self,
        actor: &Actor,
        exchange: &str,
    ) -> Result<Option<Arc<SharedQueue>>, Error> {
        self.require_exchange(actor, Permission::Read, exchange)?;
        let snapshot = self.snapshot.load();
        if snapshot.topology.exchange(exchange).is_none() {
            return Err(Error::no_exchange(exchange, &self.name));
        }
        let queue = snapshot.hidden_queue(exchange, Purpose::Delay);
        Ok(queue.cloned())
    }

    /// Empties the queues of exchanges that went.
    pub(super) fn end_hidden_queues(ended: Vec<Hidden>) {
        let mut work = Work::default();
        for hidden in &ended {
            for (_, queue) in hidden.queues() {
                end_queue(queue, &mut work);
            }
        }
    }
}
