//! What a stop or a crash does to what should be true, and what the restarted broker must show.

use std::collections::BTreeMap;

use super::queue::State;
use super::{Binding, Model, Queue};

/// How the broker went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Down {
    /// It was stopped, and wrote everything down.
    Stopped,
    /// Its process was killed.
    Killed,
    /// The machine lost power.
    PowerLost,
}

/// What a started broker shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Queues, and how many messages wait in each.
    pub(crate) queues: BTreeMap<String, usize>,
    /// Bindings: exchange, queue and key.
    pub(crate) bindings: Vec<(String, String, String)>,
}

impl Model {
    /// The broker is gone, and with it all connections.
    pub(crate) fn went_down(&mut self, down: Down) {
        self.counts.restarts += 1;
        self.tick();
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            let ids = self.links[&link].keys().copied();
            for id in ids.collect::<Vec<_>>() {
                let channel = self.channel(link, id);
                // What ended before has had its effects.
                if !std::mem::replace(&mut channel.ended, true) {
                    self.stir_unseen(link, id);
                }
            }
        }
        self.links.clear();
        let (now, durable_until) = (self.now, self.durable_until);
        self.queues.retain(|_, queue| queue.durable);
        for queue in self.queues.values_mut() {
            queue.went_down(down, now, durable_until);
        }
        if down == Down::Stopped {
            self.queues.retain(|_, queue| queue.deleted.is_none());
        }
        let queues = &self.queues;
        self.bindings.retain(|binding| {
            queues.contains_key(&binding.queue) && !(binding.removed && down == Down::Stopped)
        });
        if down == Down::Stopped {
            self.bindings
                .iter_mut()
                .for_each(|binding| binding.promised = true);
        }
        self.durable_until = now;
    }

    /// The broker has started again.
    pub(crate) fn came_up(&mut self, shown: &Shown) {
        for name in shown.queues.keys() {
            assert!(
                self.queues.contains_key(name),
                "queue {name} came from nowhere"
            );
        }
        self.queues.retain(|name, queue| {
            let Some(&count) = shown.queues.get(name) else {
                let excused = queue.deleted.is_some() || !queue.promised;
                assert!(excused, "queue {name} is lost");
                return false;
            };
            if let Some((_, promised)) = queue.deleted.take() {
                assert!(!promised, "queue {name} was deleted and came back");
                queue.doubt();
            }
            queue.promised = true;
            let (least, most) = queue.ready();
            assert!(
                (least..=most).contains(&count),
                "{name} has {count} messages after a restart, not {least} to {most}: {:?}",
                queue.certainly_ready().collect::<Vec<_>>()
            );
            queue.counted(count, None);
            true
        });
        self.reconcile_bindings(shown);
    }

    fn reconcile_bindings(&mut self, shown: &Shown) {
        let queues = &self.queues;
        self.bindings.retain_mut(|binding| {
            let Binding {
                exchange,
                queue,
                key,
                ..
            } = &*binding;
            let identity = (exchange.clone(), queue.clone(), key.clone());
            let is_there = shown.bindings.contains(&identity);
            let excused = binding.removed || !binding.promised || !queues.contains_key(queue);
            assert!(is_there || excused, "a binding is lost: {binding:?}");
            binding.removed = false;
            binding.promised = true;
            is_there
        });
        for (exchange, queue, key) in &shown.bindings {
            let known = self.bindings.iter().any(|binding| {
                (&binding.exchange, &binding.queue, &binding.key) == (exchange, queue, key)
            });
            assert!(
                known,
                "a binding came from nowhere: {queue} to {exchange} by {key}"
            );
        }
    }

    /// At the end, with every queue drained: nothing that was certain may be left.
    pub(crate) fn check_drained(&self) {
        for (name, queue) in self.live_queues() {
            let left: Vec<_> = queue.certainly_ready().collect();
            assert!(left.is_empty(), "lost from {name}: {left:?}");
        }
    }
}

impl Queue {
    fn went_down(&mut self, down: Down, now: u64, durable_until: u64) {
        self.forget("it was transient", |entry| !entry.persistent);
        self.forget("it was settled for good", |entry| match entry.state {
            State::Settled { at, .. } => down == Down::Stopped || at < durable_until,
            _ => false,
        });
        for entry in self.entries.values_mut() {
            let held = matches!(entry.state, State::Held(_));
            let settled = matches!(entry.state, State::Settled { .. });
            match down {
                Down::Stopped => {}
                Down::Killed => entry.certain &= entry.confirmed && !settled,
                Down::PowerLost => entry.certain &= entry.promised && !settled,
            }
            // What a started broker shows is there to stay.
            entry.promised = true;
            entry.confirmed = true;
            entry.returned |= held || down != Down::Stopped;
            entry.state = State::Ready;
            entry.since = now;
        }
        self.stirred = now;
    }
}
