//! The window against a list, and its restarts.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn value(number: u64) -> Value {
    Value([number, !number])
}

/// Does what a queue does with a published value; tells whether it was a duplicate.
fn publish(window: &mut Window, number: u64, ttl: u64, now: u64) -> (bool, Option<Slot>) {
    if window.contains(value(number), at(now)) {
        return (true, None);
    }
    let slot = window.remember(value(number), at(now + ttl), at(now));
    (false, Some(slot))
}

#[test]
fn a_value_is_known_until_it_is_too_old() {
    let mut window = Window::new(10);
    assert!(!publish(&mut window, 1, 100, 5).0);
    assert!(publish(&mut window, 1, 100, 104).0);
    assert!(!publish(&mut window, 1, 100, 105).0);
    assert_eq!(window.len(), 1);
}

#[test]
fn the_oldest_value_makes_room() {
    let mut window = Window::new(3);
    for number in [1, 2, 3, 4] {
        assert!(!publish(&mut window, number, 1000, 0).0);
    }
    assert!(publish(&mut window, 2, 1000, 0).0);
    assert!(!publish(&mut window, 1, 1000, 0).0);
    assert_eq!(window.len(), 3);
}

#[test]
fn what_is_forgotten_is_new_again() {
    let mut window = Window::new(3);
    publish(&mut window, 1, 1000, 0);
    window.forget(value(1));
    window.forget(value(2));
    assert!(!publish(&mut window, 1, 1000, 0).0);
}

#[test]
fn values_weigh_less_than_40_bytes_each() {
    let mut window = Window::new(100_000);
    for number in 0..150_000 {
        publish(&mut window, number, 1000, 0);
    }
    let ring = window.entries.capacity() * size_of::<Entry>();
    // A byte of control beside each bucket, of which seven in eight can be used.
    let index = window.index.capacity() * 8 / 7 * (size_of::<u32>() + 1);
    assert_eq!(window.len(), 100_000);
    assert!(ring + index <= 40 * 100_000, "{ring} + {index}");
}

/// The slots as the log would have them.
#[derive(Default)]
struct Log(HashMap<u32, Slot>);

impl Log {
    fn apply(&mut self, changes: SlotChanges) {
        for place in changes.removed {
            self.0.remove(&place);
        }
        for slot in changes.put {
            self.0.insert(slot.place, slot);
        }
    }

    fn restart(&mut self, slots: u32) -> Window {
        let held = self.0.values().copied().collect();
        let (window, changes) = Window::recovered(slots, held);
        self.apply(changes);
        window
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish { number: u64, ttl: u64 },
    Forget(u64),
    Wait(u64),
    Resize(u32),
    Restart(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..VALUES, 1..50u64).prop_map(|(number, ttl)| Step::Publish { number, ttl }),
        1 => (0..VALUES).prop_map(Step::Forget),
        2 => (0..30u64).prop_map(Step::Wait),
        1 => (1..9u32).prop_map(Step::Resize),
        1 => (1..9u32).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 0..200)
}

/// What must be known, and what may be.
#[derive(Default)]
struct Model {
    /// The latest places: a value and its end, or one that was forgotten.
    places: Vec<Option<(u64, u64)>>,
    /// The end of everything that was published and not forgotten.
    published: HashMap<u64, u64>,
}

impl Model {
    fn publish(&mut self, number: u64, end: u64, slots: u32) {
        self.forget(number);
        self.places.push(Some((number, end)));
        self.published.insert(number, end);
        self.trim(slots);
    }

    fn forget(&mut self, number: u64) {
        for place in &mut self.places {
            place.take_if(|(other, _)| *other == number);
        }
        self.published.remove(&number);
    }

    fn trim(&mut self, slots: u32) {
        let beyond = self.places.len().saturating_sub(slots as usize);
        self.places.drain(..beyond);
    }

    fn check(&self, window: &mut Window, now: u64) {
        for &(number, end) in self.places.iter().flatten() {
            let known = window.contains(value(number), at(now));
            assert_eq!(known, end > now, "{number}");
        }
        for number in 0..VALUES {
            if window.contains(value(number), at(now)) {
                assert!(self.published[&number] > now, "{number}");
            }
        }
    }
}

const VALUES: u64 = 12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn the_window_is_a_list(steps in steps()) {
        let mut window = Window::new(5);
        let (mut log, mut model, mut now) = (Log::default(), Model::default(), 0);
        for step in steps {
            match step {
                Step::Publish { number, ttl } => {
                    if let (false, Some(slot)) = publish(&mut window, number, ttl, now) {
                        log.0.insert(slot.place, slot);
                        model.publish(number, now + ttl, window.slots());
                    }
                }
                // That happens before the log is told.
                Step::Forget(number) => {
                    window.forget(value(number));
                    log.0.retain(|_, slot| slot.value != value(number));
                    model.forget(number);
                }
                Step::Wait(time) => now += time,
                Step::Resize(slots) => log.apply(window.resize(slots)),
                Step::Restart(slots) => window = log.restart(slots),
            }
            model.trim(window.slots());
            model.check(&mut window, now);
            assert!(window.entries.len() <= window.slots() as usize);
            assert!(log.0.keys().all(|place| *place < window.slots()));
        }
    }
}
