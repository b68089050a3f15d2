//! The latest events of the broker, numbered: who was away for a moment goes on where it was.
//!
//! Nothing is kept while nobody wants it: it begins with the first follower, and ends some time after the last.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::Broker;
use ferrymq_broker::clock::Timestamp;
use ferrymq_broker::events::{Heard, Occurrence};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::interval;

/// Events that are remembered.
const REMEMBERED_EVENTS: usize = 1000;
/// So often it is looked whether anybody follows; the second time that nobody does it ends.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The log. Its events have numbers, from 1 on.
pub(crate) struct EventLog {
    ring: Mutex<Ring>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
}

struct Ring {
    /// The number of the first one that is remembered, or of the next.
    first: u64,
    events: VecDeque<Arc<Occurrence>>,
    is_fed: bool,
    followers: usize,
}

/// Somebody on its way through the log.
pub(crate) struct Follower {
    log: Arc<EventLog>,
    next: u64,
    newest: watch::Receiver<u64>,
}

/// What a follower comes to.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// This event, with its number.
    Event(u64, Arc<Occurrence>),
    /// So many that are not remembered any more.
    Lost(u64),
}

/// The number of an event, as clients get it: those of another start mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId {
    started: Timestamp,
    number: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            ring: Mutex::new(Ring {
                first: 1,
                events: VecDeque::new(),
                is_fed: false,
                followers: 0,
            }),
            newest: watch::Sender::new(0),
        }
    }
}

impl EventId {
    /// Event `number` of the broker that was started then.
    pub(crate) fn new(started: Timestamp, number: u64) -> Self {
        Self { started, number }
    }

    /// Reads what [`EventId`] shows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (started, number) = text.split_once('-')?;
        Some(Self {
            started: Timestamp::from_millis(started.parse().ok()?),
            number: number.parse().ok()?,
        })
    }

    /// Its number, if it is from the broker that was started then.
    pub(crate) fn number_since(self, started: Timestamp) -> Option<u64> {
        (self.started == started).then_some(self.number)
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.started.as_millis(), self.number)
    }
}

impl EventLog {
    /// Follows the log: from now on, or behind event number `after`, as far as it remembers.
    pub(crate) fn follow(self: &Arc<Self>, broker: &Arc<Broker>, after: Option<u64>) -> Follower {
        let newest = self.newest.subscribe();
        let mut ring = self.ring.lock();
        ring.followers += 1;
        if !std::mem::replace(&mut ring.is_fed, true) {
            // Subscribed before anything else can happen.
            let subscription = broker.events().subscribe();
            tokio::spawn(feed(Arc::clone(self), Arc::clone(broker), subscription));
        }
        let end = ring.end();
        Follower {
            log: Arc::clone(self),
            next: after.map_or(end, |after| (after + 1).min(end)),
            newest,
        }
    }

    fn push(&self, occurrence: Arc<Occurrence>) {
        let mut ring = self.ring.lock();
        ring.events.push_back(occurrence);
        if ring.events.len() > REMEMBERED_EVENTS {
            ring.events.pop_front();
            ring.first += 1;
        }
        self.newest.send_replace(ring.end() - 1);
    }

    /// So many happened without being heard.
    fn skip(&self, count: u64) {
        let mut ring = self.ring.lock();
        ring.first = ring.end() + count;
        ring.events.clear();
        self.newest.send_replace(ring.end() - 1);
    }

    /// Ends the log if nobody follows it.
    fn end_unfollowed(&self) -> bool {
        let mut ring = self.ring.lock();
        if ring.followers > 0 {
            return false;
        }
        // What happens until the next follower comes is missing: at least one, for all that is known.
        ring.first = ring.end() + 1;
        ring.events = VecDeque::new();
        ring.is_fed = false;
        true
    }

    fn has_followers(&self) -> bool {
        self.ring.lock().followers > 0
    }
}

impl Ring {
    /// The number of the next event.
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

async fn feed(
    log: Arc<EventLog>,
    broker: Arc<Broker>,
    mut subscription: ferrymq_broker::events::Subscription,
) {
    let mut look = interval(LOOK_EVERY);
    let mut was_followed = true;
    loop {
        tokio::select! {
            heard = subscription.next() => match heard {
                Heard::Event(occurrence) => log.push(occurrence),
                Heard::Lost(count) => log.skip(count),
            },
            _ = look.tick() => {
                let is_followed = log.has_followers();
                if !is_followed && !was_followed && log.end_unfollowed() {
                    return;
                }
                was_followed = is_followed;
            }
            () = broker.stopping() => return,
        }
    }
}

impl Follower {
    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> Entry {
        loop {
            self.newest.mark_unchanged();
            if let Some(entry) = self.try_next() {
                return entry;
            }
            // The sender lives in `log`: waiting can't fail.
            let _ = self.newest.changed().await;
        }
    }

    fn try_next(&mut self) -> Option<Entry> {
        let ring = self.log.ring.lock();
        if self.next < ring.first {
            let lost = ring.first - self.next;
            self.next = ring.first;
            return Some(Entry::Lost(lost));
        }
        let index = usize::try_from(self.next - ring.first).ok()?;
        let occurrence = Arc::clone(ring.events.get(index)?);
        self.next += 1;
        Some(Entry::Event(self.next - 1, occurrence))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.log.ring.lock().followers -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_broker::Config;
    use ferrymq_broker::clock;
    use ferrymq_broker::events::Event;

    fn deleted(name: usize) -> Arc<Occurrence> {
        let event = Event::UserDeleted {
            name: name.to_string(),
            by: String::new(),
        };
        Arc::new(Occurrence {
            at: clock::now(),
            event,
        })
    }

    fn broker() -> (Arc<Broker>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().join("data"),
            ..Config::default()
        };
        (Broker::open(config).unwrap(), directory)
    }

    /// What the follower finds without waiting: numbers of events, and minus so many lost ones.
    fn found(follower: &mut Follower) -> Vec<i64> {
        let entries = std::iter::from_fn(|| follower.try_next());
        let numbers = entries.map(|entry| match entry {
            Entry::Event(number, _) => number as i64,
            Entry::Lost(count) => -(count as i64),
        });
        numbers.collect()
    }

    #[tokio::test]
    async fn a_follower_goes_on_where_it_was() {
        let (broker, _directory) = broker();
        let log = Arc::new(EventLog::default());
        let mut first = log.follow(&broker, None);
        (0..3).for_each(|number| log.push(deleted(number)));
        assert_eq!(found(&mut first), [1, 2, 3]);
        log.push(deleted(4));
        assert_eq!(found(&mut log.follow(&broker, Some(2))), [3, 4]);
        assert_eq!(found(&mut log.follow(&broker, None)), [0; 0]);
        assert_eq!(found(&mut log.follow(&broker, Some(1000))), [0; 0]);
        (0..REMEMBERED_EVENTS).for_each(|number| log.push(deleted(number)));
        let late = found(&mut log.follow(&broker, Some(2)));
        assert_eq!((late[0], late[1], late.len()), (-2, 5, 1001));
        log.skip(10);
        log.push(deleted(0));
        assert_eq!(found(&mut log.follow(&broker, Some(1004))), [-10, 1015]);
    }

    #[test]
    fn an_id_belongs_to_one_start() {
        let started = Timestamp::from_millis(7);
        let id = EventId::parse("7-3").unwrap();
        assert_eq!(id.to_string(), "7-3");
        assert_eq!(id.number_since(started), Some(3));
        assert_eq!(id.number_since(Timestamp::from_millis(8)), None);
        for text in ["", "7", "x-1", "1-x", "-"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }
}
