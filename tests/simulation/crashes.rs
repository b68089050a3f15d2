//! How the broker goes down, and comes up again.

use ferrymq_store::SimulatedDisk;

use crate::body;
use crate::link::Pace;
use crate::machine::{Machine, VHOST};
use crate::model::{Down, LinkId, Shown};
use crate::world::World;

/// Rounds after which connections must have closed, when they are told to.
const CLOSING_ROUNDS: usize = 50;

impl World {
    /// The process is killed: what was written is still there.
    pub(crate) fn kill(&mut self) {
        let disk = self.machine.disk_after_kill();
        self.crash(disk, Down::Killed);
    }

    /// The power goes: what was not synced is there or not.
    pub(crate) fn lose_power(&mut self) {
        let disk = Machine::disk_after_power_loss(&self.machine.disk, &mut self.dice);
        self.crash(disk, Down::PowerLost);
    }

    /// The power goes, and goes again while the broker starts.
    pub(crate) fn lose_power_twice(&mut self) {
        let disk = Machine::disk_after_power_loss(&self.machine.disk, &mut self.dice);
        let operations = self.dice.below(8) as u64;
        self.machine.try_start(disk.clone(), operations);
        let disk = Machine::disk_after_power_loss(&disk, &mut self.dice);
        self.crash(disk, Down::PowerLost);
    }

    /// After a failed write nothing is confirmed any more. Then the machine is replaced.
    pub(crate) fn replace_machine(&mut self) {
        self.trace.line("the disk has failed");
        self.rounds_without_input();
        self.lose_power();
    }

    /// Connections write what they have, and hear nothing more.
    pub(crate) fn rounds_without_input(&mut self) {
        for id in self.peers.keys().copied().collect::<Vec<LinkId>>() {
            self.round_without_input(id);
        }
    }

    fn round_without_input(&mut self, id: LinkId) {
        let pace = Pace {
            read_bytes: 0,
            ..Pace::FULL
        };
        self.round(id, pace);
    }

    fn crash(&mut self, disk: SimulatedDisk, down: Down) {
        let left = disk.outline();
        self.trace.line(format!("  {down:?}, {left:08x} is left"));
        self.peers.clear();
        self.model.went_down(down);
        self.machine.restart_on(disk);
        assert!(!self.machine.clean, "a crash was taken for a clean stop");
        self.came_up();
    }

    /// The broker is stopped, and started again.
    pub(crate) fn restart(&mut self) {
        if let Some(disk) = self.stop() {
            self.machine.restart_on(disk);
            let undamaged = self.machine.damaged_records() == 0;
            assert!(
                self.machine.clean || !undamaged,
                "a clean stop was not noticed"
            );
            self.came_up();
        }
    }

    /// Stops the broker in an orderly way; `None` if that ended in a crash.
    fn stop(&mut self) -> Option<SimulatedDisk> {
        self.machine.disk.mend();
        // So that there is room to write, and each connection closes in its next round.
        self.machine.write_everything();
        self.rounds_without_input();
        self.machine.broker.begin_shutdown();
        for id in self.peers.keys().copied().collect::<Vec<LinkId>>() {
            self.model.disconnected(id);
            self.round_without_input(id);
        }
        for _ in 0..CLOSING_ROUNDS {
            self.rounds_without_input();
            self.all_arrive();
        }
        for id in self.peers.keys().copied().collect::<Vec<LinkId>>() {
            self.disconnect(id);
        }
        self.machine.write_everything();
        if self.machine.broker.finish_shutdown().is_err() {
            self.lose_power();
            return None;
        }
        self.model.went_down(Down::Stopped);
        Some(self.machine.disk.crash(|| false))
    }

    fn all_arrive(&mut self) {
        for peer in self.peers.values_mut() {
            for frame in std::mem::take(&mut peer.arriving) {
                peer.client.arrived(&frame);
            }
        }
    }

    fn came_up(&mut self) {
        if !self.model.any_damage {
            let damaged = self.machine.damaged_records();
            assert_eq!(damaged, 0, "damage was found where there is none");
        }
        let shown = self.shown();
        self.model.came_up(&shown);
    }

    /// What the broker has.
    fn shown(&self) -> Shown {
        let vhost = self.machine.broker.vhost(VHOST).expect("the vhost");
        let snapshot = vhost.snapshot();
        let queues = snapshot.queues.values();
        let queues = queues.map(|queue| {
            let ready = queue.inspect(|queue| queue.counts().ready);
            (queue.name.as_str().to_owned(), ready)
        });
        let bindings = snapshot.topology.bindings().map(|binding| {
            let exchange = binding.source().as_str().to_owned();
            let queue = binding.destination().name().to_owned();
            (exchange, queue, binding.routing_key().to_string())
        });
        Shown {
            queues: queues.collect(),
            bindings: bindings.collect(),
        }
    }

    /// A bit of a message flips while the broker is down: that message may be lost, and nothing else.
    pub(crate) fn flip_bit(&mut self) {
        self.settle_down();
        let Some(disk) = self.stop() else {
            return;
        };
        let count = self.model.messages.len();
        let message = (count > 0).then(|| body::MessageId(self.dice.below(count) as u64));
        if let Some(message) = message {
            let length = self.model.messages[message.0 as usize].length;
            let at = self.dice.below(length);
            if flip(&disk, &body::body(message, length), at) {
                self.trace
                    .line(format!("byte {at} of {message:?} is damaged"));
                self.model.damage(message);
            }
        }
        self.machine.restart_on(disk);
        self.came_up();
    }

    /// The end: all that is promised is there, and once it is acked, nothing is left.
    pub(crate) fn finish(&mut self) {
        match self.dice.below(4) {
            0 => self.check_quiet(),
            1 => self.kill(),
            2 => self.restart(),
            _ => self.lose_power(),
        }
        if self.machine.has_failed() {
            self.replace_machine();
        }
        for id in self.peers.keys().copied().collect::<Vec<LinkId>>() {
            self.disconnect(id);
        }
        self.drain_queues();
        self.check_quiet();
        self.restart();
        self.check_quiet();
        let left = self.model.live_queues().map(|(_, queue)| queue.ready().1);
        assert_eq!(left.sum::<usize>(), 0, "acked messages came back");
    }
}

/// Damages every copy of a body in the log; false if there is none.
fn flip(disk: &SimulatedDisk, body: &[u8], at: usize) -> bool {
    let mut any = false;
    for path in disk.paths("log/") {
        disk.damage(&path, |bytes| {
            let places = bytes.windows(body.len()).enumerate();
            let places = places.filter(|(_, window)| *window == body);
            let places: Vec<usize> = places.map(|(place, _)| place).collect();
            for place in places {
                bytes[place + at] ^= 1;
                any = true;
            }
        });
    }
    any
}
