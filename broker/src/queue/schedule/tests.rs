//! The schedule against a sorted set, and what it costs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

/// All that is due at `now`.
fn due(schedule: &mut Schedule, now: u64) -> Vec<u64> {
    let due = std::iter::from_fn(|| schedule.pop_due(at(now)));
    due.map(|sequence| sequence.0).collect()
}

#[derive(Debug, Clone)]
enum Step {
    /// These follow the latest, all with this time to live.
    Insert { ttl: u64, count: u64 },
    /// So much time passes, and at most so many are taken.
    Pass { span: u64, most: usize },
    /// Those with this remainder leave the queue.
    Forget { of: u64, remainder: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let ttl = prop_oneof![Just(60_000), 1_u64..200, 1_u64..10_000_000_000];
    let span = prop_oneof![0_u64..50, 0_u64..100_000, Just(5_000_000_000)];
    prop_oneof![
        4 => (ttl, 1_u64..5).prop_map(|(ttl, count)| Step::Insert { ttl, count }),
        3 => (span, 1_usize..40).prop_map(|(span, most)| Step::Pass { span, most }),
        1 => (2_u64..4, 0_u64..2).prop_map(|(of, remainder)| Step::Forget { of, remainder }),
    ]
}

proptest! {
    #[test]
    fn the_schedule_is_a_sorted_set(steps in prop::collection::vec(step(), 1..200)) {
        let mut schedule = Schedule::default();
        let mut set = BTreeSet::new();
        let (mut now, mut next) = (1_700_000_000_000, 1);
        for step in steps {
            match step {
                Step::Insert { ttl, count } => {
                    let last = next + count - 1;
                    schedule.insert_range(at(now + ttl), Sequence(next), Sequence(last));
                    set.extend((next..=last).map(|sequence| (now + ttl, sequence)));
                    next = last + 1;
                }
                Step::Pass { span, most } => {
                    now += span;
                    for _ in 0..most {
                        let due = set.first().copied().filter(|(deadline, _)| *deadline <= now);
                        let popped = schedule.pop_due(at(now));
                        prop_assert_eq!(popped.map(|due| due.0), due.map(|(_, due)| due));
                        due.inspect(|due| assert!(set.remove(due)));
                    }
                }
                Step::Forget { of, remainder } => {
                    set.retain(|(_, sequence)| sequence % of != remainder);
                    schedule.retain(|sequence| sequence.0 % of != remainder);
                }
            }
            let first = set.first().map(|(deadline, _)| at(*deadline));
            prop_assert_eq!(schedule.next(), first);
            prop_assert_eq!(schedule.is_empty(), set.is_empty());
        }
        let all: BTreeSet<_> = schedule.iter().map(|(due, sequence)| (due.as_millis(), sequence.0)).collect();
        prop_assert_eq!(all, set);
    }
}

#[test]
fn nothing_is_due_early() {
    let mut schedule = Schedule::default();
    schedule.insert(at(60), Sequence(2));
    schedule.insert(at(50), Sequence(9));
    schedule.insert(at(60), Sequence(1));
    assert_eq!(due(&mut schedule, 49), [0; 0]);
    assert_eq!(due(&mut schedule, 60), [9, 1, 2]);
    assert_eq!(schedule.next(), None);
}

#[test]
fn what_is_added_too_late_is_due() {
    let mut schedule = Schedule::default();
    schedule.insert(at(60), Sequence(1));
    assert_eq!(due(&mut schedule, 70), [1]);
    schedule.insert(at(30), Sequence(2));
    assert_eq!(due(&mut schedule, 70), [2]);
}

#[test]
fn a_deadline_beyond_all_is_never_due() {
    let mut schedule = Schedule::default();
    schedule.insert(at(u64::MAX), Sequence(1));
    assert_eq!(due(&mut schedule, LAST_DEADLINE - 1), [0; 0]);
}

#[test]
fn messages_with_one_deadline_cost_one_run() {
    let mut schedule = Schedule::default();
    for sequence in 1..=300_000 {
        schedule.insert(at(60_000 + sequence / 100_000), Sequence(sequence));
    }
    assert!(schedule.runs() <= 8, "{}", schedule.runs());
    schedule.retain(|sequence| sequence.0 > 100_000);
    assert!(schedule.runs() <= 6, "{}", schedule.runs());
}

#[test]
fn mixed_deadlines_cost_no_more_than_their_runs() {
    let mut schedule = Schedule::default();
    for sequence in 0..100_000 {
        schedule.insert(at(60 + sequence * 7_919 % 3_600_000), Sequence(sequence));
    }
    assert_eq!(schedule.pop_due(at(60)), Some(Sequence(0)));
    let chunks = schedule.later.iter().flat_map(|bucket| &bucket.chunks);
    let room: usize = chunks.map(Vec::capacity).sum();
    assert!(room <= schedule.runs() + CHUNK_RUNS * schedule.later.len());
}
