//! Dead letters that their queue keeps until every queue that they are routed to has them.

use std::sync::Arc;

use ferrymq_amqp::Properties;
use ferrymq_routing::QueueName;

use super::run::{RUN_MESSAGES, Sent};
use crate::dead_letter::{self, DeadLetterReason};
use crate::message::Message;
use crate::queue::shared::{DeadLetters, Place, Work};
use crate::queue::{Arrived, Dead, Kept};
use crate::session::publishing::addressed;
use crate::vhost::publish::input;
use crate::vhost::{Pending, Route, Snapshot, VHost};

/// Dead letters on their way, in order; and what became of those before.
pub(super) struct Attempt<'a> {
    vhost: &'a VHost,
    /// All are routed by the same, so that none overtakes another for which there was no route yet.
    snapshot: Arc<Snapshot>,
    letters: &'a DeadLetters,
    /// Where the pending ones go.
    route: Route,
    pending: Vec<Letter>,
    pub(super) places: Vec<Place>,
    pub(super) kept: Vec<Kept>,
    pub(super) sent: Sent,
}

struct Letter {
    place: Place,
    reason: DeadLetterReason,
    /// As it died.
    original: Message,
    /// As it goes on.
    message: Message,
    arrived: Arrived,
    refused: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(vhost: &'a VHost, letters: &'a DeadLetters) -> Self {
        Self {
            vhost,
            snapshot: Arc::clone(&vhost.snapshot()),
            letters,
            route: Route::default(),
            pending: Vec::new(),
            places: Vec::new(),
            kept: Vec::new(),
            sent: Sent::default(),
        }
    }

    /// Sends one more.
    pub(super) fn push(&mut self, dead: Dead, work: &mut Work) {
        let Some(place) = dead.place else {
            return;
        };
        let Some(original) = dead.message else {
            self.flush(work);
            return self.unread(place, dead.arrived);
        };
        let message = self.letters.publish(&original, dead.reason, dead.died_at);
        let letter = Letter {
            place,
            reason: dead.reason,
            original,
            message,
            arrived: dead.arrived,
            refused: false,
        };
        let route = self.find_route(&letter.message, dead.reason);
        if self.pending.len() >= RUN_MESSAGES || !self.route.leads_where(&route) {
            self.flush(work);
            self.route = route;
        }
        self.pending.push(letter);
    }

    /// It could not be read: it comes when it has been written, or never.
    fn unread(&mut self, place: Place, arrived: Arrived) {
        match self.letters.queue.is_unwritten(place) {
            true => self.kept.push(Kept {
                sequence: place.0,
                message: None,
                arrived,
            }),
            false => {
                self.sent.unreadable += 1;
                self.places.push(place);
            }
        }
    }

    fn find_route(&mut self, message: &Message, reason: DeadLetterReason) -> Route {
        // Properties were checked when the message came.
        let properties = Properties::parse(message.properties()).ok();
        let headers = properties.and_then(|properties| properties.headers());
        let keys = dead_letter::routing_keys(message, headers);
        let (exchange, _) = addressed(message);
        let snapshot = &self.snapshot;
        let route = self
            .vhost
            .route_in(snapshot, exchange, &input(&keys, properties.as_ref()));
        if reason == DeadLetterReason::Rejected {
            return route;
        }
        let cut = route.without(|queue| {
            let is_cycle = dead_letter::is_cycle(message, queue.as_str());
            if is_cycle {
                self.sent.cycle = Some(queue.clone());
            }
            is_cycle
        });
        cut.unwrap_or(route)
    }

    /// The pending ones reach their queues, one after another.
    pub(super) fn flush(&mut self, work: &mut Work) {
        let route = std::mem::take(&mut self.route);
        let mut letters = std::mem::take(&mut self.pending);
        let leads_anywhere = !route.is_unroutable();
        for (queue, target) in route.each().filter(|_| leads_anywhere) {
            self.send_to(&queue, &target, &mut letters, work);
        }
        for letter in letters {
            if leads_anywhere && !letter.refused {
                self.places.push(letter.place);
                self.sent.by_reason[letter.reason as usize] += 1;
            } else {
                self.sent.unroutable += u64::from(!leads_anywhere);
                self.kept.push(Kept {
                    sequence: letter.place.0,
                    message: Some(letter.original),
                    arrived: letter.arrived,
                });
            }
        }
    }

    /// To one queue, those that are not there yet.
    fn send_to(
        &mut self,
        queue: &QueueName,
        target: &Route,
        letters: &mut [Letter],
        work: &mut Work,
    ) {
        let is_there = |arrived: &Arrived| arrived.as_ref().is_some_and(|all| all.contains(queue));
        let missing = letters.iter_mut();
        let missing: Vec<&mut Letter> = missing
            .filter(|letter| !is_there(&letter.arrived))
            .collect();
        let mut pending = Pending::default();
        let messages = missing.iter().map(|letter| letter.message.clone());
        pending.messages.extend(messages);
        let point = self.vhost.publish(target, &mut pending, work);
        self.sent.point = self.sent.point.max(point);
        self.sent.refused += pending.refused.len() as u64;
        for (index, letter) in missing.into_iter().enumerate() {
            match pending.refused.binary_search(&index) {
                Ok(_) => letter.refused = true,
                // If another queue refuses it, it does not come here again.
                Err(_) => drop(letter.arrived.get_or_insert_default().insert(queue.clone())),
            }
        }
    }
}
