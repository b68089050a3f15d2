//! How a connection ends: by the client, by the broker, by a failure, or because the socket is gone.

use ferrymq_amqp::{ReplyCode, reply_code};

use super::{CLOSE_TIMEOUT, Connection, FAILURE_DELAY, Phase};
use crate::clock::Timestamp;
use crate::events::Event;
use crate::session::channels::Failure;
use crate::session::handshake;

impl Connection {
    /// The socket is gone, or given up: everything that the connection held is released.
    pub fn end(&mut self, now: Timestamp) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.context.set_now(now);
            running.channels.end();
            self.report(Event::ConnectionClosed);
        }
        self.outbound.discard();
        self.phase = Phase::Closed;
    }

    /// The client closes. Compat: its exclusive queues are gone before `close-ok`.
    pub(super) fn handle_close(&mut self, now: Timestamp) {
        let crossing = matches!(self.phase, Phase::Closing);
        if !crossing {
            tracing::info!(
                conn = self.id.0,
                peer = %self.endpoints.peer,
                "closing AMQP connection ({})",
                self.describe(now)
            );
        }
        self.leave_running();
        self.outbound.method(0, handshake::close_ok());
        self.phase = Phase::Closed;
    }

    /// Somebody else wants the connection closed.
    pub(super) fn force_close(&mut self, reason: &str, now: Timestamp) {
        tracing::info!(
            conn = self.id.0,
            peer = %self.endpoints.peer,
            "Closing connection ({}) because \"{reason}\"",
            self.describe(now)
        );
        self.close(ReplyCode::ConnectionForced, reason, (0, 0), now);
    }

    /// The one place where a failure closes the connection.
    pub(super) fn fail(&mut self, failure: Failure, now: Timestamp) {
        let code = failure.error.reply_code();
        tracing::error!(
            conn = self.id.0,
            peer = %self.endpoints.peer,
            code = code.code(),
            "Error on AMQP connection ({}): {} - {}",
            self.describe(now),
            code.name(),
            failure.error,
        );
        match self.phase {
            // Nobody has logged in: no explanations.
            Phase::Header | Phase::StartOk | Phase::Login { .. } => self.drop_later(now),
            // Its end would not be seen any more: not long to wait for.
            Phase::Closing if self.deaf => {
                let soon = now.after(FAILURE_DELAY);
                self.deadline = Some(self.deadline.map_or(soon, |deadline| deadline.min(soon)));
            }
            Phase::Closing | Phase::Closed => {}
            _ => self.close(code, &failure.error.to_string(), failure.method, now),
        }
    }

    pub(super) fn close(
        &mut self,
        code: ReplyCode,
        text: &str,
        method: (u16, u16),
        now: Timestamp,
    ) {
        let patience = match (&self.heartbeat, self.deaf) {
            (_, true) => FAILURE_DELAY,
            (Some(heartbeat), false) => CLOSE_TIMEOUT.min(heartbeat.interval()),
            (None, false) => CLOSE_TIMEOUT,
        };
        self.leave_running();
        let text = reply_code::reply_text(code, text);
        self.outbound
            .method(0, handshake::close(code, text, method));
        self.deadline = Some(now.after(patience));
        self.phase = Phase::Closing;
    }

    /// Releases everything that a running connection holds; its unwritten bytes stay.
    pub(super) fn leave_running(&mut self) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.end();
            self.outbound = std::mem::take(&mut running.channels.context.outbound);
            self.report(Event::ConnectionClosed);
        }
        self.heartbeat = None;
    }

    /// Says nothing more, and hangs up after a while.
    pub(super) fn drop_later(&mut self, now: Timestamp) {
        self.deadline = Some(now.after(FAILURE_DELAY));
        self.deaf = true;
        self.phase = Phase::Closing;
    }
}
