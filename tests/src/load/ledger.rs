//! What the broker has promised, kept outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

/// A message: the number of its publisher, and its number among that publisher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub publisher: u64,
    pub sequence: u64,
}

/// One message that came out of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub id: Id,
    pub redelivered: bool,
}

/// What a queue owes after what has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Everything confirmed.
    Confirmed,
    /// Nothing: what was confirmed need not have reached the disk.
    Nothing,
}

/// Something that is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    Queue(String),
    /// A direct exchange.
    Exchange(String),
    /// A queue that is bound with its own name.
    Binding {
        exchange: String,
        queue: String,
    },
}

/// Everything known about each queue, and about definitions.
#[derive(Debug, Default)]
pub struct Ledger {
    queues: BTreeMap<&'static str, Queue>,
    /// Whose declaration was answered, or whose deletion was; neither while a change is on its way.
    present: BTreeSet<Object>,
    absent: BTreeSet<Object>,
    /// Whatever is promised now does not count.
    frozen: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// What is known of each message, by its sequence. `None`: all of the publisher's are gone.
    publishers: BTreeMap<u64, Option<Vec<u8>>>,
}

const TRANSIENT: u8 = 1;
const CONFIRMED: u8 = 2;
const DELIVERED: u8 = 4;
/// Whether the broker got to know is open.
const ACKED: u8 = 8;
/// Acked, and known to be on disk: a later publish was confirmed. Or missing when everything was read.
const GONE: u8 = 16;
const PRESENT: u8 = 32;

impl Ledger {
    /// The next message of its publisher is about to be sent to these queues.
    pub fn sent(&mut self, queues: &[&'static str], id: Id, persistent: bool) {
        for queue in queues {
            let publishers = &mut self.queues.entry(queue).or_default().publishers;
            let messages = publishers
                .entry(id.publisher)
                .or_insert_with(|| Some(Vec::new()));
            let messages = messages.as_mut().expect("a publisher that is at work");
            // What a publisher sent elsewhere was never sent here.
            messages.resize(id.sequence as usize, GONE);
            messages.push(if persistent { 0 } else { TRANSIENT });
        }
    }

    /// What is promised from here to the next survey need not be kept: there is no disk any more.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// A change of this object is about to be sent.
    pub fn changing(&mut self, object: &Object) {
        self.present.remove(object);
        self.absent.remove(object);
    }

    /// The broker answered that the object is there, or no longer is.
    pub fn changed(&mut self, object: Object, present: bool) {
        match present {
            _ if self.frozen => false,
            true => self.present.insert(object),
            false => self.absent.insert(object),
        };
    }

    /// Takes what is known about objects: whether each is there. A survey begins.
    pub fn take_objects(&mut self) -> Vec<(Object, bool)> {
        self.frozen = false;
        let present = std::mem::take(&mut self.present).into_iter();
        let absent = std::mem::take(&mut self.absent).into_iter();
        let present = present.map(|object| (object, true));
        present
            .chain(absent.map(|object| (object, false)))
            .collect()
    }

    /// The broker confirmed a message, for all of these queues.
    pub fn confirmed(&mut self, queues: &[&'static str], id: Id) {
        if self.frozen {
            return;
        }
        for queue in queues {
            self.mark(queue, id, CONFIRMED);
        }
    }

    pub fn delivered(&mut self, queue: &'static str, id: Id) {
        self.mark(queue, id, DELIVERED);
    }

    /// About to be acked.
    pub fn acked(&mut self, queue: &'static str, id: Id) {
        self.mark(queue, id, ACKED);
    }

    /// All of these were acked, the broker has read the acks, and has since confirmed a message.
    pub fn settled(&mut self, queue: &'static str, ids: impl IntoIterator<Item = Id>) {
        for id in ids {
            self.mark(queue, id, ACKED | GONE);
        }
    }

    /// The queue is about to be purged.
    pub fn purging(&mut self, queue: &'static str) {
        for known in self.all(queue) {
            *known |= ACKED;
        }
    }

    /// What was there before `purging` was purged, and the broker has since confirmed a message.
    pub fn purged(&mut self, queue: &'static str) {
        if self.frozen {
            return;
        }
        for known in self.all(queue) {
            if *known & ACKED != 0 {
                *known |= GONE;
            }
        }
    }

    /// How many messages were confirmed, one for each queue, of publishers that are not all gone.
    pub fn promised(&self) -> usize {
        let messages = self
            .queues
            .values()
            .flat_map(|queue| queue.publishers.values());
        let messages = messages.flatten().flatten();
        messages.filter(|known| *known & CONFIRMED != 0).count()
    }

    /// Compares what came out of `queue` after a crash with what had to, and names every difference.
    pub fn check(&mut self, queue: &'static str, found: &[Found], owed: Owed) -> Vec<Broken> {
        let queue = self.queues.entry(queue).or_default();
        let mut broken = Vec::new();
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for found in found {
            broken.extend(queue.look_at(found));
            let Id {
                publisher,
                sequence,
            } = found.id;
            if last.insert(publisher, sequence) > Some(sequence) {
                broken.push(Broken::OutOfOrder(found.id));
            }
        }
        let missing = queue.close();
        if owed == Owed::Confirmed {
            broken.extend(missing.into_iter().map(Broken::Lost));
        }
        broken
    }

    fn mark(&mut self, queue: &'static str, id: Id, with: u8) {
        // A message that was never sent is found by `check`.
        if let Some(known) = self.queues.entry(queue).or_default().known(id) {
            *known |= with;
        }
    }

    /// What is known of every message that was sent to the queue.
    fn all(&mut self, queue: &'static str) -> impl Iterator<Item = &mut u8> {
        let publishers = &mut self.queues.entry(queue).or_default().publishers;
        publishers.values_mut().flatten().flatten()
    }
}

impl Queue {
    fn known(&mut self, id: Id) -> Option<&mut u8> {
        let messages = self.publishers.get_mut(&id.publisher)?.as_mut()?;
        messages.get_mut(id.sequence as usize)
    }

    /// What is wrong with a message that was found.
    fn look_at(&mut self, found: &Found) -> Vec<Broken> {
        let Found { id, redelivered } = *found;
        let Some(known) = self.known(id) else {
            return vec![match self.publishers.get(&id.publisher) {
                Some(None) => Broken::CameBack(id),
                _ => Broken::NeverSent(id),
            }];
        };
        if *known & PRESENT != 0 {
            return vec![Broken::Twice(id)];
        }
        let faults = [
            (*known & GONE != 0, Broken::CameBack(id)),
            (*known & TRANSIENT != 0, Broken::Transient(id)),
            (
                *known & DELIVERED != 0 && !redelivered,
                Broken::NotFlagged(id),
            ),
        ];
        *known |= PRESENT | DELIVERED;
        let faults = faults.into_iter().filter(|(is_fault, _)| *is_fault);
        faults.map(|(_, fault)| fault).collect()
    }

    /// What was not found has to stay away from now on. Gives what should have been there.
    fn close(&mut self) -> Vec<Id> {
        let mut missing = Vec::new();
        for (&publisher, messages) in &mut self.publishers {
            let mut left = false;
            for (sequence, known) in (0..).zip(messages.iter_mut().flatten()) {
                if *known & PRESENT != 0 {
                    left = true;
                } else {
                    if *known & (CONFIRMED | TRANSIENT | ACKED | GONE) == CONFIRMED {
                        missing.push(Id {
                            publisher,
                            sequence,
                        });
                    }
                    *known |= GONE;
                }
                *known &= !PRESENT;
            }
            if !left {
                *messages = None;
            }
        }
        missing
    }
}

/// A promise not kept.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    Lost(Id),
    NeverSent(Id),
    Twice(Id),
    CameBack(Id),
    Transient(Id),
    NotFlagged(Id),
    OutOfOrder(Id),
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, what) = match self {
            Self::Lost(id) => (id, "was confirmed, was not acked, and is missing"),
            Self::NeverSent(id) => (id, "was never sent to this queue"),
            Self::Twice(id) => (id, "is there twice"),
            Self::CameBack(id) => (id, "was gone for good, and is back"),
            Self::Transient(id) => (id, "was transient, and is back"),
            Self::NotFlagged(id) => (
                id,
                "was delivered before, and is not flagged as redelivered",
            ),
            Self::OutOfOrder(id) => (id, "comes after a later message of its publisher"),
        };
        let Id {
            publisher,
            sequence,
        } = id;
        write!(f, "message {sequence} of publisher {publisher} {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: u64) -> Id {
        Id {
            publisher: 1,
            sequence,
        }
    }

    fn found(messages: &[(u64, bool)]) -> Vec<Found> {
        let found = messages.iter().map(|&(sequence, redelivered)| Found {
            id: id(sequence),
            redelivered,
        });
        found.collect()
    }

    /// After messages 0 to 3 were sent and confirmed, message 0 was delivered and acked, message 1
    /// delivered, messages 4 and 5 only sent, and 6 sent as transient and confirmed.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for sequence in 0..7 {
            ledger.sent(&["q"], id(sequence), sequence < 6);
        }
        for sequence in [0, 1, 2, 3, 6] {
            ledger.confirmed(&["q"], id(sequence));
        }
        ledger.delivered("q", id(0));
        ledger.acked("q", id(0));
        ledger.delivered("q", id(1));
        ledger
    }

    fn names(broken: &[Broken]) -> Vec<String> {
        let name = |broken: &Broken| format!("{broken:?}").split('(').next().map(str::to_owned);
        broken.iter().filter_map(name).collect()
    }

    fn check(messages: &[(u64, bool)], expected: &[&str]) {
        let broken = ledger().check("q", &found(messages), Owed::Confirmed);
        assert_eq!(names(&broken), expected, "{messages:?}");
    }

    #[test]
    fn kept_promises() {
        check(&[(1, true), (2, false), (3, false)], &[]);
        check(
            &[(1, true), (2, true), (3, true), (4, true), (5, true)],
            &[],
        );
        check(&[(0, true), (1, true), (2, false), (3, false)], &[]);
    }

    #[test]
    fn broken_promises() {
        check(&[(1, true), (3, false)], &["Lost"]);
        check(&[], &["Lost", "Lost", "Lost"]);
        check(&[(1, true), (3, false), (2, false)], &["OutOfOrder"]);
        check(&[(1, true), (2, false), (2, false), (3, false)], &["Twice"]);
        check(&[(1, false), (2, false), (3, false)], &["NotFlagged"]);
        check(
            &[(1, true), (2, false), (3, false), (6, true)],
            &["Transient"],
        );
        check(
            &[(1, true), (2, false), (3, false), (9, false)],
            &["NeverSent"],
        );
    }

    #[test]
    fn nothing_is_owed_by_a_relaxed_queue_that_lost_power() {
        let broken = ledger().check("q", &[], Owed::Nothing);
        assert!(broken.is_empty(), "{broken:?}");
    }

    #[test]
    fn what_was_missing_or_settled_stays_away() {
        let mut ledger = ledger();
        let all = [(1, true), (2, true), (3, true), (4, true)];
        ledger.check("q", &found(&all), Owed::Confirmed);
        ledger.settled("q", [id(1)]);
        let broken = ledger.check("q", &found(&all), Owed::Confirmed);
        assert_eq!(names(&broken), ["CameBack"]);
        let broken = ledger.check(
            "q",
            &found(&[(2, true), (3, true), (5, true)]),
            Owed::Confirmed,
        );
        assert_eq!(names(&broken), ["CameBack"]);
        ledger.purging("q");
        assert!(ledger.check("q", &[], Owed::Confirmed).is_empty());
        let broken = ledger.check("q", &found(&[(2, true)]), Owed::Confirmed);
        assert_eq!(names(&broken), ["CameBack"]);
        let stranger = Found {
            id: Id {
                publisher: 2,
                sequence: 0,
            },
            redelivered: true,
        };
        let broken = ledger.check("q", &[stranger], Owed::Confirmed);
        assert_eq!(names(&broken), ["NeverSent"]);
    }
}
