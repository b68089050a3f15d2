//! One frame after another: what the client may send in which phase.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use ferrymq_amqp::frame::{self, PROTOCOL_HEADER};
use ferrymq_amqp::method::{self, Method, connection};
use ferrymq_amqp::{AMQPClass, Frame, FrameKind};

use super::{Connection, Phase};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::session::channels::{Failure, numbers};
use crate::session::content::SHARED_BODY_BYTES;
use crate::session::handshake::{self, INITIAL_FRAME_MAX};
use crate::session::heartbeat::Heartbeat;

impl Connection {
    /// Takes one step through `inbound`; false: more bytes are needed, or nothing more is wanted.
    #[inline]
    pub(super) fn next_step(
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
            Phase::Login { .. } => return Ok(false),
            Phase::Closed => {
                *consumed = inbound.len();
                return Ok(false);
            }
            Phase::Closing => self.broker.config().frame_max,
            Phase::StartOk | Phase::TuneOk(_) | Phase::Open(..) => INITIAL_FRAME_MAX,
        };
        let frame = match frame::decode(&inbound[*consumed..], max_payload) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(false),
            Err(why) => {
                *consumed = inbound.len();
                self.deaf = true;
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
    pub(super) fn protocol_header(&mut self, bytes: &[u8], consumed: &mut usize) -> bool {
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
                tracing::info!(
                    conn = self.id.0,
                    peer = %self.endpoints.peer,
                    "accepting AMQP connection {}",
                    self.endpoints
                );
                let broker = &self.broker;
                let start = handshake::start(&broker.config(), &broker.cluster_name());
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

    pub(super) fn refuse_protocol(&mut self, why: &str) {
        tracing::error!(
            conn = self.id.0,
            peer = %self.endpoints.peer,
            "Error on AMQP connection {}: bad_header: {why}",
            self.endpoints
        );
        self.outbound
            .append(|out| out.extend_from_slice(&PROTOCOL_HEADER));
        self.phase = Phase::Closed;
    }

    #[inline]
    pub(super) fn handle_frame(&mut self, frame: Frame<'_>, now: Timestamp) -> Result<(), Failure> {
        if let Phase::Running(running) = &mut self.phase
            && running.blocking.hold(frame, &mut running.channels.context)
        {
            return Ok(());
        }
        self.dispatch_frame(frame, now)
    }

    #[inline]
    pub(super) fn dispatch_frame(
        &mut self,
        frame: Frame<'_>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match &mut self.phase {
            Phase::Running(running) if frame.channel != 0 => running.channels.handle_frame(frame),
            _ => self.handle_connection_frame(frame, now),
        }
    }

    /// A frame on channel 0, or before the connection is open.
    pub(super) fn handle_connection_frame(
        &mut self,
        frame: Frame<'_>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let closing = matches!(self.phase, Phase::Closing);
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

    pub(super) fn handle_method(&mut self, payload: &[u8], now: Timestamp) -> Result<(), Failure> {
        let at = numbers(payload);
        let closing = matches!(self.phase, Phase::Closing);
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

    pub(super) fn handle_connection_method(
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
            (Phase::Closing, Method::CloseOk(_)) => {
                self.phase = Phase::Closed;
                Ok(())
            }
            (Phase::Closing, _) => Ok(()),
            (Phase::StartOk, Method::StartOk(ok)) => self.start_ok(ok),
            (Phase::TuneOk(user), Method::TuneOk(ok)) => {
                let user = Arc::clone(user);
                let tuned = handshake::tuned(&self.broker.config(), &ok)?;
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
}
