//! One connection: handshake, frames to channels, heartbeats, closing. Bytes in, bytes out.
//!
//! ```text
//! header ▶ start-ok ▶ (login) ▶ tune-ok ▶ open ▶ running ▶ closing ▶ closed
//!    └──────────┴─────────┴─────────┴───────┴────────┴──────────────▲
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use ferrymq_amqp::frame::{self, PROTOCOL_HEADER};
use ferrymq_amqp::method::{self, Method, connection};
use ferrymq_amqp::{AMQPClass, Frame, FrameKind, ReplyCode, reply_code};
use tokio::sync::Notify;

use crate::actor::Actor;
use crate::auth::{Credentials, LoginRefused, User, sasl};
use crate::broker::Broker;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::session::ConnectionId;
use crate::session::blocking::Blocking;
use crate::session::channels::{Channels, Failure, numbers};
use crate::session::content::SHARED_BODY_BYTES;
use crate::session::context::Context;
use crate::session::handshake::{self, Client, INITIAL_FRAME_MAX, Tuned};
use crate::session::heartbeat::{Due, Heartbeat};
use crate::session::outbound::Outbound;
use crate::session::outbox::Outbox;

/// How long a client that failed before it was let in is kept waiting, to slow down guessing.
const FAILURE_DELAY: Duration = Duration::from_secs(3);

/// How long a client may take to answer `connection.close`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// An AMQP connection, without its socket.
pub struct Connection {
    broker: Arc<Broker>,
    /// Its number.
    pub id: ConnectionId,
    peer: SocketAddr,
    outbox: Arc<Outbox>,
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
}

enum Phase {
    Header,
    StartOk,
    /// Somebody is asked whether these are good.
    Login {
        mechanism: String,
        credentials: Option<Credentials>,
    },
    TuneOk(Arc<User>),
    Open(Arc<User>, Tuned),
    Running(Box<Running>),
    /// `connection.close` was sent. With `deaf` nothing is read any more.
    Closing {
        deaf: bool,
    },
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
    /// A connection from `peer` that has sent nothing yet; `wake` is its task's.
    pub fn new(
        broker: Arc<Broker>,
        id: ConnectionId,
        peer: SocketAddr,
        wake: Arc<Notify>,
        now: Timestamp,
    ) -> Self {
        let deadline = Some(now.after(broker.config().handshake_timeout));
        Self {
            broker,
            id,
            peer,
            outbox: Arc::new(Outbox::new(wake)),
            phase: Phase::Header,
            client: Client::default(),
            outbound: Outbound::default(),
            heartbeat: None,
            deadline,
            opened_at: now,
            stopped_early: false,
        }
    }

    /// What others ask of it comes in here.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
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
            Phase::Login { .. } | Phase::Closed | Phase::Closing { deaf: true } => false,
            Phase::Running(running) => {
                !running.blocking.is_full()
                    && running.channels.context.outbound.has_room_for_replies()
                    && !self.broker.store().is_congested()
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

    /// Who logged in where, how long it lasted: for the log.
    pub fn describe(&self, now: Timestamp) -> String {
        let lasted = now.since(self.opened_at);
        match &self.phase {
            Phase::Running(running) => {
                let context = &running.channels.context;
                format!(
                    "{}, vhost: '{}', user: '{}', duration: {lasted:.0?}",
                    self.peer,
                    context.vhost.name(),
                    context.actor.user.name(),
                )
            }
            _ => format!("{}, duration: {lasted:.0?}", self.peer),
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
            return false;
        };
        let asked = running.channels.drain_outbox(false);
        if let Some(alarms) = asked.alarms {
            running.blocking.set(alarms, &mut running.channels.context);
        }
        if let Some(reason) = asked.close {
            self.force_close(&reason, now);
        }
        asked.stopped_early
    }

    /// The log has moved on: confirms and gated replies may be due.
    pub fn handle_committed(&mut self) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.send_confirms();
        }
        let committed = self.broker.store().committed();
        if let Some(point) = self.outbound().open_gates(committed) {
            let waiter = self.outbox.wake();
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

    /// Wakes everybody who got something; tells whether there was anybody.
    pub fn wake_others(&mut self) -> bool {
        match &mut self.phase {
            Phase::Running(running) => running.channels.context.work.dirty.wake(),
            _ => false,
        }
    }

    /// Bytes were written.
    pub fn note_written(&mut self) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.wrote();
        }
    }

    /// Credentials that somebody must check, once: then [`Connection::handle_login`].
    pub fn take_login(&mut self) -> Option<(Credentials, SocketAddr)> {
        match &mut self.phase {
            Phase::Login { credentials, .. } => Some((credentials.take()?, self.peer)),
            _ => None,
        }
    }

    /// The answer to [`Connection::take_login`].
    pub fn handle_login(&mut self, answer: Result<Arc<User>, LoginRefused>, now: Timestamp) {
        let Phase::Login { mechanism, .. } = &self.phase else {
            return;
        };
        match answer {
            Ok(user) => {
                let tune = handshake::tune(self.broker.config());
                self.outbound.method(0, tune);
                self.phase = Phase::TuneOk(user);
            }
            Err(refused) => {
                tracing::error!(
                    connection = self.id.0,
                    "Error on AMQP connection {}: {refused}: {mechanism} login refused",
                    self.peer
                );
                if self.client.capabilities.authentication_failure_close {
                    let code = ReplyCode::AccessRefused;
                    let text = LoginRefused::client_text(mechanism);
                    self.close(code, &text, (0, 0), now);
                } else {
                    self.drop_later(now);
                }
            }
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
            if !matches!(self.phase, Phase::Closing { .. } | Phase::Closed) {
                tracing::error!(
                    connection = self.id.0,
                    "Error on AMQP connection {}: handshake_timeout",
                    self.peer
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
                    tracing::error!(
                        connection = self.id.0,
                        "closing AMQP connection {}: missed heartbeats from client",
                        self.describe(now)
                    );
                    return self.end(now);
                }
            }
        }
        if let Phase::Running(running) = &mut self.phase
            && running.next_consumer_check.is_some_and(|at| now >= at)
        {
            running.channels.cancel_overdue_consumers(now);
            running.next_consumer_check = running.channels.next_consumer_check(now);
        }
    }

    /// The socket is gone, or given up: everything that the connection held is released.
    pub fn end(&mut self, _now: Timestamp) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.end();
        }
        self.outbound.discard();
        self.phase = Phase::Closed;
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
            running.channels.context.now = now;
        }
    }

    /// Takes one step through `inbound`; false: more bytes are needed, or nothing more is wanted.
    #[inline]
    fn next_step(
        &mut self,
        inbound: &mut BytesMut,
        consumed: &mut usize,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let max_payload = match &self.phase {
            Phase::Running(running) => {
                let full = !running.channels.context.outbound.has_room_for_replies();
                if full || running.blocking.is_full() {
                    self.stopped_early = true;
                    return Ok(false);
                }
                running.frame_max
            }
            Phase::Header => return Ok(self.protocol_header(&inbound[*consumed..], consumed)),
            Phase::Login { .. } | Phase::Closing { deaf: true } => return Ok(false),
            Phase::Closed => {
                *consumed = inbound.len();
                return Ok(false);
            }
            Phase::Closing { deaf: false } => self.broker.config().frame_max,
            Phase::StartOk | Phase::TuneOk(_) | Phase::Open(..) => INITIAL_FRAME_MAX,
        };
        let frame = match frame::decode(&inbound[*consumed..], max_payload) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(false),
            Err(why) => {
                *consumed = inbound.len();
                self.deafen();
                return Err(Failure::new(Error::Frame(why.to_string()), (0, 0)));
            }
        };
        let len = frame.payload.len();
        if frame.kind == FrameKind::Body
            && len >= SHARED_BODY_BYTES
            && let Phase::Running(running) = &mut self.phase
            && frame.channel != 0
            && !running.blocking.holds(frame.channel)
        {
            let channel = frame.channel;
            inbound.advance(*consumed + frame::OVERHEAD - 1);
            let payload = inbound.split_to(len).freeze();
            inbound.advance(1);
            *consumed = 0;
            return running
                .channels
                .handle_shared_body(channel, payload)
                .map(|()| true);
        }
        *consumed += frame.encoded_len();
        self.handle_frame(frame, now).map(|()| true)
    }

    /// Handles the first eight bytes.
    fn protocol_header(&mut self, bytes: &[u8], consumed: &mut usize) -> bool {
        let Some(header) = bytes.first_chunk::<8>() else {
            // A few bytes already tell what can't become AMQP.
            let hopeless = bytes
                .iter()
                .zip(b"AMQP")
                .any(|(byte, wanted)| byte != wanted);
            if hopeless {
                self.refuse_protocol("unknown protocol header");
            }
            return false;
        };
        *consumed += header.len();
        match handshake::check_header(header) {
            Ok(()) => {
                let start = handshake::start(self.broker.config());
                self.outbound.method(0, start);
                self.phase = Phase::StartOk;
                true
            }
            Err(why) => {
                self.refuse_protocol(why);
                false
            }
        }
    }

    fn refuse_protocol(&mut self, why: &str) {
        tracing::error!(
            connection = self.id.0,
            "Error on AMQP connection {}: {why}",
            self.peer
        );
        self.outbound
            .append(|out| out.extend_from_slice(&PROTOCOL_HEADER));
        self.phase = Phase::Closed;
    }

    #[inline]
    fn handle_frame(&mut self, frame: Frame<'_>, now: Timestamp) -> Result<(), Failure> {
        if let Phase::Running(running) = &mut self.phase
            && running.blocking.hold(frame, &mut running.channels.context)
        {
            return Ok(());
        }
        self.dispatch_frame(frame, now)
    }

    #[inline]
    fn dispatch_frame(&mut self, frame: Frame<'_>, now: Timestamp) -> Result<(), Failure> {
        match &mut self.phase {
            Phase::Running(running) if frame.channel != 0 => running.channels.handle_frame(frame),
            _ => self.handle_connection_frame(frame, now),
        }
    }

    /// A frame on channel 0, or before the connection is open.
    fn handle_connection_frame(&mut self, frame: Frame<'_>, now: Timestamp) -> Result<(), Failure> {
        let closing = matches!(self.phase, Phase::Closing { .. });
        if closing && (frame.channel != 0 || frame.kind != FrameKind::Method) {
            return Ok(());
        }
        let unexpected = |text: String| Err(Failure::new(Error::UnexpectedFrame(text), (0, 0)));
        match frame.kind {
            FrameKind::Heartbeat if frame.channel == 0 && frame.payload.is_empty() => Ok(()),
            FrameKind::Method if frame.channel == 0 => self.handle_method(frame.payload, now),
            FrameKind::Method => Err(Failure::new(
                Error::Channel("expected 'connection.open'".into()),
                numbers(frame.payload),
            )),
            kind => unexpected(format!("{kind:?} frame on channel {}", frame.channel)),
        }
    }

    fn handle_method(&mut self, payload: &[u8], now: Timestamp) -> Result<(), Failure> {
        let at = numbers(payload);
        let closing = matches!(self.phase, Phase::Closing { .. });
        let method = match method::decode(payload) {
            Ok(Method::Other(AMQPClass::Connection(method))) => method,
            _ if closing => return Ok(()),
            Ok(_) => {
                return Err(Failure::new(
                    Error::Channel("expected a method of the connection class on channel 0".into()),
                    at,
                ));
            }
            Err(method::MethodError::Unknown { class, method }) => {
                let text = format!("unknown method {class}.{method}");
                return Err(Failure::new(Error::CommandInvalid(text), at));
            }
            Err(why) => return Err(Failure::new(Error::Frame(why.to_string()), at)),
        };
        self.handle_connection_method(method, now)
            .map_err(|error| Failure::new(error, at))
    }

    fn handle_connection_method(
        &mut self,
        method: connection::AMQPMethod,
        now: Timestamp,
    ) -> Result<(), Error> {
        use connection::AMQPMethod as Method;
        match (&self.phase, method) {
            (_, Method::Close(_)) => {
                self.handle_close(now);
                Ok(())
            }
            (Phase::Closing { .. }, Method::CloseOk(_)) => {
                self.phase = Phase::Closed;
                Ok(())
            }
            (Phase::Closing { .. }, _) => Ok(()),
            (Phase::StartOk, Method::StartOk(ok)) => self.start_ok(ok),
            (Phase::TuneOk(user), Method::TuneOk(ok)) => {
                let user = Arc::clone(user);
                let tuned = handshake::tuned(self.broker.config(), &ok)?;
                self.heartbeat = Heartbeat::new(tuned.heartbeat, now);
                self.phase = Phase::Open(user, tuned);
                Ok(())
            }
            (Phase::Open(user, tuned), Method::Open(open)) => {
                let (user, tuned) = (Arc::clone(user), *tuned);
                self.open(user, tuned, open.virtual_host.as_str(), now)
            }
            (Phase::Running(_), Method::UpdateSecret(_)) => {
                let ok = Method::UpdateSecretOk(connection::UpdateSecretOk {});
                self.outbound().method(0, AMQPClass::Connection(ok));
                Ok(())
            }
            (_, method) => {
                let class = AMQPClass::Connection(method);
                let name = method::name(class.get_amqp_class_id(), class.get_amqp_method_id());
                Err(Error::Channel(format!(
                    "unexpected method in connection state: {}",
                    name.unwrap_or("unknown")
                )))
            }
        }
    }

    fn start_ok(&mut self, ok: connection::StartOk) -> Result<(), Error> {
        self.client = handshake::client(ok.client_properties);
        let mechanism = ok.mechanism.as_str();
        let credentials = sasl::credentials(mechanism, ok.response.as_bytes()).map_err(|why| {
            match why.reply_code() {
                ReplyCode::SyntaxError => Error::Syntax(why.to_string()),
                _ => Error::CommandInvalid(why.to_string()),
            }
        })?;
        self.phase = Phase::Login {
            mechanism: mechanism.to_owned(),
            credentials: Some(credentials),
        };
        Ok(())
    }

    fn open(
        &mut self,
        user: Arc<User>,
        tuned: Tuned,
        vhost: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let not_allowed = |text: String| Error::NotAllowed(text);
        let vhost = self
            .broker
            .vhost(vhost)
            .ok_or_else(|| not_allowed(format!("vhost {vhost} not found")))?;
        self.broker
            .users()
            .require_vhost(&user, vhost.name())
            .map_err(|refused| not_allowed(refused.to_string()))?;
        tracing::info!(
            connection = self.id.0,
            "connection {}: user '{}' authenticated and granted access to vhost '{}'",
            self.peer,
            user.name(),
            vhost.name()
        );
        if let Some(name) = &self.client.connection_name {
            tracing::info!(
                connection = self.id.0,
                "connection {} has a client-provided name: {name}",
                self.peer
            );
        }
        let mut outbound = std::mem::take(&mut self.outbound);
        outbound.method(0, handshake::open_ok());
        let context = Context::new(
            Arc::clone(&self.broker),
            vhost,
            Actor {
                user,
                connection: Some(self.id),
            },
            tuned.limits,
            self.client.capabilities,
            outbound,
            Arc::clone(&self.outbox),
            now,
        );
        self.phase = Phase::Running(Box::new(Running {
            channels: Channels::new(context),
            blocking: Blocking::new(self.broker.alarms()),
            frame_max: tuned.limits.frame_max,
            next_consumer_check: None,
        }));
        self.deadline = None;
        Ok(())
    }

    /// The client closes. Compat: its exclusive queues are gone before `close-ok`.
    fn handle_close(&mut self, now: Timestamp) {
        let crossing = matches!(self.phase, Phase::Closing { .. });
        if !crossing {
            tracing::info!(
                connection = self.id.0,
                "closing AMQP connection ({})",
                self.describe(now)
            );
        }
        self.leave_running();
        self.outbound.method(0, handshake::close_ok());
        self.phase = Phase::Closed;
    }

    /// Somebody else wants the connection closed.
    fn force_close(&mut self, reason: &str, now: Timestamp) {
        tracing::info!(
            connection = self.id.0,
            "closing AMQP connection ({}): {reason}",
            self.describe(now)
        );
        self.close(ReplyCode::ConnectionForced, reason, (0, 0), now);
    }

    /// The one place where a failure closes the connection.
    fn fail(&mut self, failure: Failure, now: Timestamp) {
        let code = failure.error.reply_code();
        tracing::error!(
            connection = self.id.0,
            "Error on AMQP connection {}: {} - {}",
            self.describe(now),
            code.name(),
            failure.error,
        );
        match self.phase {
            // Nobody has logged in: no explanations.
            Phase::Header | Phase::StartOk | Phase::Login { .. } => self.drop_later(now),
            Phase::Closing { deaf: false } | Phase::Closed => {}
            Phase::Closing { deaf: true } if !self.outbound.is_empty() => {}
            _ => self.close(code, &failure.error.to_string(), failure.method, now),
        }
    }

    fn close(&mut self, code: ReplyCode, text: &str, method: (u16, u16), now: Timestamp) {
        let deaf = matches!(self.phase, Phase::Closing { deaf: true });
        self.leave_running();
        let text = reply_code::reply_text(code, text);
        self.outbound
            .method(0, handshake::close(code, text, method));
        self.deadline = Some(now.after(if deaf { FAILURE_DELAY } else { CLOSE_TIMEOUT }));
        self.phase = Phase::Closing { deaf };
    }

    /// The stream can't be followed any more: whatever still comes is not looked at.
    fn deafen(&mut self) {
        if let Phase::Running(_) | Phase::TuneOk(_) | Phase::Open(..) = self.phase {
            self.leave_running();
            self.phase = Phase::Closing { deaf: true };
        }
    }

    /// Releases everything that a running connection holds; its unwritten bytes stay.
    fn leave_running(&mut self) {
        if let Phase::Running(running) = &mut self.phase {
            running.channels.end();
            self.outbound = std::mem::take(&mut running.channels.context.outbound);
        }
        self.heartbeat = None;
    }

    /// Says nothing more, and hangs up after a while.
    fn drop_later(&mut self, now: Timestamp) {
        self.deadline = Some(now.after(FAILURE_DELAY));
        self.phase = Phase::Closing { deaf: true };
    }
}
