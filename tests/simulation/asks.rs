//! What clients ask for, by chance.

use crate::body;
use crate::client::{EXCHANGES, Mode, Publish};
use crate::link::Pace;
use crate::model::LinkId;
use crate::plan::Ask;
use crate::world::World;

/// Keys that messages are published with.
const KEYS: [&str; 5] = ["a", "b", "a.b", "b.a", "a.b.c"];
/// Keys that queues are bound with.
const PATTERNS: [&str; 8] = ["a", "b", "a.b", "a.*", "#", "*.b", "a.#", "#.c"];

impl World {
    /// The first start: exchanges that stay.
    pub(crate) fn prepare(&mut self) {
        let id = self.connect(0);
        let client = &mut self.peers.get_mut(&id).expect("just connected").client;
        let channel = client.open_channel(Mode::Plain, 0);
        for (name, kind) in EXCHANGES {
            client.declare_exchange(channel, name, kind);
        }
        self.submit(id);
        self.settle_down();
        self.model.check_quiet();
        self.disconnect(id);
    }

    pub(crate) fn connect_client(&mut self) {
        if self.peers.len() < self.plan.clients {
            let heartbeat = if self.dice.percent(20) { 5 } else { 0 };
            let id = self.connect(heartbeat);
            self.open_channel(id);
            self.submit(id);
        }
    }

    /// A client asks for something, if there is one that can.
    pub(crate) fn ask(&mut self, ask: Ask) {
        let able = self.peers.iter().filter(|(_, peer)| !peer.client.leaving);
        let able: Vec<LinkId> = able.map(|(id, _)| *id).collect();
        let Some(&id) = self.dice.pick(&able) else {
            return;
        };
        let usable = self.peers[&id].client.channels_for(ask);
        match ask {
            Ask::OpenChannel if usable.len() < 3 => self.open_channel(id),
            Ask::CloseConnection => self.peers.get_mut(&id).expect("able").client.close(),
            _ => {
                if let Some(&channel) = self.dice.pick(&usable) {
                    self.ask_on(id, channel, ask);
                }
            }
        }
        self.submit(id);
    }

    fn open_channel(&mut self, id: LinkId) {
        let modes = [Mode::Plain, Mode::Confirm, Mode::Confirm, Mode::Transaction];
        let mode = *self.dice.pick(&modes).expect("four");
        let prefetch = *self.dice.pick(&[0, 1, 3, 20]).expect("four");
        let peer = self.peers.get_mut(&id).expect("a connected client");
        peer.client.open_channel(mode, prefetch);
    }

    fn ask_on(&mut self, id: LinkId, channel: u16, ask: Ask) {
        self.trace
            .line(format!("  connection {id} channel {channel}: {ask:?}"));
        match ask {
            Ask::Declare => self.declare(id, channel),
            Ask::Publish => self.publish(id, channel),
            Ask::Ack | Ask::Nack => self.settle(id, channel, ask),
            Ask::Cancel => self.cancel(id, channel),
            Ask::TxCommit | Ask::TxRollback => self.end_transaction(id, channel, ask),
            Ask::CloseChannel => self.client(id).close_channel(channel),
            Ask::Recover => self.client(id).recover(channel),
            Ask::Bind
            | Ask::Unbind
            | Ask::Consume
            | Ask::Delete
            | Ask::Get
            | Ask::Look
            | Ask::Purge => self.ask_of_queue(id, channel, ask),
            Ask::OpenChannel | Ask::CloseConnection => {}
        }
    }

    fn ask_of_queue(&mut self, id: LinkId, channel: u16, ask: Ask) {
        let Some(name) = self.some_queue() else {
            return;
        };
        let (exchange, _) = *self.dice.pick(&EXCHANGES).expect("three");
        let key = *self.dice.pick(&PATTERNS).expect("some");
        let no_ack = self.dice.percent(self.plan.no_ack);
        let client = self.client(id);
        match ask {
            Ask::Bind => client.bind(channel, &name, exchange, key),
            Ask::Unbind => self.unbind(id, channel),
            Ask::Consume => client.consume(channel, &name, no_ack),
            Ask::Delete => client.delete(channel, &name),
            Ask::Get => client.get(channel, &name, no_ack),
            Ask::Look => client.look(channel, &name),
            Ask::Purge => client.purge(channel, &name),
            _ => unreachable!("not asked of a queue"),
        }
    }

    fn client(&mut self, id: LinkId) -> &mut crate::client::Client {
        &mut self.peers.get_mut(&id).expect("a connected client").client
    }

    fn some_queue(&mut self) -> Option<String> {
        let names: Vec<&String> = self.model.live_queues().map(|(name, _)| name).collect();
        self.dice.pick(&names).map(|name| (*name).clone())
    }

    fn declare(&mut self, id: LinkId, channel: u16) {
        if self.model.live_queues().count() >= self.plan.queues {
            return;
        }
        self.next_queue += 1;
        let name = format!("queue-{}", self.next_queue);
        let durable = self.dice.percent(self.plan.durable);
        let auto_delete = self.dice.percent(10);
        let relaxed = durable && self.dice.percent(self.plan.relaxed);
        self.client(id)
            .declare(channel, &name, durable, auto_delete, relaxed);
        if self.dice.percent(50) {
            let (exchange, _) = *self.dice.pick(&EXCHANGES).expect("three");
            let key = *self.dice.pick(&PATTERNS).expect("some");
            self.client(id).bind(channel, &name, exchange, key);
        }
    }

    fn unbind(&mut self, id: LinkId, channel: u16) {
        let Some(binding) = self.dice.pick(&self.model.bindings).cloned() else {
            return;
        };
        let client = self.client(id);
        client.unbind(channel, &binding.queue, &binding.exchange, &binding.key);
    }

    fn publish(&mut self, id: LinkId, channel: u16) {
        let count = match self.dice.below(10) {
            0 => self.dice.between(5, 40),
            _ => self.dice.between(1, 4),
        };
        let queue = self.some_queue();
        let to_queue = queue.filter(|_| self.dice.percent(70));
        let (exchange, _) = *self.dice.pick(&EXCHANGES).expect("three");
        for _ in 0..count {
            let key = *self.dice.pick(&KEYS).expect("some");
            let length = match self.dice.percent(self.plan.large_bodies) {
                true => self.dice.between(5_000, 40_000),
                false => self.dice.between(body::HEAD_BYTES, 300),
            };
            let persistent = self.dice.percent(self.plan.persistent);
            let message = self.model.new_message(length, persistent);
            let publish = Publish {
                exchange: to_queue.as_ref().map_or(exchange, |_| ""),
                routing_key: to_queue.as_deref().unwrap_or(key),
                mandatory: self.dice.percent(20),
                persistent,
                body: &body::body(message, length),
            };
            let frame_max = self.plan.frame_max;
            self.client(id).publish(channel, &publish, frame_max);
        }
    }

    fn settle(&mut self, id: LinkId, channel: u16, ask: Ask) {
        let held = self.client(id).channel(channel).tags.len();
        let at = self.dice.below(held);
        let multiple = self.dice.percent(40);
        let requeue = self.dice.percent(70);
        match ask {
            Ask::Ack => self.client(id).ack(channel, at, multiple),
            _ => self.client(id).nack(channel, at, multiple, requeue),
        }
    }

    fn cancel(&mut self, id: LinkId, channel: u16) {
        let consumers = self.client(id).channel(channel).consumers.len();
        let at = self.dice.below(consumers);
        self.client(id).cancel(channel, at);
    }

    fn end_transaction(&mut self, id: LinkId, channel: u16, ask: Ask) {
        let client = self.client(id);
        match ask {
            Ask::TxCommit => client.tx_commit(channel),
            _ => client.tx_rollback(channel),
        }
    }

    /// Somebody consumes whatever is in any queue, and acks it.
    pub(crate) fn drain_queues(&mut self) {
        let id = self.connect(0);
        let channel = self.client(id).open_channel(Mode::Plain, 0);
        let names = self.model.live_queues().map(|(name, _)| name.clone());
        for name in names.collect::<Vec<_>>() {
            self.client(id).consume(channel, &name, false);
        }
        self.submit(id);
        self.settle_down();
        let peer = self.peers.get_mut(&id).expect("a connected client");
        for frame in std::mem::take(&mut peer.arriving) {
            peer.client.arrived(&frame);
        }
        self.model.check_quiet();
        self.model.check_drained();
        let held = self.client(id).channel(channel).tags.len();
        if held > 0 {
            self.client(id).ack(channel, held - 1, true);
            self.submit(id);
            self.settle_down();
        }
        self.round(id, Pace::FULL);
        self.disconnect(id);
    }
}
