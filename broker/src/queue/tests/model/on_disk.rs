//! What the log has instead of memory.

use super::*;

impl Model {
    /// As whoever runs the queue does.
    pub(super) fn size_unread(bench: &mut Bench, messages: &Messages) {
        for place in std::mem::take(&mut bench.effects.moved) {
            let size = messages[&place.sequence.0].size;
            bench.queue.move_bytes(place.section, size as u64);
        }
        for place in std::mem::take(&mut bench.effects.unread) {
            let size = messages[&place.sequence.0].size;
            bench.queue.forget_bytes(place.section, size as u64);
        }
        bench.queue.sizes_known(&mut bench.effects);
    }

    pub(super) fn page_out(
        &mut self,
        bench: &mut Bench,
        section: Section,
        keep: u64,
        all: bool,
        stored: usize,
    ) {
        let keep_bytes = keep * message("m", true).memory_bytes();
        let candidates = bench.queue.page_out_candidates(section, keep_bytes, all);
        for entry in candidates.unlogged {
            self.volatile.push(entry.sequence.0);
        }
        for &(sequence, logged) in &candidates.logged {
            let place = match logged {
                Logged::Volatile => &self.volatile,
                _ => &self.stored,
            };
            assert!(place.contains(&sequence.0), "only what the log has may go");
        }
        let logged = candidates.logged.iter().map(|(sequence, _)| *sequence);
        let stored: Vec<Sequence> = logged.take(stored).collect();
        let gone = bench.queue.page_out(section, &stored, keep_bytes);
        assert!(gone.iter().all(|entry| stored.contains(&entry.sequence)));
        let bytes = gone.iter().map(|entry| entry.message.memory_bytes());
        bench.queue.end_page_out(section, bytes.sum());
        self.on_disk
            .extend(gone.iter().map(|entry| entry.sequence.0));
    }

    pub(super) fn begin_load(&mut self, bench: &mut Bench, messages: u64) {
        if self.reading.is_none() {
            self.reading = bench.queue.begin_load(messages * 130);
        }
    }

    pub(super) fn finish_load(&mut self, bench: &mut Bench, messages: &Messages) {
        let Some(asked) = self.reading.take() else {
            return;
        };
        let logged = |(sequence, logged): &(Sequence, Logged)| match logged {
            Logged::Volatile => self.volatile.contains(&sequence.0),
            _ => self.stored.contains(&sequence.0),
        };
        let found = asked.places.iter().filter(|place| logged(place));
        let found = found.map(|(sequence, _)| Found {
            sequence: *sequence,
            expires_at: Timestamp::from_millis(messages[&sequence.0].expires),
            message: sized(messages[&sequence.0].size, true, 0),
        });
        let found = found.collect();
        for (sequence, _) in &asked.places {
            self.on_disk.remove(&sequence.0);
        }
        let lost = bench.queue.finish_load(&asked, found, &mut bench.effects);
        assert_eq!(lost, 0);
        self.handed_before_drops(bench);
    }
}
