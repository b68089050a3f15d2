//! Messages that somebody takes out to bring them elsewhere, and delayed ones that somebody cancels.

use super::*;

impl Model {
    pub(super) fn take_out(
        &mut self,
        bench: &mut Bench,
        messages: &Messages,
        from: usize,
        every: usize,
    ) {
        let wanted = scanned(&bench.queue).into_iter().skip(from).step_by(every);
        let wanted: Vec<Entry> = wanted.map(|seen| read(seen, messages)).collect();
        let taken = bench.queue.take_out(wanted.clone(), &mut bench.effects);
        let sequences = |entries: &[Entry]| entries.iter().map(|entry| entry.sequence).collect();
        let (wanted, all): (Vec<Sequence>, Vec<Sequence>) = (sequences(&wanted), sequences(&taken));
        assert_eq!(wanted, all);
        for sequence in all {
            self.waiting.retain(|_, item| item.sequence != sequence.0);
            self.on_disk.remove(&sequence.0);
        }
        self.away.extend(taken);
        Self::size_unread(bench, messages);
        self.handed_before_drops(bench);
    }

    pub(super) fn arrive(&mut self, bench: &mut Bench, most: usize) {
        let arrived = self.away.drain(..most.min(self.away.len()));
        bench.queue.forwarded(arrived.len());
        for entry in arrived {
            bench.effects.remove(entry.sequence, entry.logged());
        }
    }

    pub(super) fn restore(&mut self, bench: &mut Bench, most: usize) {
        let entries: Vec<Entry> = self.away.drain(..most.min(self.away.len())).collect();
        for entry in &entries {
            let item = item(entry);
            match (item.expires <= self.now, entry.returns() > 0) {
                (true, _) => self.dead.push((item.sequence, DeadLetterReason::Expired)),
                (false, true) => self.wait_again(item),
                (false, false) => self.wait(item),
            }
        }
        bench.queue.restore(entries, &mut bench.effects);
        self.handed_before_drops(bench);
    }

    pub(super) fn cancel_delayed(&mut self, bench: &mut Bench, index: usize) {
        let Some(&place) = self.delayed.keys().nth(index) else {
            return;
        };
        self.delayed.remove(&place);
        self.on_disk.remove(&place.1);
        let cancelled = bench
            .queue
            .cancel_delayed(Sequence(place.1), &mut bench.effects);
        assert!(cancelled);
    }
}

/// What somebody knows of a message who has read it.
fn read(seen: Seen, messages: &Messages) -> Entry {
    match seen {
        Seen::Entry(entry) => entry,
        Seen::OnDisk(place) => {
            let Meta { size, expires } = messages[&place.sequence.0];
            let level = place.section.level();
            let marks = Marks::new(place.logged).with_level(level);
            Entry {
                sequence: place.sequence,
                expires_at: Timestamp::from_millis(expires),
                marks: marks.with_returned(place.returned),
                message: sized(size, true, level),
            }
        }
    }
}
