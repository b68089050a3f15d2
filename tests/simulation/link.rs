//! A connection without a socket: bytes in random pieces, and rounds as its task would do them.
//!
//! Compare `broker/src/net/task.rs`, which does the same on a socket.

use std::future::Future;
use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use ferrymq_broker::session::connection::Connection;
use ferrymq_broker::session::endpoints::Endpoints;
use tokio::sync::Notify;

use crate::dice::Dice;
use crate::frames::{OwnFrame, cut};
use crate::machine::Machine;

/// The broker's end of a wire.
pub(crate) struct Link {
    connection: Connection,
    wake: Arc<Notify>,
    /// Read, and not handled yet.
    inbound: BytesMut,
    /// The same bytes, for whoever wants to know what was handled.
    unhandled: Vec<u8>,
    /// Handled bytes that are not a whole frame.
    handled: Vec<u8>,
    /// On their way to the broker.
    pub(crate) to_broker: Vec<u8>,
    /// Written bytes that are not a whole frame.
    written: Vec<u8>,
    /// The last round was not the last of its batch.
    busy: bool,
    /// The socket takes no more at the moment.
    blocked: bool,
    /// It is over: nothing more comes from it.
    pub(crate) ended: bool,
}

/// What happened in a round.
#[derive(Default)]
pub(crate) struct Round {
    /// What the broker handled.
    pub(crate) heard: Vec<OwnFrame>,
    /// What it wrote.
    pub(crate) said: Vec<OwnFrame>,
}

/// How a round goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// At most so many bytes are read.
    pub(crate) read_bytes: usize,
    /// At most so many bytes are written.
    pub(crate) write_bytes: usize,
}

impl Pace {
    /// Everything at once.
    pub(crate) const FULL: Self = Self {
        read_bytes: usize::MAX,
        write_bytes: usize::MAX,
    };

    pub(crate) fn draw(dice: &mut Dice, full_sockets: u32) -> Self {
        let read_bytes = match dice.below(4) {
            0 => dice.between(1, 40),
            1 => dice.between(1, 6_000),
            _ => 128 * 1024,
        };
        let write_bytes = match dice.percent(full_sockets) {
            true => dice.between(0, 3_000),
            false => usize::MAX,
        };
        Self {
            read_bytes,
            write_bytes,
        }
    }
}

impl Link {
    pub(crate) fn new(machine: &Machine) -> Self {
        let wake = Arc::new(Notify::new());
        let address = "127.0.0.1:9".parse().expect("an address");
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        let connection = machine
            .broker
            .connect(endpoints, Arc::clone(&wake), machine.now);
        Self {
            connection,
            wake,
            inbound: BytesMut::new(),
            unhandled: Vec::new(),
            handled: Vec::new(),
            to_broker: Vec::new(),
            written: Vec::new(),
            busy: false,
            blocked: false,
            ended: false,
        }
    }

    /// Whether its task would run now.
    pub(crate) fn is_ready(&mut self, machine: &Machine) -> bool {
        if self.ended {
            return false;
        }
        if is_notified(&self.wake) {
            self.busy = true;
        }
        let due = self.connection.next_timeout();
        self.busy
            || self.blocked
            || due.is_some_and(|at| at <= machine.now)
            || !self.to_broker.is_empty() && self.connection.wants_input()
    }

    /// Whether something that was said has not been handled yet.
    pub(crate) fn is_unheard(&self) -> bool {
        !self.to_broker.is_empty() || !self.unhandled.is_empty()
    }

    /// One round of its task.
    pub(crate) fn round(&mut self, machine: &Machine, pace: Pace) -> Round {
        let now = machine.now;
        let mut round = Round::default();
        let mut busy = self.read(machine, pace.read_bytes);
        if let Some((credentials, peer)) = self.connection.take_login() {
            let users = machine.broker.users();
            let (user, password) = (&credentials.user, &credentials.password);
            let answer = users.authenticate(user, password, peer.ip(), now);
            self.connection.handle_login(answer, now);
            self.handle_input(machine);
            busy = true;
        }
        let more = self.connection.handle_outbox(now);
        self.connection.handle_unblocked(now);
        self.connection.handle_committed();
        if self.connection.next_timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
        self.write(pace.write_bytes);
        busy |= more && !self.blocked && self.connection.outbound().has_room();
        busy |= self.connection.has_pending_input();
        self.ended = self.connection.is_closed() && self.connection.outbound().is_empty();
        self.connection.finish_round();
        self.busy = busy;
        if !busy {
            if !self.connection.wants_input() {
                machine.broker.wake_when_less_congested(&self.wake);
            }
            self.connection.release_idle();
        }
        round.heard = cut(&mut self.handled);
        round.said = cut(&mut self.written);
        round
    }

    /// The wire is cut, or closed by the broker.
    pub(crate) fn end(mut self, machine: &Machine) {
        machine.broker.disconnect(&mut self.connection, machine.now);
    }

    fn read(&mut self, machine: &Machine, most: usize) -> bool {
        if !self.connection.wants_input() {
            return false;
        }
        let count = self.to_broker.len().min(most);
        if count == 0 && !self.connection.has_pending_input() {
            return false;
        }
        let read = self.to_broker.drain(..count);
        self.unhandled.extend_from_slice(read.as_slice());
        self.inbound.extend_from_slice(read.as_slice());
        drop(read);
        self.handle_input(machine);
        true
    }

    fn handle_input(&mut self, machine: &Machine) {
        self.connection.handle_input(&mut self.inbound, machine.now);
        let handled = self.unhandled.len() - self.inbound.len();
        self.handled.extend(self.unhandled.drain(..handled));
    }

    fn write(&mut self, mut most: usize) {
        let outbound = self.connection.outbound();
        let mut any = false;
        while most > 0 && outbound.is_ready() {
            let mut slices: Vec<IoSlice<'_>> = Vec::new();
            outbound.writable(&mut slices);
            let before = self.written.len();
            for slice in &slices {
                let part = &slice[..slice.len().min(most)];
                self.written.extend_from_slice(part);
                most -= part.len();
            }
            let count = self.written.len() - before;
            outbound.advance(count);
            any = true;
        }
        self.blocked = outbound.is_ready();
        if any {
            self.connection.note_written();
        }
    }
}

/// Whether somebody wanted the task to be woken; only once.
fn is_notified(wake: &Notify) -> bool {
    let notified = pin!(wake.notified());
    let mut context = Context::from_waker(Waker::noop());
    notified.poll(&mut context) == Poll::Ready(())
}
