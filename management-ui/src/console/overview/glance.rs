//! What needs attention, and what is largest. Found by filters over the API's lists, for each user and vhost at most
//! once in a while, however many look at it.

mod finding;
mod well_known;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::clock::{self, Timestamp};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::console::visit::Visit;

pub(super) use finding::Glance;
use well_known::WellKnown;

/// How long what was found is shown,
const LIFETIME: Duration = Duration::from_secs(10);
/// and at least so many times as long as it took to find it: looking takes little of a processor, however many
/// queues there are.
const LIFETIMES: u32 = 50;
/// A page waits no longer for it; the stream brings it later.
const PATIENCE: Duration = Duration::from_millis(20);
/// More than that, and all are forgotten.
const MAX_KEPT: usize = 100;

/// What was found.
#[derive(Default)]
pub(crate) struct Glances {
    /// By user and vhost.
    found: Mutex<HashMap<Key, Entry>>,
    well_known: WellKnown,
}

type Key = (String, Option<String>);

struct Entry {
    looked_at: Timestamp,
    lifetime: Duration,
    found: Option<Arc<Glance>>,
}

/// What the page shows of it.
pub(super) type Shown = Arc<Glance>;

/// What was found last; `None` while it is looked up for the first time.
pub(super) async fn of(visit: &Visit) -> Option<Shown> {
    let key = (
        visit.user.name().to_owned(),
        visit.vhost().map(str::to_owned),
    );
    let glances = Arc::clone(&visit.console.glances);
    if !glances.begin(&key, clock::now()) {
        return glances.found(&key);
    }
    let visit = visit.clone();
    let looked = tokio::spawn({
        let (glances, key) = (Arc::clone(&glances), key.clone());
        async move {
            let begun_at = clock::now();
            let found = Glance::look(&visit).await;
            glances.keep(&key, found, clock::now().since(begun_at));
        }
    });
    // It goes on, also when nobody waits.
    let _ = timeout(PATIENCE, looked).await;
    glances.found(&key)
}

impl Glances {
    /// Is it time to look again? Then the caller does it, and nobody else.
    fn begin(&self, key: &Key, now: Timestamp) -> bool {
        let mut glances = self.found.lock();
        if glances.len() >= MAX_KEPT && !glances.contains_key(key) {
            glances.clear();
        }
        match glances.get_mut(key) {
            Some(entry) if now.since(entry.looked_at) < entry.lifetime => false,
            Some(entry) => {
                entry.looked_at = now;
                true
            }
            None => {
                let entry = Entry {
                    looked_at: now,
                    lifetime: LIFETIME,
                    found: None,
                };
                glances.insert(key.clone(), entry);
                true
            }
        }
    }

    /// Keeps what was found within `took`.
    fn keep(&self, key: &Key, found: Glance, took: Duration) {
        if let Some(entry) = self.found.lock().get_mut(key) {
            entry.lifetime = LIFETIME.max(took * LIFETIMES);
            entry.found = Some(Arc::new(found));
        }
    }

    fn found(&self, key: &Key) -> Option<Arc<Glance>> {
        self.found.lock().get(key)?.found.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn one_looks_for_all() {
        let glances = Glances::default();
        let key = ("u".to_owned(), None);
        assert!(glances.begin(&key, at(0)));
        assert!(!glances.begin(&key, at(9)));
        assert!(glances.found(&key).is_none());
        glances.keep(&key, Glance::default(), Duration::from_millis(10));
        assert!(glances.found(&key).is_some());
        assert!(glances.begin(&key, at(10)));
        assert!(
            glances.found(&key).is_some(),
            "the old one stays until then"
        );
        glances.keep(&key, Glance::default(), Duration::from_secs(1));
        assert!(!glances.begin(&key, at(59)));
        assert!(
            glances.begin(&key, at(60)),
            "what takes long is done less often"
        );
        let other = ("u".to_owned(), Some("v".to_owned()));
        assert!(glances.begin(&other, at(10)));
    }
}
