//! The index against a naive model, in random histories with checkpoints and restarts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::log::Location;

/// How long the largest record is.
const RECORD_BYTES: u32 = 1000;

#[derive(Debug, Clone)]
enum Step {
    Create {
        volatile: bool,
    },
    Delete(usize),
    /// So many messages, to all of so many queues in turn.
    Publish {
        queues: usize,
        messages: u64,
        lengths: u32,
    },
    /// Sequences that are used, but not seen yet.
    Skip(usize, u64),
    /// A skipped or settled one is seen after all.
    PublishLate(usize, u64),
    /// A live message is written again, elsewhere.
    Move(usize, usize),
    /// From this share of the sequences in use on, so many.
    Remove(usize, u8, u64),
    RemoveOldest(usize, u64),
    Purge(usize),
    Group,
    /// So many segments ago, from there on.
    Lose(u32, u32),
    Checkpoint,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let queue = any::<usize>;
    prop_oneof![
        2 => any::<bool>().prop_map(|volatile| Step::Create { volatile }),
        1 => queue().prop_map(Step::Delete),
        12 => (1..4_usize, 1..1500_u64, 1..4_u32)
            .prop_map(|(queues, messages, lengths)| Step::Publish { queues, messages, lengths }),
        2 => (queue(), 1..300_u64).prop_map(|(queue, messages)| Step::Skip(queue, messages)),
        3 => (queue(), any::<u64>()).prop_map(|(queue, which)| Step::PublishLate(queue, which)),
        3 => (queue(), queue()).prop_map(|(queue, which)| Step::Move(queue, which)),
        6 => (queue(), any::<u8>(), 0..400_u64)
            .prop_map(|(queue, share, more)| Step::Remove(queue, share, more)),
        8 => (queue(), 1..700_u64).prop_map(|(queue, count)| Step::RemoveOldest(queue, count)),
        1 => queue().prop_map(Step::Purge),
        3 => Just(Step::Group),
        1 => (0..3_u32, 0..1_u32 << 20).prop_map(|(segment, end)| Step::Lose(segment, end)),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct Queue {
    volatile: bool,
    next: u64,
    live: BTreeMap<u64, (Location, u32, Attributes)>,
    early: BTreeSet<u64>,
}

type Values = BTreeMap<(QueueId, u64), Vec<u8>>;

/// The index, the table that it is checkpointed into, and what should be in both.
#[derive(Debug, Default)]
struct World {
    index: Index,
    queues: BTreeMap<QueueId, Queue>,
    ids: u64,
    end: (u32, u32),
    reserved: BTreeMap<QueueId, Sequence>,
    blocks: Values,
    attributes: Values,
    early: BTreeMap<QueueId, Vec<(Sequence, Sequence)>>,
}

impl World {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Create { volatile } => self.create(volatile),
            Step::Delete(queue) => self.delete(queue),
            Step::Publish {
                queues,
                messages,
                lengths,
            } => {
                for message in 0..messages {
                    for queue in 0..queues {
                        let length = RECORD_BYTES - message as u32 % lengths;
                        self.publish_next(queue, length);
                    }
                }
            }
            Step::Skip(queue, messages) => {
                if let Some((_, queue)) = self.queue(queue) {
                    queue.next += messages;
                }
            }
            Step::PublishLate(queue, which) => {
                let found = self.queue(queue).map(|(id, queue)| {
                    let sequence = 1 + which % queue.next.max(1);
                    queue.next = queue.next.max(sequence);
                    (id, sequence)
                });
                if let Some((id, sequence)) = found {
                    self.publish(id, sequence, RECORD_BYTES);
                }
            }
            Step::Move(queue, which) => {
                let chosen = self.queue(queue).and_then(|(id, queue)| {
                    let which = which % queue.live.len().max(1);
                    let (sequence, (location, ..)) = queue.live.iter().nth(which)?;
                    Some((id, *sequence, location.length))
                });
                if let Some((id, sequence, length)) = chosen {
                    self.publish(id, sequence, length);
                }
            }
            Step::Remove(queue, share, more) => {
                if let Some((id, queue)) = self.queue(queue) {
                    let first = 1 + queue.next * u64::from(share) / 256;
                    self.remove(id, first, first + more);
                }
            }
            Step::RemoveOldest(queue, count) => self.remove_oldest(queue, count),
            Step::Purge(queue) => {
                if let Some((id, queue)) = self.queue(queue) {
                    let last = queue.next;
                    self.remove(id, 1, last);
                }
            }
            Step::Group => self.end.1 += 18,
            Step::Lose(segments, end) => self.lose(segments, end),
            Step::Checkpoint => self.checkpoint(),
            Step::Restart => self.restart(),
        }
    }

    /// One of the queues, if there are any.
    fn queue(&mut self, which: usize) -> Option<(QueueId, &mut Queue)> {
        let which = which % self.queues.len().max(1);
        let (id, queue) = self.queues.iter_mut().nth(which)?;
        Some((*id, queue))
    }

    fn create(&mut self, volatile: bool) {
        self.ids += 1;
        let id = QueueId(self.ids);
        if volatile {
            self.index.create_volatile(id);
        } else {
            self.index.create_queue(id);
        }
        let queue = Queue {
            volatile,
            ..Queue::default()
        };
        self.queues.insert(id, queue);
    }

    fn delete(&mut self, which: usize) {
        if let Some((id, _)) = self.queue(which) {
            if self.queues.remove(&id).is_some_and(|queue| queue.volatile) {
                self.index.forget_volatile(id);
            } else {
                self.index.delete_queue(id);
            }
        }
    }

    fn publish_next(&mut self, queue: usize, length: u32) {
        if let Some((id, queue)) = self.queue(queue) {
            queue.next += 1;
            let sequence = queue.next;
            self.publish(id, sequence, length);
        }
    }

    fn publish(&mut self, id: QueueId, sequence: u64, length: u32) {
        if self.end.1 > 1 << 20 {
            self.end = (self.end.0 + 1, 50);
        }
        let (segment, offset) = self.end;
        self.end.1 += length;
        let location = Location {
            segment,
            offset,
            length,
        };
        let content = length - 50 - sequence as u32 / 5000;
        let attributes = attributes(id, sequence);
        self.index
            .publish(id, Sequence(sequence), location, content);
        self.index.note(id, Sequence(sequence), attributes);
        let queue = self.queues.get_mut(&id).expect("chosen from them");
        if !queue.early.remove(&sequence) {
            queue.live.insert(sequence, (location, content, attributes));
        }
    }

    fn remove(&mut self, id: QueueId, first: u64, last: u64) {
        self.index.remove(Removal {
            queue: id,
            first: Sequence(first),
            last: Sequence(last),
        });
        let queue = self.queues.get_mut(&id).expect("chosen from them");
        for sequence in first..=last {
            if queue.live.remove(&sequence).is_none() {
                queue.early.insert(sequence);
            }
        }
        queue.next = queue.next.max(last);
    }

    fn remove_oldest(&mut self, queue: usize, count: u64) {
        let Some((id, queue)) = self.queue(queue) else {
            return;
        };
        let oldest: Vec<u64> = queue.live.keys().take(count as usize).copied().collect();
        for run in oldest.chunk_by(|before, next| before + 1 == *next) {
            self.remove(id, run[0], run[run.len() - 1]);
        }
    }

    /// A segment ends earlier than it did.
    fn lose(&mut self, segments: u32, end: u32) {
        let segment = self.end.0.saturating_sub(segments);
        let keep = |at: u32, until: u64| at != segment || until <= u64::from(end);
        let mut lost = 0;
        for queue in self.queues.values_mut() {
            let before = queue.live.len();
            queue.live.retain(|_, (location, ..)| {
                let until = u64::from(location.offset) + u64::from(location.length);
                keep(location.segment, until)
            });
            lost += before - queue.live.len();
        }
        assert_eq!(self.index.retain(keep), lost as u64);
    }

    fn checkpoint(&mut self) {
        while self.index.release_some() {}
        let changed = self.index.take_changed();
        for (queue, block) in changed.blocks {
            let stored = self.index.checkpoint_block(queue, block);
            store(&mut self.blocks, (queue, block), stored.messages);
            store(&mut self.attributes, (queue, block), stored.attributes);
        }
        for queue in changed.queues {
            if let Some(reserved) = self.index.reserved(queue) {
                self.reserved.insert(queue, reserved);
            }
        }
        for queue in changed.early {
            self.early.insert(queue, self.index.early(queue));
        }
        for queue in changed.deleted {
            self.reserved.remove(&queue);
            self.blocks.retain(|(id, _), _| *id != queue);
            self.attributes.retain(|(id, _), _| *id != queue);
            self.early.remove(&queue);
        }
        let durable = |id: &QueueId| self.queues.get(id).is_some_and(|queue| !queue.volatile);
        assert!(self.reserved.keys().all(durable));
        assert!(self.early.keys().all(durable));
        assert!(self.blocks.keys().all(|(id, _)| durable(id)));
        let is_stored = |block| self.blocks.contains_key(block);
        assert!(self.attributes.keys().all(is_stored));
    }

    fn restart(&mut self) {
        self.checkpoint();
        let mut index = Index::default();
        for (queue, reserved) in &self.reserved {
            index.restore_queue(*queue, *reserved);
        }
        for ((queue, number), value) in &self.blocks {
            assert_eq!(index.restore_block(*queue, *number, value), Some(true));
        }
        for ((queue, number), value) in &self.attributes {
            let restored = index.restore_attributes(*queue, *number, value);
            assert_eq!(restored, Some(true));
        }
        for (queue, ranges) in &self.early {
            for (first, last) in ranges {
                index.restore_early(*queue, *first, *last);
            }
        }
        self.index = index;
        self.queues.retain(|_, queue| !queue.volatile);
    }

    fn check(&mut self) {
        while self.index.release_some() {}
        let mut usage = BTreeMap::<u32, (u64, u64)>::new();
        for (id, queue) in &self.queues {
            self.check_queue(*id, queue);
            for (location, ..) in queue.live.values() {
                let usage = usage.entry(location.segment).or_default();
                usage.0 += 1;
                usage.1 += u64::from(location.length);
            }
        }
        assert_eq!(self.index.ledger.segments.usage(), usage);
        let live = self.queues.values().map(|queue| queue.live.len() as u64);
        assert_eq!(self.index.live_messages(), live.sum::<u64>());
        assert_eq!(self.index.queues.len(), self.queues.len());
    }

    fn check_queue(&self, id: QueueId, queue: &Queue) {
        self.index.queues[&id].check_invariants();
        let live = self.index.live(id).expect("it exists");
        let sequences = live.sequences.iter();
        let sequences = sequences.flat_map(|(first, last)| first.0..=last.0);
        assert!(sequences.eq(queue.live.keys().copied()));
        let content = queue
            .live
            .values()
            .map(|(_, content, _)| u64::from(*content));
        assert_eq!(live.content_bytes, content.sum::<u64>());
        assert!(live.next.0 > queue.live.keys().last().copied().unwrap_or(0));
        let early = self.index.early(id).into_iter();
        let early = early.flat_map(|(first, last)| first.0..=last.0);
        assert!(early.eq(queue.early.iter().copied()));

        let ascending = (0..=queue.next + 200).map(Sequence);
        let descending = (0..=queue.next).rev().step_by(7).map(Sequence);
        let wanted: Vec<Sequence> = ascending.chain(descending).collect();
        let located = self.index.locate(id, &wanted);
        let expected = |sequence: &Sequence| queue.live.get(&sequence.0).map(|(at, ..)| *at);
        assert!(located.eq(wanted.iter().map(expected)));
        self.check_attributes(id, queue);
    }

    fn check_attributes(&self, id: QueueId, queue: &Queue) {
        let mut runs = Vec::new();
        let mut next = Some(0);
        while let Some(block) = next {
            next = self.index.attributes_from(id, block, &mut runs);
        }
        let noted = runs
            .iter()
            .flat_map(|(first, last, same)| (first.0..=last.0).map(move |n| (n, *same)));
        let expected = queue.live.iter().map(|(n, (_, _, given))| (*n, *given));
        let expected = expected.filter(|(_, given)| *given != Attributes::NONE);
        assert!(noted.eq(expected));
        for (sequence, (_, _, given)) in queue.live.iter().step_by(7) {
            assert_eq!(self.index.attributes(id, Sequence(*sequence)), *given);
        }
    }
}

/// What is noted with a message: nothing in some queues and for some messages.
fn attributes(id: QueueId, sequence: u64) -> Attributes {
    let some = id.0 % 3 * (sequence / 300 % 3);
    Attributes {
        level: (some * sequence % 5) as u8,
        due: some / 2 * (sequence >> 8),
        expires: some * (1_795_000_000_000 + sequence / 20),
    }
}

fn store(values: &mut Values, block: (QueueId, u64), stored: Stored) {
    match stored {
        Stored::Put(value) => drop(values.insert(block, value)),
        Stored::Remove => assert!(values.remove(&block).is_some()),
        Stored::Unchanged => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn equals_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::default();
        world.create(false);
        for step in steps {
            world.run(&step);
            world.check();
        }
        world.restart();
        world.check();
    }
}
