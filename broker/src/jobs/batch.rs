//! One batch of a job: look, take out, append to the targets, then remove; put back what was not taken.

use std::collections::HashMap;
use std::sync::Arc;

use ferrymq_amqp::Properties;
use ferrymq_store::{CommitPoint, Sequence};

use super::mark::with_mark;
use super::{Job, Order, Origin, Progress, Target, Task};
use crate::actor::Actor;
use crate::broker::Broker;
use crate::browse::Mask;
use crate::clock::{self, Timestamp};
use crate::dead_letter::{revive, routing_keys};
use crate::message::Message;
use crate::queue::Queue;
use crate::queue::entry::Entry;
use crate::queue::scan::{Part, Position};
use crate::queue::shared::{SharedQueue, Work};
use crate::session::publishing::addressed;
use crate::vhost::{Pending, Route, VHost};

/// Routes that are remembered within a batch.
type Routes = HashMap<(String, String), Option<Arc<Route>>>;

/// What comes after a batch.
pub(super) enum Next {
    /// There may be more.
    More,
    /// That was the last one.
    End,
    /// It can't go on.
    Failed(String),
}

/// A job's way through its queue.
pub(super) struct Batches {
    broker: Arc<Broker>,
    actor: Actor,
    source: Arc<SharedQueue>,
    order: Order,
    /// What its filter does not see, like anybody who looks.
    mask: Mask,
    position: Position,
    /// Messages from here on came after the job had begun.
    end: Sequence,
    /// Nothing that came before the end is left.
    last: bool,
    progress: Progress,
    work: Work,
}

/// A message of the batch on its way.
struct Passenger {
    /// As it stood in the source.
    entry: Entry,
    /// As it goes on, and where; `None`: nowhere.
    goes: Option<(Message, Arc<Route>)>,
}

impl Batches {
    pub(super) fn new(
        broker: &Arc<Broker>,
        actor: Actor,
        source: Arc<SharedQueue>,
        job: &Job,
    ) -> Self {
        Self {
            broker: Arc::clone(broker),
            actor,
            end: source.inspect(Queue::next_sequence),
            source,
            order: job.order.clone(),
            mask: broker.config().http.masked_fields.clone(),
            position: Position::START,
            last: false,
            progress: job.status().1,
            work: Work::default(),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// Carries out the next batch, of up to `max` messages. Blocks.
    pub(super) fn carry_out(&mut self, max: usize) -> Next {
        if self.last {
            self.progress.left = 0;
            return Next::End;
        }
        let limit = self.order.limit.map(|limit| limit - self.progress.done);
        let max = limit.map_or(max, |left| max.min(usize::try_from(left).unwrap_or(max)));
        if max == 0 {
            return Next::End;
        }
        let Some(vhost) = self.broker.vhost(&self.order.vhost) else {
            return Next::Failed("the virtual host was deleted".to_owned());
        };
        let look = match self.source.look(self.position, max) {
            Ok(look) => look,
            Err(why) => return Next::Failed(why.to_string()),
        };
        if self.source.inspect(Queue::is_deleted) {
            return Next::Failed("the queue was deleted".to_owned());
        }
        let Some(next) = look.next else {
            self.progress.left = 0;
            return Next::End;
        };
        self.position = match (next.part, next.after < self.end) {
            (_, true) | (Part::Returned, _) => next,
            (Part::Level(0), false) => {
                self.last = true;
                next
            }
            // The rest of this priority came too late.
            (Part::Level(level), false) => Position {
                part: Part::Level(level - 1),
                after: Sequence(0),
            },
        };
        let entries = look.messages.into_iter().map(|(_, entry)| entry);
        let entries: Vec<Entry> = entries.filter(|entry| entry.sequence < self.end).collect();
        let scanned = entries.len() as u64;
        self.progress.scanned += scanned;
        self.progress.left = self.progress.left.saturating_sub(scanned);
        let now = clock::now();
        let wanted = entries.into_iter();
        let wanted = wanted.filter(|entry| self.is_wanted(entry, now)).collect();
        self.work.set_now(now);
        let point = match self.order.task {
            Task::Purge => self.purge(wanted),
            _ => self.send(&vhost, wanted),
        };
        vhost.finish(&mut self.work);
        self.work.dirty.wake();
        match point {
            CommitPoint::NEVER => Next::Failed("the message store failed".to_owned()),
            _ => Next::More,
        }
    }

    fn is_wanted(&self, entry: &Entry, now: Timestamp) -> bool {
        let filter = &self.order.filter;
        filter.is_empty()
            || filter.matches(
                &self.mask.view(&entry.message).message,
                Some(entry.sequence),
                now,
            )
    }

    fn purge(&mut self, wanted: Vec<Entry>) -> CommitPoint {
        let dropped = self.source.run(&mut self.work, |queue, effects| {
            let entries = queue.take_out(wanted, effects);
            for entry in &entries {
                effects.remove(entry.sequence, entry.logged());
            }
            queue.forwarded(entries.len());
            entries.len()
        });
        self.progress.done += dropped as u64;
        CommitPoint::ALWAYS
    }

    /// Moves, copies or redrives.
    fn send(&mut self, vhost: &VHost, wanted: Vec<Entry>) -> CommitPoint {
        let copies = matches!(self.order.task, Task::Copy(_));
        let taken = match copies {
            true => wanted,
            false => self.take_out(wanted),
        };
        let mut routes = Routes::new();
        let passengers: Vec<Passenger> = taken
            .into_iter()
            .map(|entry| {
                let goes = self.destination(vhost, &entry.message, &mut routes);
                let goes = goes.map(|(message, route)| (self.marked(message), route));
                Passenger { entry, goes }
            })
            .collect();
        let (arrived, left_behind, point) = self.publish(vhost, passengers);
        self.progress.done += arrived.len() as u64;
        self.progress.failed += left_behind.len() as u64;
        if !copies {
            let places: Vec<_> = arrived
                .iter()
                .map(|entry| (entry.sequence, entry.logged()))
                .collect();
            self.source.forwarded(&places, point, &mut self.work);
            self.source.run(&mut self.work, |queue, effects| {
                queue.restore(left_behind, effects);
            });
        }
        point
    }

    fn take_out(&mut self, wanted: Vec<Entry>) -> Vec<Entry> {
        self.source.run(&mut self.work, |queue, effects| {
            queue.take_out(wanted, effects)
        })
    }

    /// Publishes what has somewhere to go, each run for the same route at once. Gives what arrived, what did
    /// not, and when the former is safe.
    fn publish(
        &mut self,
        vhost: &VHost,
        passengers: Vec<Passenger>,
    ) -> (Vec<Entry>, Vec<Entry>, CommitPoint) {
        let (mut arrived, mut left_behind) = (Vec::new(), Vec::new());
        let mut point = CommitPoint::ALWAYS;
        let mut pending = Pending::default();
        let mut passengers = passengers.into_iter().peekable();
        while let Some(first) = passengers.next() {
            let Some((message, route)) = first.goes else {
                left_behind.push(first.entry);
                continue;
            };
            let mut run = vec![first.entry];
            pending.messages.push(message);
            let same = |next: &Passenger| {
                let goes = next.goes.as_ref();
                goes.is_some_and(|(_, other)| Arc::ptr_eq(other, &route))
            };
            while let Some(next) = passengers.next_if(same) {
                pending
                    .messages
                    .extend(next.goes.map(|(message, _)| message));
                run.push(next.entry);
            }
            point = point.max(vhost.publish(&route, &mut pending, &mut self.work));
            let refused = std::mem::take(&mut pending.refused);
            for (index, entry) in run.into_iter().enumerate() {
                match refused.binary_search(&index) {
                    Ok(_) => left_behind.push(entry),
                    Err(_) => arrived.push(entry),
                }
            }
        }
        (arrived, left_behind, point)
    }

    /// A message as it goes on, and where.
    fn destination(
        &self,
        vhost: &VHost,
        message: &Message,
        routes: &mut Routes,
    ) -> Option<(Message, Arc<Route>)> {
        match &self.order.task {
            Task::Move(Target::Queue(queue)) | Task::Copy(Target::Queue(queue)) => {
                let route = self.route_to_queue(vhost, queue, routes)?;
                Some((message.clone(), route))
            }
            Task::Move(Target::Exchange(exchange, key))
            | Task::Copy(Target::Exchange(exchange, key)) => {
                let own = addressed(message).1;
                let message = message.readdressed(exchange, key.as_deref().unwrap_or(own));
                let route = self.route(vhost, &message, routes)?;
                Some((message, route))
            }
            Task::Redrive(origin, how) => {
                let revived = revive(message, *how)?;
                let route = match origin {
                    Origin::Exchange => self.route(vhost, &revived.message, routes)?,
                    Origin::Queue => self.route_to_queue(vhost, &revived.queue, routes)?,
                };
                Some((revived.message, route))
            }
            Task::Purge => None,
        }
    }

    fn marked(&self, message: Message) -> Message {
        match self.order.mark_retry {
            true => with_mark(&message),
            false => message,
        }
    }

    /// Where a message goes that is published as it is addressed.
    fn route(&self, vhost: &VHost, message: &Message, routes: &mut Routes) -> Option<Arc<Route>> {
        let (exchange, key) = addressed(message);
        let address = (exchange.to_owned(), key.to_owned());
        if let Some(route) = routes.get(&address) {
            return route.clone();
        }
        let properties = Properties::parse(message.properties()).ok();
        let headers = properties.and_then(|properties| properties.headers());
        let keys = routing_keys(message, headers);
        let route = vhost.route(&self.actor, exchange, &keys, properties.as_ref());
        let route = route
            .ok()
            .filter(|route| !route.is_unroutable())
            .map(Arc::new);
        let repeats = route.as_ref().is_none_or(|route| !route.once);
        if repeats && keys.len() == 1 {
            routes.insert(address, route.clone());
        }
        route
    }

    /// Into one queue, whatever the message is addressed to.
    fn route_to_queue(
        &self,
        vhost: &VHost,
        queue: &str,
        routes: &mut Routes,
    ) -> Option<Arc<Route>> {
        let address = (String::new(), queue.to_owned());
        let find = || {
            let queue = vhost.writable_queue(&self.actor, queue).ok()?;
            Some(Arc::new(Route::to(queue)))
        };
        routes.entry(address).or_insert_with(find).clone()
    }
}
