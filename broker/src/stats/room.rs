//! How far back whose samples go: all histories together have a budget, and the busiest come first.

use std::cmp::Reverse;
use std::sync::Arc;

use super::history::Ranked;
use super::series::{Moments, Reach};
use super::totals::ExchangeTotals;
use crate::clients::{ClientChannel, ClientConnection};
use crate::queue::shared::SharedQueue;

/// What histories may take together before the least busy lose their middle tier. The fine ones come on
/// top of it, and what the allocator rounds up.
const BUDGET_BYTES: usize = 36 << 20;
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

    /// Lets the busiest keep long samples. Gives what all of them take, in bytes.
    pub(super) fn share_out(mut self, moments: Moments) -> usize {
        self.objects
            .sort_unstable_by_key(|ranking| Reverse(ranking.activity));
        let (mut used_bytes, mut queues) = (0, 0);
        for Ranking { bytes, object, .. } in &self.objects {
            used_bytes += bytes;
            let is_queue = matches!(object, Object::Queue(_));
            let reach = match used_bytes > BUDGET_BYTES {
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
        used_bytes
    }
}
