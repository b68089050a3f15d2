//! Queues with features, in the same machine: deadlines, delays, limits, priorities and dead letters.
//!
//! One client publishes, gets and settles, while time passes and the broker goes down in every way. When
//! everything has come to rest, each message that was confirmed has to be in its queue, in the queue of
//! dead letters, or gone for a reason that its queue gave it: never in neither, never twice without a
//! crash, and never anywhere after its time.

mod ledger;
mod peer;
mod rules;

use ferrymq_broker::actor::Actor;
use ferrymq_broker::browse::Browse;
use ferrymq_store::Fault;

use crate::body::{self, MessageId};
use crate::dice::Dice;
use crate::machine::{Machine, VHOST};
use crate::plan::Plan;
use crate::trace::Trace;

use ledger::{Ledger, Seen};
use peer::{Answer, Peer};
use rules::{Demand, Rules};

/// After so many rounds everything has come to rest.
const MOST_ROUNDS: usize = 10_000;
/// Longer than any deadline or delay.
const LONG_MS: u64 = 100_000;

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish,
    Get,
    Ack,
    Reject,
    Requeue,
    Commit,
    Checkpoint,
    Due,
    PassTime,
    Cut,
    Audit,
    FillDisk,
    FreeDisk,
    Kill,
    PowerLoss,
    PowerLossInside,
    Restart,
}

const STEPS: [(Step, u32); 17] = [
    (Step::Publish, 100),
    (Step::Get, 100),
    (Step::Ack, 30),
    (Step::Reject, 30),
    (Step::Requeue, 40),
    (Step::Commit, 60),
    (Step::Checkpoint, 20),
    (Step::Due, 60),
    (Step::PassTime, 25),
    (Step::Cut, 3),
    (Step::Audit, 6),
    (Step::FillDisk, 4),
    (Step::FreeDisk, 20),
    (Step::Kill, 2),
    (Step::PowerLoss, 3),
    (Step::PowerLossInside, 3),
    (Step::Restart, 2),
];

/// A run.
pub(crate) struct World {
    dice: Dice,
    machine: Machine,
    peer: Peer,
    rules: Vec<Rules>,
    ledger: Ledger,
    pub(crate) trace: Trace,
    steps: usize,
}

impl World {
    pub(crate) fn new(seed: u64, print: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let machine = Machine::new(&plan);
        let mut trace = Trace::new(print);
        let rules: Vec<Rules> = (0..dice.between(1, 3))
            .map(|number| Rules::draw(number, &mut dice))
            .collect();
        trace.line(format!("{rules:?}"));
        let mut world = Self {
            steps: dice.between(50, 600),
            peer: Peer::connect(&machine),
            ledger: Ledger::default(),
            dice,
            machine,
            rules,
            trace,
        };
        for rules in &world.rules {
            world.peer.declare(&rules.name(), rules.arguments());
            world.peer.declare(&rules.dead_name(), Default::default());
        }
        world.settle_down();
        world
    }

    pub(crate) fn run(&mut self) {
        for number in 0..self.steps {
            let step = self.dice.weighted(&STEPS);
            self.trace.line(format!("{number}: {step:?}"));
            self.step(step);
            self.rounds();
        }
        self.audit();
        self.pass(LONG_MS);
        self.audit();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish => self.publish(),
            Step::Get => {
                let rules = self.dice.pick(&self.rules).expect("at least one");
                let dead = self.dice.percent(20);
                self.peer.get(&rules.queue_name(dead));
            }
            Step::Ack | Step::Reject | Step::Requeue => self.settle(step),
            Step::Commit => self.machine.store.commit(),
            Step::Checkpoint => self.machine.store.checkpoint(),
            Step::Due => drop(self.machine.run_due()),
            Step::PassTime => {
                let span = [1, 10, 1_000, 10_000][self.dice.below(4)];
                self.pass(span);
            }
            Step::Cut => self.reconnect(),
            Step::Audit => self.audit(),
            Step::FillDisk => {
                let after = self.dice.below(10) as u64;
                self.machine.disk.fail_after(after, Fault::Full);
            }
            Step::FreeDisk => self.machine.disk.mend(),
            Step::Kill => {
                let disk = self.machine.disk_after_kill();
                self.crash(disk);
            }
            Step::PowerLoss => self.lose_power(),
            Step::PowerLossInside => {
                let after = self.dice.below(12) as u64;
                self.machine.disk.fail_after(after, Fault::Broken);
                self.machine.run_due();
                self.machine.store.commit();
                self.machine.store.checkpoint();
                self.lose_power();
            }
            Step::Restart => self.restart(),
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        let span = std::time::Duration::from_millis(milliseconds);
        self.machine.now = self.machine.now.after(span);
    }

    fn publish(&mut self) {
        let number = self.dice.below(self.rules.len());
        for _ in 0..self.dice.between(1, 6) {
            let demand = Demand::draw(&self.rules[number], &mut self.dice);
            let length = match self.dice.percent(10) {
                true => self.dice.between(5_000, 20_000),
                false => self.dice.between(body::HEAD_BYTES, 300),
            };
            let id = self.ledger.publish(number, demand, self.machine.now);
            let body = body::body(id, length);
            let name = self.rules[number].name();
            self.peer.publish(&name, &demand.properties(), &body, id);
        }
    }

    fn settle(&mut self, step: Step) {
        let held = self.peer.held.len();
        if held == 0 {
            return;
        }
        let (tag, id, dead) = self.peer.held.swap_remove(self.dice.below(held));
        match step {
            Step::Ack => self.peer.ack(tag),
            _ => self.peer.reject(tag, matches!(step, Step::Requeue)),
        }
        match (step, dead) {
            (Step::Requeue, false) => self.ledger.returned(id),
            (Step::Requeue, true) => {}
            (Step::Ack, false) => self.ledger.acked(id),
            (Step::Reject, false) => {
                let rules = &self.rules[self.ledger.queue_of(id)];
                self.ledger.rejected(id, rules.dead_letters);
            }
            (_, _) => self.ledger.dead_settled(id),
        }
    }

    /// The broker handles what was said, and its answers are heard.
    fn rounds(&mut self) {
        for answer in self.peer.rounds(&self.machine) {
            match answer {
                Answer::Confirmed(id) => self.ledger.confirmed(id, self.machine.now),
                Answer::Refused(id) => self.ledger.refused(id, &self.rules),
                Answer::Got {
                    queue,
                    tag,
                    body,
                    reason,
                } => {
                    let id = body::identify(&body).expect("a body differs from what was sent");
                    let dead = queue.starts_with("dead");
                    let seen = Seen { id, reason };
                    self.trace.line(format!("  {id:?} from {queue}"));
                    let now = self.machine.now;
                    match dead {
                        true => self.ledger.check_dead(&seen, &self.rules, now),
                        false => self.ledger.handed_out(id, &self.rules, now),
                    }
                    self.peer.held.push((tag, id, dead));
                }
            }
        }
    }

    fn settle_down(&mut self) {
        self.machine.disk.mend();
        for _ in 0..MOST_ROUNDS {
            let heard = self.peer.is_ready(&self.machine);
            self.rounds();
            let due = self.machine.run_due();
            let committed = self.machine.broker.store().committed();
            self.machine.commit_all();
            let moved = self.machine.broker.store().committed() != committed;
            if !heard && !due && !moved {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    /// Everything comes to rest, and is looked at.
    fn audit(&mut self) {
        self.settle_down();
        let held: Vec<(MessageId, bool)> = self
            .peer
            .held
            .iter()
            .map(|(_, id, dead)| (*id, *dead))
            .collect();
        for (number, rules) in self.rules.iter().enumerate() {
            let waiting = self.browse(&rules.name());
            let dead = self.browse(&rules.dead_name());
            let now = self.machine.now;
            for seen in &dead {
                self.ledger.check_dead(seen, &self.rules, now);
            }
            self.ledger
                .check(number, &self.rules, &waiting, &dead, &held, now);
        }
    }

    fn browse(&self, queue: &str) -> Vec<Seen> {
        let broker = &self.machine.broker;
        let user = broker.users().user("guest").expect("the default user");
        let connection = None;
        let actor = Actor { user, connection };
        let vhost = broker.vhost(VHOST).expect("the default vhost");
        let mut browse = Browse {
            limit: 1000,
            body_bytes: 30_000,
            ..Browse::default()
        };
        let mut all = Vec::new();
        loop {
            let page = vhost.browse(&actor, queue, &browse, self.machine.now);
            let page = page.expect("a queue that is there");
            all.extend(page.messages.iter().map(|message| {
                let id = body::identify(&message.body).expect("a body differs");
                let headers = message.properties().and_then(|all| all.headers());
                let reason = headers.and_then(peer::reason);
                Seen { id, reason }
            }));
            match page.next {
                Some(next) => browse.from = next,
                None => return all,
            }
        }
    }

    fn reconnect(&mut self) {
        self.give_back();
        let gone = std::mem::replace(&mut self.peer, Peer::connect(&self.machine));
        gone.end(&self.machine);
    }

    /// What the client holds goes back.
    fn give_back(&mut self) {
        for (_, id, dead) in std::mem::take(&mut self.peer.held) {
            if !dead {
                self.ledger.returned(id);
            }
        }
        if self.peer.is_unheard() {
            self.ledger.doubt();
        }
        // Of what was on its way to it nobody knows.
        self.ledger.lost_sight();
    }

    fn lose_power(&mut self) {
        let disk = Machine::disk_after_power_loss(&self.machine.disk, &mut self.dice);
        self.crash(disk);
    }

    fn crash(&mut self, disk: ferrymq_store::SimulatedDisk) {
        self.give_back();
        self.ledger.crashed();
        self.machine.restart_on(disk);
        self.peer = Peer::connect(&self.machine);
    }

    fn restart(&mut self) {
        self.settle_down();
        self.reconnect();
        self.settle_down();
        let broker = std::sync::Arc::clone(&self.machine.broker);
        broker.begin_shutdown();
        self.rounds();
        let fresh = Peer::connect(&self.machine);
        std::mem::replace(&mut self.peer, fresh).end(&self.machine);
        self.machine.write_everything();
        broker.finish_shutdown().expect("a disk that works");
        self.ledger.restarted();
        let disk = self.machine.disk.crash(|| false);
        self.machine.restart_on(disk);
        self.peer = Peer::connect(&self.machine);
    }
}
