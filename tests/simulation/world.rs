//! A run: a machine, clients, and what should be true, taken from step to step by chance.

use std::collections::BTreeMap;

use ferrymq_store::Fault;

use crate::client::Client;
use crate::dice::Dice;
use crate::frames::OwnFrame;
use crate::link::{Link, Pace, Round};
use crate::machine::Machine;
use crate::model::{LinkId, Model};
use crate::plan::{Plan, Step};
use crate::trace::Trace;

/// After so many rounds of all connections everything has come to rest.
const MOST_ROUNDS: usize = 10_000;

/// A client, its wire, and the broker's end of it.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) link: Link,
    /// Frames on their way to the client.
    pub(crate) arriving: Vec<OwnFrame>,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) machine: Machine,
    pub(crate) model: Model,
    pub(crate) peers: BTreeMap<LinkId, Peer>,
    pub(crate) next_link: LinkId,
    pub(crate) next_queue: usize,
    pub(crate) trace: Trace,
}

impl World {
    pub(crate) fn new(seed: u64, print: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let mut trace = Trace::new(print);
        trace.line(format!("{plan:?}"));
        let machine = Machine::new(&plan);
        let mut world = Self {
            dice,
            plan,
            machine,
            model: Model::default(),
            peers: BTreeMap::new(),
            next_link: 0,
            next_queue: 0,
            trace,
        };
        world.prepare();
        world
    }

    /// Takes the steps of the plan, at most `limit` of them, and looks at what is left in the end.
    pub(crate) fn run(&mut self, limit: usize) {
        for number in 0..self.plan.steps.min(limit) {
            let step = self.dice.weighted(&self.plan.mix);
            self.trace.line(format!("{number}: {step:?}"));
            self.step(step);
            if self.machine.has_failed() {
                self.replace_machine();
            }
        }
        self.trace.line("the end");
        self.finish();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask(ask) => self.ask(ask),
            Step::Connect => self.connect_client(),
            Step::Round => self.random_round(),
            Step::Arrive => self.arrive(),
            Step::Commit => self.machine.store.commit(),
            Step::Checkpoint => self.machine.store.checkpoint(),
            Step::CheckpointAroundCommit => {
                let operations = self.dice.below(4) as u64;
                self.machine.store.checkpoint_around_commit(operations);
            }
            Step::Page => drop(self.machine.run_due()),
            Step::PassTime => self.pass_time(),
            Step::Cut => self.cut(),
            Step::Quiet => self.check_quiet(),
            Step::Kill => self.kill(),
            Step::PowerLoss => self.lose_power(),
            Step::KillInside => {
                self.fail(Fault::Broken);
                self.kill();
            }
            Step::PowerLossInside => {
                self.fail(Fault::Broken);
                self.lose_power();
            }
            Step::PowerLossInRecovery => self.lose_power_twice(),
            Step::Restart => self.restart(),
            Step::FlipBit => self.flip_bit(),
            Step::FillDisk => {
                let after = self.dice.below(10) as u64;
                self.machine.disk.fail_after(after, Fault::Full);
            }
            Step::FreeDisk => self.machine.disk.mend(),
            Step::Fail => {
                let fault = *self.dice.pick(&[Fault::Broken, Fault::Full]).expect("two");
                self.fail(fault);
                self.rounds_without_input();
                self.lose_power();
            }
        }
    }

    /// The disk fails somewhere in a commit and a checkpoint.
    fn fail(&mut self, fault: Fault) {
        let after = self.dice.below(12) as u64;
        self.machine.disk.fail_after(after, fault);
        let store = &mut self.machine.store;
        if self.dice.percent(50) {
            store.checkpoint();
            store.commit();
        } else {
            store.commit();
            store.checkpoint();
        }
    }

    /// Adds a client and its connection.
    pub(crate) fn connect(&mut self, heartbeat: u16) -> LinkId {
        self.next_link += 1;
        let id = self.next_link;
        let mut client = Client::default();
        client.connect(self.plan.frame_max, heartbeat);
        let peer = Peer {
            client,
            link: Link::new(&self.machine),
            arriving: Vec::new(),
        };
        self.peers.insert(id, peer);
        self.model.connected(id);
        self.submit(id);
        id
    }

    /// Puts what a client has to say on the wire.
    pub(crate) fn submit(&mut self, id: LinkId) {
        let peer = self.peers.get_mut(&id).expect("a connected client");
        peer.link.to_broker.append(&mut peer.client.out);
    }

    fn ready_links(&mut self) -> Vec<LinkId> {
        let machine = &self.machine;
        let ready = self.peers.iter_mut();
        let ready = ready.filter_map(|(id, peer)| peer.link.is_ready(machine).then_some(*id));
        ready.collect()
    }

    fn random_round(&mut self) {
        let ready = self.ready_links();
        if let Some(&id) = self.dice.pick(&ready) {
            let pace = Pace::draw(&mut self.dice, self.plan.full_sockets);
            self.round(id, pace);
        }
    }

    /// A connection does a round of its work; the model hears of it.
    pub(crate) fn round(&mut self, id: LinkId, pace: Pace) {
        let peer = self.peers.get_mut(&id).expect("a connected client");
        let Round { heard, said } = peer.link.round(&self.machine, pace);
        let (hears, says) = (heard.len(), said.len());
        self.trace
            .line(format!("  connection {id}: {hears} frames in, {says} out"));
        for frame in &heard {
            self.model.heard(id, frame);
        }
        for frame in said {
            self.trace.bytes(&frame.payload);
            self.model.said(id, &frame);
            peer.arriving.push(frame);
        }
        if peer.link.ended {
            self.disconnect(id);
        }
    }

    /// A wire is gone.
    pub(crate) fn disconnect(&mut self, id: LinkId) {
        let peer = self.peers.remove(&id).expect("a connected client");
        peer.link.end(&self.machine);
        self.model.disconnected(id);
        self.model.forget(id);
    }

    fn arrive(&mut self) {
        let with_news = self
            .peers
            .iter()
            .filter(|(_, peer)| !peer.arriving.is_empty());
        let with_news: Vec<LinkId> = with_news.map(|(id, _)| *id).collect();
        let Some(&id) = self.dice.pick(&with_news) else {
            return;
        };
        let peer = self.peers.get_mut(&id).expect("just found");
        let count = self.dice.between(1, peer.arriving.len());
        for frame in peer.arriving.drain(..count) {
            peer.client.arrived(&frame);
        }
        self.submit(id);
    }

    fn pass_time(&mut self) {
        let span = match self.dice.below(3) {
            0 => 10,
            1 => 1_000,
            _ => self.dice.between(1_000, 15_000) as u64,
        };
        let span = std::time::Duration::from_millis(span);
        self.machine.now = self.machine.now.after(span);
        for peer in self.peers.values_mut() {
            // Not all clients keep their heartbeats up.
            if self.dice.percent(80) {
                peer.client.heartbeat();
                peer.link.to_broker.append(&mut peer.client.out);
            }
        }
    }

    fn cut(&mut self) {
        let all: Vec<LinkId> = self.peers.keys().copied().collect();
        if let Some(&id) = self.dice.pick(&all) {
            self.disconnect(id);
        }
    }

    /// Everything that was asked for is done, written, and durable.
    pub(crate) fn settle_down(&mut self) {
        self.machine.disk.mend();
        for _ in 0..MOST_ROUNDS {
            let ready = self.ready_links();
            for id in &ready {
                if self.peers.contains_key(id) {
                    self.round(*id, Pace::FULL);
                }
            }
            let paged = self.machine.run_due();
            let committed = self.machine.broker.store().committed();
            self.machine.commit_all();
            let moved = self.machine.broker.store().committed() != committed;
            if ready.is_empty() && !paged && !moved {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    /// Comes to rest, and compares what the broker counts with what should be there.
    pub(crate) fn check_quiet(&mut self) {
        self.settle_down();
        if self.machine.has_failed() {
            return;
        }
        self.model.check_quiet();
        let vhost = self.machine.broker.vhost(crate::machine::VHOST);
        let snapshot = vhost.expect("the default vhost").snapshot().clone();
        let names = self.model.live_queues().map(|(name, _)| name.clone());
        for name in names.collect::<Vec<_>>() {
            let found = snapshot.queues.get(name.as_str());
            let found = found.unwrap_or_else(|| panic!("queue {name} is missing"));
            let counts = found.inspect(|queue| queue.counts());
            let consumers = self.model.consumer_count(&name);
            let now = self.model.now;
            let queue = self.model.queues.get_mut(&name).expect("just listed");
            let (least, most) = queue.ready();
            assert!(
                (least..=most).contains(&counts.ready),
                "{name} has {} ready messages, not {least} to {most}",
                counts.ready
            );
            assert_eq!(counts.unacked, queue.held(), "unacked messages of {name}");
            assert_eq!(counts.consumers, consumers, "consumers of {name}");
            queue.counted(counts.ready, Some(now));
        }
        let expected = self.model.live_queues().count();
        assert_eq!(
            snapshot.queues.len(),
            expected,
            "queues that should be gone"
        );
    }
}
