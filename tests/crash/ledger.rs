//! What the broker has promised, kept outside of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{self, Display};

/// A message: the number of its publisher, and its number among that publisher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) publisher: u64,
    pub(crate) sequence: u64,
}

/// One message that came out of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) id: Id,
    pub(crate) redelivered: bool,
}

/// Everything known about each queue.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    queues: HashMap<&'static str, Queue>,
    /// Durable queues whose declaration was answered, and those whose deletion was.
    pub(crate) declared: BTreeSet<String>,
    pub(crate) deleted: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Queue {
    sent: HashSet<Id>,
    confirmed: BTreeSet<Id>,
    delivered: HashSet<Id>,
    acked: HashSet<Id>,
    /// Acked, and known to be on disk: a later publish to the same log was confirmed.
    settled: HashSet<Id>,
}

impl Ledger {
    pub(crate) fn sent(&mut self, queues: &[&'static str], id: Id) {
        for queue in queues {
            self.queue(queue).sent.insert(id);
        }
    }

    /// The broker confirmed a persistent message, for all of these queues.
    pub(crate) fn confirmed(&mut self, queues: &[&'static str], id: Id) {
        for queue in queues {
            self.queue(queue).confirmed.insert(id);
        }
    }

    pub(crate) fn delivered(&mut self, queue: &'static str, id: Id) {
        self.queue(queue).delivered.insert(id);
    }

    /// About to be acked: whether the broker gets to know is open.
    pub(crate) fn acked(&mut self, queue: &'static str, id: Id) {
        self.queue(queue).acked.insert(id);
    }

    /// All of these were acked, the broker has read the acks, and has since confirmed a message.
    pub(crate) fn settled(&mut self, queue: &'static str, ids: impl IntoIterator<Item = Id>) {
        let queue = self.queue(queue);
        for id in ids {
            queue.acked.insert(id);
            queue.settled.insert(id);
        }
    }

    /// Compares what came out of `queue` after a crash with what had to, and names every difference.
    pub(crate) fn check(&mut self, queue: &'static str, found: &[Found]) -> Vec<Broken> {
        let queue = self.queue(queue);
        let mut broken = Vec::new();
        let mut present = HashSet::new();
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for &Found { id, redelivered } in found {
            if !queue.sent.contains(&id) {
                broken.push(Broken::NeverSent(id));
            }
            if !present.insert(id) {
                broken.push(Broken::Twice(id));
            }
            if queue.settled.contains(&id) {
                broken.push(Broken::CameBack(id));
            }
            if queue.delivered.contains(&id) && !redelivered {
                broken.push(Broken::NotFlagged(id));
            }
            match last.insert(id.publisher, id.sequence) {
                Some(before) if before > id.sequence => broken.push(Broken::OutOfOrder(id)),
                _ => {}
            }
        }
        let owed = queue
            .confirmed
            .iter()
            .filter(|id| !queue.acked.contains(id));
        broken.extend(
            owed.filter(|id| !present.contains(id))
                .map(|&id| Broken::Lost(id)),
        );
        queue.delivered.extend(present);
        broken
    }

    fn queue(&mut self, name: &'static str) -> &mut Queue {
        self.queues.entry(name).or_default()
    }
}

/// A promise not kept.
#[derive(Debug)]
pub(crate) enum Broken {
    Lost(Id),
    NeverSent(Id),
    Twice(Id),
    CameBack(Id),
    NotFlagged(Id),
    OutOfOrder(Id),
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, what) = match self {
            Self::Lost(id) => (id, "was confirmed, was not acked, and is missing"),
            Self::NeverSent(id) => (id, "was never sent to this queue"),
            Self::Twice(id) => (id, "is there twice"),
            Self::CameBack(id) => (id, "was acked before a later confirm, and is back"),
            Self::NotFlagged(id) => (
                id,
                "was delivered before, and is not flagged as redelivered",
            ),
            Self::OutOfOrder(id) => (id, "comes after a later message of its publisher"),
        };
        write!(
            f,
            "message {} of publisher {} {what}",
            id.sequence, id.publisher
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the ledger says about `found` after messages 0 to 3 were sent and confirmed, message 0
    /// was delivered and acked, message 1 delivered, and messages 4 and 5 only sent.
    fn verdict(found: &[(u64, bool)]) -> Vec<String> {
        let id = |sequence| Id {
            publisher: 1,
            sequence,
        };
        let mut ledger = Ledger::default();
        for sequence in 0..6 {
            ledger.sent(&["q"], id(sequence));
        }
        for sequence in 0..4 {
            ledger.confirmed(&["q"], id(sequence));
        }
        ledger.delivered("q", id(0));
        ledger.acked("q", id(0));
        ledger.delivered("q", id(1));
        let found: Vec<_> = found
            .iter()
            .map(|&(sequence, redelivered)| Found {
                id: id(sequence),
                redelivered,
            })
            .collect();
        ledger
            .check("q", &found)
            .iter()
            .map(|broken| format!("{broken:?}"))
            .collect()
    }

    fn check(found: &[(u64, bool)], expected: &[&str]) {
        let verdict = verdict(found);
        let names: Vec<_> = verdict
            .iter()
            .map(|broken| broken.split('(').next().unwrap_or_default())
            .collect();
        assert_eq!(names, expected, "{found:?}");
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
            &[(1, true), (2, false), (3, false), (9, false)],
            &["NeverSent"],
        );
    }

    #[test]
    fn what_was_settled_stays_away() {
        let id = Id {
            publisher: 1,
            sequence: 0,
        };
        let mut ledger = Ledger::default();
        ledger.sent(&["q"], id);
        ledger.confirmed(&["q"], id);
        ledger.settled("q", [id]);
        assert!(ledger.check("q", &[]).is_empty());
        let back = ledger.check(
            "q",
            &[Found {
                id,
                redelivered: true,
            }],
        );
        assert!(matches!(back[..], [Broken::CameBack(_)]), "{back:?}");
    }
}
