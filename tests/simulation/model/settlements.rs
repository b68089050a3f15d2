//! Acks and their like, and what becomes of deliveries when consumers, channels and connections end.

use super::{Expected, LinkId, Mode, Model, Outcome, Unacked, Why};

impl Model {
    /// `basic.ack`, `nack` or `reject`.
    pub(super) fn settle(
        &mut self,
        link: LinkId,
        id: u16,
        tag: u64,
        multiple: bool,
        outcome: Outcome,
    ) {
        let channel = self.channel(link, id);
        let first = if multiple { 0 } else { tag };
        let tags = channel.unacked.range(first..=tag);
        let tags = tags.filter(|(_, unacked)| !unacked.held);
        let tags: Vec<u64> = tags.map(|(tag, _)| *tag).collect();
        assert!(
            tags.contains(&tag),
            "{tag} on channel {id} of connection {link} is not held"
        );
        if let Mode::Transaction(transaction) = &mut channel.mode {
            for tag in &tags {
                channel.unacked.get_mut(tag).expect("just found").held = true;
            }
            transaction.settlements.push((outcome, tags));
            return;
        }
        self.carry_out(link, id, outcome, tags);
    }

    /// Deliveries leave a channel.
    pub(super) fn carry_out(&mut self, link: LinkId, id: u16, outcome: Outcome, tags: Vec<u64>) {
        for tag in tags {
            let unacked = self.channel(link, id).unacked.remove(&tag);
            let unacked = unacked.expect("it is held");
            self.release(unacked, outcome);
        }
    }

    fn release(&mut self, unacked: Unacked, outcome: Outcome) {
        let now = self.tick();
        let Some(queue) = self.queues.get_mut(&unacked.queue) else {
            return;
        };
        match outcome {
            Outcome::Settle => queue.settle(unacked.message, now, "it was acked"),
            Outcome::Requeue => queue.requeue(unacked.message, now),
        }
    }

    /// A channel has ended: its consumers are gone, and what it held goes back.
    pub(super) fn end_channel(&mut self, link: LinkId, id: u16) {
        let channel = self.channel(link, id);
        if std::mem::replace(&mut channel.ended, true) {
            return;
        }
        let tags: Vec<u64> = channel.unacked.keys().copied().collect();
        self.carry_out(link, id, Outcome::Requeue, tags);
        self.stir_unseen(link, id);
        let channel = self.channel(link, id);
        let consumers: Vec<String> = channel.consumers.keys().cloned().collect();
        for tag in consumers {
            self.end_consumer(link, id, &tag);
        }
    }

    /// Takes a consumer out of its queue, which may be deleted with it.
    pub(super) fn end_consumer(&mut self, link: LinkId, id: u16, tag: &str) {
        // It may be gone already: its queue was deleted.
        let Some(consumer) = self.channel(link, id).consumers.get_mut(tag) else {
            return;
        };
        if std::mem::replace(&mut consumer.gone, true) {
            return;
        }
        let name = consumer.queue.clone();
        let was_last = self.consumers(&name).next().is_none();
        let auto_delete = self
            .queues
            .get(&name)
            .is_some_and(|queue| queue.auto_delete);
        if was_last && auto_delete {
            self.delete(&name);
        }
    }

    /// What is on its way to a channel and was not seen yet goes back; with the channel, what needs no
    /// ack is lost.
    pub(super) fn stir_unseen(&mut self, link: LinkId, id: u16) {
        let now = self.tick();
        let channel = self.channel(link, id);
        let ended = channel.ended;
        let mut queues: Vec<(String, bool)> = Vec::new();
        for consumer in channel.consumers.values() {
            queues.push((consumer.queue.clone(), consumer.no_ack));
        }
        for expected in &channel.expected {
            if let Expected::Get(get) = expected {
                queues.push((get.queue.clone(), get.no_ack));
            }
        }
        // It has begun to come.
        if let Some(Why::Got { get, .. }) = channel.incoming.as_ref().map(|incoming| &incoming.why)
        {
            queues.push((get.queue.clone(), get.no_ack));
        }
        for (name, no_ack) in queues {
            let Some(queue) = self.queues.get_mut(&name) else {
                continue;
            };
            queue.stir(now);
            if no_ack && ended {
                queue.doubt();
            }
        }
    }
}
