//! One connection: handshake, frames to channels, heartbeats, closing. Bytes in, bytes out.
//!
//! ```text
//! header ▶ start-ok ▶ (login) ▶ tune-ok ▶ open ▶ running ▶ closing ▶ closed
//!    └──────────┴─────────┴─────────┴───────┴────────┴──────────────▲
//! ```

mod closing;
mod login;
mod steps;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use ferrymq_amqp::frame;

use crate::auth::{Credentials, User};
use crate::broker::Broker;
use crate::clients::ClientConnection;
use crate::clock::{self, Timestamp};
use crate::error::Error;
use crate::session::ConnectionId;
use crate::session::blocking::Blocking;
use crate::session::channels::{Channels, Failure};
use crate::session::endpoints::Endpoints;
use crate::session::handshake::{Client, Tuned};
use crate::session::heartbeat::{Due, Heartbeat};
use crate::session::outbound::Outbound;
use crate::session::outbox::Item;

/// How long a client that failed before it was let in is kept waiting, to slow down guessing.
const FAILURE_DELAY: Duration = Duration::from_secs(3);

/// How long a client may take to answer `connection.close`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// An AMQP connection, without its socket.
pub struct Connection {
    broker: Arc<Broker>,
    /// Its number.
    pub id: ConnectionId,
    endpoints: Endpoints,
    /// What others see of it.
    entry: Arc<ClientConnection>,
    phase: Phase,
    client: Client,
    /// What is to be written until the connection is opened.
    outbound: Outbound,
    heartbeat: Option<Heartbeat>,
    /// The handshake, or the close, must be over by then.
    deadline: Option<Timestamp>,
    opened_at: Timestamp,
    /// There are frames in the input that had to wait.
    stopped_early: bool,
    /// The input can't be followed any more, or nobody wants to: nothing is read.
    deaf: bool,
}

enum Phase {
    Header,
    StartOk,
    /// Somebody is asked whether these are good.
    Login {
        user: String,
        credentials: Option<Credentials>,
    },
    TuneOk(Arc<User>),
    Open(Arc<User>, Tuned),
    Running(Box<Running>),
    /// `connection.close` was sent, or the client is about to be dropped.
    Closing,
    /// Nothing is left but to write what waits.
    Closed,
}

struct Running {
    channels: Channels,
    blocking: Blocking,
    frame_max: u32,
    next_consumer_check: Option<Timestamp>,
}

impl Connection {
    /// A connection that has sent nothing yet.
    pub fn new(broker: Arc<Broker>, entry: Arc<ClientConnection>) -> Self {
        let opened_at = entry.connected_at;
        let deadline = Some(opened_at.after(broker.config().handshake_timeout));
        Self {
            broker,
            id: entry.id,
            endpoints: entry.endpoints,
            entry,
            phase: Phase::Header,
            client: Client::default(),
            outbound: Outbound::default(),
            heartbeat: None,
            deadline,
            opened_at,
            stopped_early: false,
            deaf: false,
        }
    }

    /// What others see of it.
    pub fn entry(&self) -> &Arc<ClientConnection> {
        &self.entry
    }

    /// Bytes to write.
    pub fn outbound(&mut self) -> &mut Outbound {
        match &mut self.phase {
            Phase::Running(running) => &mut running.channels.context.outbound,
            _ => &mut self.outbound,
        }
    }

    /// Does input that was read before wait to be handled, and can it be now?
    pub fn has_pending_input(&self) -> bool {
        self.stopped_early && self.wants_input()
    }

    /// May more be read from the client now?
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            _ if self.deaf => false,
            Phase::Login { .. } | Phase::Closed => false,
            Phase::Running(running) => {
                !running.blocking.is_full()
                    && running.channels.context.outbound.has_room_for_replies()
                    // While publishers wait anyway, acks are what may end that.
                    && (running.blocking.is_on() || !self.broker.store().is_congested())
            }
            _ => true,
        }
    }

    /// Is it over, once everything is written?
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Has the client sent anything?
    pub fn is_untouched(&self) -> bool {
        matches!(self.phase, Phase::Header)
    }

    /// Where it runs.
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// Who logged in where, how long it lasted: for the log.
    pub fn describe(&self, now: Timestamp) -> String {
        let lasted = clock::spoken(now.since(self.opened_at));
        match &self.phase {
            Phase::Running(running) => {
                let context = &running.channels.context;
                format!(
                    "{}, vhost: '{}', user: '{}', duration: '{lasted}'",
                    self.endpoints,
                    context.vhost.name(),
                    context.actor.user.name(),
                )
            }
            _ => format!("{}, duration: '{lasted}'", self.endpoints),
        }
    }

    /// Handles all whole frames in `inbound`, and leaves the rest there.
    pub fn handle_input(&mut self, inbound: &mut BytesMut, now: Timestamp) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.read();
        }
        self.begin_batch(now);
        self.stopped_early = false;
        let mut consumed = 0;
        loop {
            match self.next_step(inbound, &mut consumed, now) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => self.fail(failure, now),
            }
        }
        inbound.advance(consumed);
        self.finish_batch(now);
    }

    /// Sends what waits in the outbox, and does what else is asked there; tells whether more may
    /// wait that had no room.
    pub fn handle_outbox(&mut self, now: Timestamp) -> bool {
        self.begin_batch(now);
        let Phase::Running(running) = &mut self.phase else {
            self.handle_early_outbox(now);
            return false;
        };
        let stopped_early = running.channels.drain_outbox(false);
        let asked = std::mem::take(&mut running.channels.asked);
        if asked.timeouts_changed {
            running.next_consumer_check = running.channels.next_consumer_check(now);
        }
        if let Some(alarms) = asked.alarms {
            running.blocking.set(alarms, &mut running.channels.context);
        }
        for request in asked.requests {
            running.channels.handle_request(request);
        }
        if let Some(reason) = asked.close {
            self.force_close(&reason, now);
        }
        stopped_early
    }

    /// Before it is open, all that matters is whether the broker wants it closed, or its user is
    /// gone: one who comes later under the same name is somebody else.
    fn handle_early_outbox(&mut self, now: Timestamp) {
        let mut items = VecDeque::new();
        self.entry.outbox().take(&mut items);
        let unwanted = items.iter().any(|item| match (item, &self.phase) {
            (Item::Close(_), _) => true,
            (Item::UserDeleted(gone), Phase::Login { user, .. }) => gone.name() == user,
            (Item::UserDeleted(gone), Phase::TuneOk(user) | Phase::Open(user, _)) => {
                gone.name() == user.name()
            }
            _ => false,
        });
        if unwanted {
            self.end(now);
        }
    }

    /// The log has moved on: confirms and gated replies may be due.
    pub fn handle_committed(&mut self) {
        let committed = self.broker.store().committed();
        if let Phase::Running(running) = &mut self.phase {
            running.channels.send_confirms();
            let context = &mut running.channels.context;
            if let Some(point) = context.outbound.open_gates(committed) {
                context.wake_at(point);
            }
        } else if let Some(point) = self.outbound.open_gates(committed) {
            let waiter = self.entry.outbox().wake();
            self.broker.store().wake_when_committed(point, waiter);
        }
    }

    /// Frames that were held back while an alarm was on.
    pub fn handle_unblocked(&mut self, now: Timestamp) {
        let waiting = |running: &Running| running.blocking.has_ready();
        if !matches!(&self.phase, Phase::Running(running) if waiting(running)) {
            return;
        }
        while let Phase::Running(running) = &mut self.phase
            && let Some(held) = running.blocking.next_held()
        {
            if let Err(failure) = self.dispatch_frame(held.frame(), now) {
                self.fail(failure, now);
            }
        }
        self.finish_batch(now);
    }

    /// A round of work is over: what it counted goes to the totals, and everybody who got something is
    /// woken. Tells whether there was anybody.
    pub fn finish_round(&mut self) -> bool {
        let Phase::Running(running) = &mut self.phase else {
            return false;
        };
        let context = &mut running.channels.context;
        context.flush_tally();
        context.work.dirty.wake()
    }

    /// Bytes were written.
    pub fn note_written(&mut self) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.wrote();
        }
    }

    /// When [`Connection::handle_timeout`] next has something to do.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let consumers = match &self.phase {
            Phase::Running(running) => running.next_consumer_check,
            _ => None,
        };
        let heartbeat = self.heartbeat.as_ref().map(Heartbeat::next_timeout);
        [self.deadline, heartbeat, consumers]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due: heartbeats, giving up, consumers that took too long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.begin_batch(now);
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            if !matches!(self.phase, Phase::Closing | Phase::Closed) {
                tracing::error!(
                    conn = self.id.0,
                    peer = %self.endpoints.peer,
                    "Error on AMQP connection {}: handshake_timeout: there was no connection.open in time",
                    self.endpoints
                );
            }
            return self.end(now);
        }
        let may_read = self.wants_input();
        if let Some(heartbeat) = &mut self.heartbeat {
            if !may_read {
                heartbeat.read();
            }
            match heartbeat.due(now) {
                Due::Nothing => {}
                Due::Send => self.outbound().append(frame::encode_heartbeat),
                Due::Gone => {
                    let patience = heartbeat.interval();
                    tracing::error!(
                        conn = self.id.0,
                        peer = %self.endpoints.peer,
                        "closing AMQP connection ({}): missed heartbeats from client, timeout: {patience:?}",
                        self.describe(now)
                    );
                    return self.end(now);
                }
            }
        }
        if let Phase::Running(running) = &mut self.phase
            && running.next_consumer_check.is_some_and(|at| now >= at)
        {
            let cancelled = running.channels.cancel_overdue_consumers(now);
            running.next_consumer_check = running.channels.next_consumer_check(now);
            if let Err(failure) = cancelled {
                self.fail(failure, now);
            }
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub fn release_idle(&mut self) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.release_idle();
        }
        self.outbound().release();
    }

    fn finish_batch(&mut self, now: Timestamp) {
        let Phase::Running(running) = &mut self.phase else {
            return;
        };
        running.channels.finish_batch();
        if running.next_consumer_check.is_none() && running.channels.context.has_timeouts {
            running.next_consumer_check = running.channels.next_consumer_check(now);
        }
        if running.channels.context.store_failed {
            let why = match self.broker.store().failure() {
                Some(failure) => failure.to_string(),
                None => "it was closed".to_owned(),
            };
            self.fail(Failure::new(Error::Store(why), (0, 0)), now);
        }
    }

    fn begin_batch(&mut self, now: Timestamp) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.context.set_now(now);
        }
    }
}

#[cfg(test)]
mod tests;
