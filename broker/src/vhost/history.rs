//! What `x-recent-history` exchanges remember goes to what is newly bound to them.
//!
//! The history is a hidden queue with a length limit, which every message for the exchange enters as
//! one more target: so it is on disk when its messages are, and comes back with them.

use ferrymq_amqp::Properties;
use ferrymq_routing::{Binding, Destination};
use tokio::task::block_in_place;

use super::publish::input;
use super::{Pending, Purpose, Route, Snapshot, VHost};
use crate::dead_letter;
use crate::message::Message;
use crate::queue::Queue;
use crate::queue::scan::Position;
use crate::queue::shared::Work;

/// Messages replayed at a time.
const REPLAYED_AT_ONCE: usize = 128;

impl VHost {
    /// Gives the destination of a new binding what its source remembers, oldest first.
    pub(super) fn replay(&self, binding: &Binding, work: &mut Work) {
        let snapshot = self.snapshot.load_full();
        let source = binding.source().as_str();
        let Some(history) = snapshot.hidden_queue(source, Purpose::History) else {
            return;
        };
        // What comes from here on takes the new binding.
        let end = history.inspect(Queue::next_sequence);
        let mut from = Position::START;
        loop {
            let look = match block_in_place(|| history.look(from, REPLAYED_AT_ONCE)) {
                Ok(look) => look,
                Err(error) => return tracing::error!(%error, "can't replay exchange '{source}'"),
            };
            for (_, entry) in look.messages {
                if entry.sequence >= end {
                    return;
                }
                let route = snapshot.route_of_replay(binding.destination(), &entry.message);
                let mut pending = Pending::default();
                pending.messages.push(entry.message);
                self.publish(&route, &mut pending, work);
            }
            match look.next {
                Some(next) => from = next,
                None => return,
            }
        }
    }
}

impl Snapshot {
    fn route_of_replay(&self, destination: &Destination, message: &Message) -> Route {
        match destination {
            Destination::Queue(name) => {
                Route::new(self.queues.get(name).cloned().into_iter().collect())
            }
            Destination::Exchange(name) => {
                let properties = Properties::parse(message.properties()).ok();
                let headers = properties.and_then(|properties| properties.headers());
                let keys = dead_letter::routing_keys(message, headers);
                self.route(name.as_str(), &input(&keys, properties.as_ref()))
            }
        }
    }
}
