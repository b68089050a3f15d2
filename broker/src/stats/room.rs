//! How far back whose samples go: all histories together have a budget, and the busiest come first.

use std::cmp::Reverse;
use std::sync::Arc;

use super::history::Ranked;
use super::series::{Moments, Reach};
use super::totals::ExchangeTotals;
use crate::clients::{ClientChannel, ClientConnection};
use crate::queue::shared::SharedQueue;

/// What histories may take together before the least busy lose their middle tier. The fine ones come on top of it, and what the
/// allocator rounds up: 10,000 queues, 2,000 connections and 4,000 channels that are all busy for 8 hours grow the process by 54 MB.
pub(super) const BUDGET_BYTES: usize = 36 << 20;
/// So many queues get the coarse tier,
const BUSIEST_QUEUES: usize = 1_000;
/// and keep it while they are among so many.
const KEPT_QUEUES: usize = 2_000;

/// Whose history it is.
pub(super) enum Object {
    Queue(Arc<SharedQueue>),
    Exchange(Arc<ExchangeTotals>),
    Connection(Arc<ClientConnection>),
    Channel(Arc<ClientChannel>),
}

impl Object {
    fn history(&self) -> &dyn Ranked {
        match self {
            Self::Queue(queue) => &queue.history,
            Self::Exchange(exchange) => &exchange.history,
            Self::Connection(connection) => &connection.history,
            Self::Channel(channel) => &channel.history,
        }
    }
}

/// Everything that has a history.
#[derive(Default)]
pub(super) struct Room {
    objects: Vec<Ranking>,
    /// What those take that keep the fine tier only, whatever happens.
    fine_bytes: usize,
}

struct Ranking {
    activity: u32,
    bytes: usize,
    object: Object,
}

impl Room {
    /// Counts an object in, if it has a history.
    pub(super) fn add(&mut self, moments: Moments, object: Object) {
        if let Some((activity, bytes)) = object.history().rank(moments) {
            self.objects.push(Ranking {
                activity,
                bytes,
                object,
            });
        }
    }

    /// Counts the memory of a history that has the fine tier only.
    pub(super) fn add_fine(&mut self, moments: Moments, history: &dyn Ranked) {
        self.fine_bytes += history.rank(moments).map_or(0, |(_, bytes)| bytes);
    }

    /// Lets the busiest keep long samples, as long as they fit into `budget_bytes`. Gives what all of them took
    /// before, in bytes.
    pub(super) fn share_out(mut self, moments: Moments, budget_bytes: usize) -> usize {
        self.objects
            .sort_unstable_by_key(|ranking| Reverse(ranking.activity));
        let (mut used_bytes, mut queues) = (0, 0);
        for Ranking { bytes, object, .. } in &self.objects {
            used_bytes += bytes;
            let is_queue = matches!(object, Object::Queue(_));
            let reach = match used_bytes > budget_bytes {
                true => Reach::Fine,
                false if is_queue && queues < BUSIEST_QUEUES => Reach::Coarse,
                false if is_queue && queues < KEPT_QUEUES => {
                    Reach::Middle.max(object.history().reach())
                }
                false => Reach::Middle,
            };
            queues += usize::from(is_queue);
            object.history().set_reach(moments, reach);
        }
        used_bytes + self.fine_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::stats::ExchangeField;
    use crate::stats::series::Grid;
    use crate::stats::totals::Passed;

    #[test]
    fn the_least_busy_lose_their_long_samples_first() {
        let grid = Grid::new(Duration::from_secs(5));
        let oldest = grid.tick(Timestamp::from_millis(1_795_176_755_000));
        let mut moments = Moments {
            grid,
            oldest,
            newest: oldest,
        };
        let exchanges = ["a", "b", "c"].map(|name| Arc::new(ExchangeTotals::new(name.into())));
        for round in 0..1_000 {
            for (busy, exchange) in (1..).zip(&exchanges) {
                // Nothing that a packed sample would take no room for.
                exchange.add(&Passed {
                    published: busy * 1_000 + round % 7,
                    ..Passed::default()
                });
                let values = [(ExchangeField::In, exchange.published())];
                exchange.history.record(moments, Reach::Middle, values);
            }
            moments.newest = moments.newest.after();
        }
        let share_out = |budget_bytes| {
            let mut room = Room::default();
            for exchange in &exchanges {
                room.add(moments, Object::Exchange(Arc::clone(exchange)));
            }
            room.share_out(moments, budget_bytes)
        };
        let all_bytes = share_out(usize::MAX);
        let reaches = || {
            exchanges
                .each_ref()
                .map(|exchange| exchange.history.reach())
        };
        assert_eq!(reaches(), [Reach::Middle; 3]);
        share_out(all_bytes - 1);
        assert_eq!(reaches(), [Reach::Fine, Reach::Middle, Reach::Middle]);
        assert!(share_out(0) < all_bytes);
        assert_eq!(reaches(), [Reach::Fine; 3]);
    }
}
