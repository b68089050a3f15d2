//! Dead letters become publishes: each finds its route, and those for the same queues go together.

use ferrymq_amqp::Properties;
use ferrymq_routing::QueueName;
use ferrymq_store::CommitPoint;

use crate::dead_letter::{self, DeadLetterReason, RoutingKeys};
use crate::message::Message;
use crate::queue::Dead;
use crate::queue::shared::{DeadLetters, Work};
use crate::session::publishing::addressed;
use crate::vhost::{Pending, Route, VHost};

/// So many messages at most enter a queue under one lock.
pub(super) const RUN_MESSAGES: usize = 1024;

/// Dead letters on their way, in order.
pub(super) struct Run<'a> {
    vhost: &'a VHost,
    letters: &'a DeadLetters,
    /// Where the pending ones go.
    route: Route,
    pending: Pending,
    sent: Sent,
}

/// What became of dead letters.
pub(crate) struct Sent {
    /// When those that must survive are safe where they went.
    pub(crate) point: CommitPoint,
    /// How many were sent, by reason,
    pub(crate) by_reason: [u64; DeadLetterReason::COUNT],
    /// how many reached no queue,
    pub(crate) unroutable: u64,
    /// how many were refused by a queue that is full,
    pub(crate) refused: u64,
    /// and how many are damaged, and lost.
    pub(crate) unreadable: u64,
    /// A queue in which some would have gone round in a circle.
    pub(crate) cycle: Option<QueueName>,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            point: CommitPoint::ALWAYS,
            by_reason: [0; DeadLetterReason::COUNT],
            unroutable: 0,
            refused: 0,
            unreadable: 0,
            cycle: None,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(vhost: &'a VHost, letters: &'a DeadLetters) -> Self {
        Self {
            vhost,
            letters,
            route: Route::default(),
            pending: Pending::default(),
            sent: Sent::default(),
        }
    }

    /// Sends one more.
    pub(super) fn push(&mut self, dead: Dead, work: &mut Work) {
        let Some(message) = dead.message else {
            self.sent.unreadable += 1;
            return;
        };
        let reason = dead.reason;
        self.sent.by_reason[reason as usize] += 1;
        let message = self.letters.publish(&message, reason, dead.died_at);
        // Properties were checked when the message came.
        let properties = Properties::parse(message.properties()).ok();
        let headers = properties.and_then(|properties| properties.headers());
        let keys = dead_letter::routing_keys(&message, headers);
        if !self.continues_with(&message, &keys) {
            self.flush(work);
            self.route = self.find_route(&message, reason, &keys, properties.as_ref());
        }
        drop(keys);
        if reason.may_go_round() && self.is_cut(&message, work) {
            return;
        }
        self.sent.unroutable += u64::from(self.route.is_unroutable());
        if !self.route.is_empty() {
            self.pending.messages.push(message);
        }
    }

    /// All are on their way.
    pub(super) fn end(mut self, work: &mut Work) -> Sent {
        self.flush(work);
        self.sent
    }

    /// A message that was only delayed keeps the address that it was published to, and is routed by the
    /// exchange at which it waited.
    fn find_route(
        &self,
        message: &Message,
        reason: DeadLetterReason,
        keys: &[&str],
        properties: Option<&Properties<'_>>,
    ) -> Route {
        let vhost = self.vhost;
        match reason {
            DeadLetterReason::Due => {
                let exchange = &self.letters.target.exchange;
                vhost.find_due_route(exchange, keys, properties)
            }
            _ => vhost.find_route(addressed(message).0, keys, properties),
        }
    }

    /// Does it go where the pending ones go?
    fn continues_with(&self, message: &Message, keys: &RoutingKeys<'_>) -> bool {
        let pending = &self.pending.messages;
        let Some(last) = pending.last().filter(|_| pending.len() < RUN_MESSAGES) else {
            return false;
        };
        keys.len() == 1 && !self.route.once && last.address() == message.address()
    }

    /// If some queues of the route would lead in a circle, the message goes to the others alone.
    fn is_cut(&mut self, message: &Message, work: &mut Work) -> bool {
        let mut cycle = None;
        let others = self.route.without(|queue| {
            let is_cycle = dead_letter::is_cycle(message, queue.as_str());
            if is_cycle {
                cycle.get_or_insert_with(|| queue.clone());
            }
            is_cycle
        });
        let Some(others) = others else {
            return false;
        };
        self.sent.cycle = cycle;
        self.sent.unroutable += u64::from(others.is_unroutable());
        if others.is_empty() {
            return true;
        }
        let all = std::mem::take(&mut self.route);
        self.flush_to(&all, work);
        if !others.is_empty() {
            self.pending.messages.push(message.clone());
            self.flush_to(&others, work);
        }
        true
    }

    fn flush(&mut self, work: &mut Work) {
        let route = std::mem::take(&mut self.route);
        self.flush_to(&route, work);
    }

    fn flush_to(&mut self, route: &Route, work: &mut Work) {
        if self.pending.messages.is_empty() {
            return;
        }
        let point = self.vhost.publish(route, &mut self.pending, work);
        self.sent.point = self.sent.point.max(point);
        self.sent.refused += self.pending.refused.drain(..).len() as u64;
    }
}
