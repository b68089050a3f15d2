//! From `start-ok` to `open-ok`: who is it, and may it come in?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_amqp::ReplyCode;
use ferrymq_amqp::method::connection;

use super::{Connection, Phase, Running};
use crate::actor::Actor;
use crate::auth::sasl::is_known_mechanism;
use crate::auth::{Credentials, LoginRefused, User, sasl};
use crate::clients::Opened;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::events::{self, Event};
use crate::session::admission::Admission;
use crate::session::blocking::Blocking;
use crate::session::channels::Channels;
use crate::session::context::Context;
use crate::session::handshake::{self, Tuned};
use crate::session::heartbeat::Heartbeat;

impl Connection {
    /// Credentials that somebody must check, once: then [`Connection::handle_login`].
    pub fn take_login(&mut self) -> Option<(Credentials, SocketAddr)> {
        match &mut self.phase {
            Phase::Login { credentials, .. } => Some((credentials.take()?, self.endpoints.peer)),
            _ => None,
        }
    }

    /// The answer to [`Connection::take_login`].
    pub fn handle_login(&mut self, answer: Result<Arc<User>, LoginRefused>, now: Timestamp) {
        let Phase::Login { user: name, .. } = &mut self.phase else {
            return;
        };
        let name = std::mem::take(name);
        let error = answer.as_ref().err().map(LoginRefused::to_string);
        self.report_login(name, error);
        let mechanism = &self.client.mechanism;
        match answer {
            Ok(user) => {
                let tune = handshake::tune(&self.broker.config());
                self.outbound.method(0, tune);
                self.phase = Phase::TuneOk(user);
            }
            Err(refused) => {
                tracing::error!(
                    conn = self.id.0,
                    peer = %self.endpoints.peer,
                    "Error on AMQP connection {}: {refused}: {mechanism} login refused",
                    self.endpoints
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

    pub(super) fn start_ok(&mut self, ok: connection::StartOk) -> Result<(), Error> {
        self.client = handshake::client(ok.client_properties);
        let mechanism = ok.mechanism.as_str();
        let offered = &self.broker.config().mechanisms;
        if is_known_mechanism(mechanism) && !offered.iter().any(|name| name == mechanism) {
            return Err(Error::CommandInvalid(format!(
                "authentication mechanism '{mechanism}' is not offered"
            )));
        }
        let credentials = sasl::credentials(mechanism, ok.response.as_bytes()).map_err(|why| {
            match why.reply_code() {
                ReplyCode::SyntaxError => Error::Syntax(why.to_string()),
                _ => Error::CommandInvalid(why.to_string()),
            }
        })?;
        self.client.mechanism = mechanism.to_owned();
        self.phase = Phase::Login {
            user: credentials.user.clone(),
            credentials: Some(credentials),
        };
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        user: Arc<User>,
        tuned: Tuned,
        vhost: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (vhost, admission) = Admission::new(&self.broker, &user, vhost)?;
        tracing::info!(
            conn = self.id.0,
            peer = %self.endpoints.peer,
            user = user.name(),
            vhost = &**vhost.name(),
            "connection {}: user '{}' authenticated and granted access to vhost '{}'",
            self.endpoints,
            user.name(),
            vhost.name()
        );
        if let Some(name) = &self.client.connection_name {
            tracing::info!(
                conn = self.id.0,
                "connection {} has a client-provided name: {name}",
                self.endpoints
            );
        }
        let mut outbound = std::mem::take(&mut self.outbound);
        outbound.method(0, handshake::open_ok());
        self.entry.set_opened(Opened {
            user: Arc::clone(&user),
            vhost: Arc::clone(vhost.name()),
            auth_mechanism: std::mem::take(&mut self.client.mechanism),
            heartbeat: self
                .heartbeat
                .as_ref()
                .map_or(Duration::ZERO, Heartbeat::interval),
            frame_max: tuned.limits.frame_max,
            channel_max: tuned.limits.channel_max,
            client_properties: std::mem::take(&mut self.client.properties),
        });
        let context = Context::new(
            Arc::clone(&self.broker),
            vhost,
            Actor {
                user,
                connection: Some(self.id),
            },
            admission,
            tuned.limits,
            self.client.capabilities,
            outbound,
            Arc::clone(&self.entry),
            now,
        );
        self.phase = Phase::Running(Box::new(Running {
            channels: Channels::new(context),
            blocking: Blocking::new(self.broker.alarms()),
            frame_max: tuned.limits.frame_max,
            next_consumer_check: None,
        }));
        self.deadline = None;
        self.report(Event::ConnectionCreated);
        Ok(())
    }

    /// Tells of an open connection.
    pub(super) fn report(&self, event: impl FnOnce(Box<events::Connection>) -> Event) {
        let Some(opened) = self.entry.opened() else {
            return;
        };
        self.broker.events().emit(|| {
            event(Box::new(events::Connection {
                id: self.id,
                endpoints: self.endpoints,
                user: opened.user.name().to_owned(),
                vhost: Arc::clone(&opened.vhost),
                auth_mechanism: opened.auth_mechanism.clone(),
                heartbeat: opened.heartbeat,
                frame_max: opened.frame_max,
                channel_max: opened.channel_max,
                client_properties: opened.client_properties.clone(),
                connected_at: self.opened_at.as_millis(),
                node: self.broker.node_name().to_owned(),
            }))
        });
    }

    fn report_login(&self, name: String, error: Option<String>) {
        self.broker.events().emit(|| {
            let refused = error.is_some();
            let login = Box::new(events::Login {
                name,
                endpoints: self.endpoints,
                auth_mechanism: self.client.mechanism.clone(),
                error,
            });
            match refused {
                true => Event::AuthenticationFailed(login),
                false => Event::AuthenticationSucceeded(login),
            }
        });
    }
}
