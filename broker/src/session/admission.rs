//! How many connections and channels there may be, of all, of a vhost and of a user; and that this
//! connection and its channels count.

use std::sync::Arc;

use crate::auth::User;
use crate::broker::Broker;
use crate::error::Error;
use crate::limits::{Reached, Ticket, Usage};
use crate::vhost::VHost;

/// Counts an open connection until it is dropped.
pub struct Admission {
    user: Arc<User>,
    usage: Arc<Usage>,
    /// Of the broker, of the vhost, of the user.
    _connection: [Ticket; 3],
}

impl Admission {
    /// Lets a connection of `user` into the vhost of this name.
    ///
    /// # Errors
    /// amqp.md 2.6: 530 when the vhost is not there, a limit is reached, or the user has no
    /// permissions in it.
    pub fn new(
        broker: &Broker,
        user: &Arc<User>,
        vhost: &str,
    ) -> Result<(Arc<VHost>, Self), Error> {
        let name = user.name();
        let of_broker = broker
            .usage()
            .connections
            .take(broker.config().limits.connections);
        let of_broker = of_broker.map_err(|Reached(most)| {
            let text = format!("connection refused: node connection limit ({most}) is reached");
            Error::NotAllowed(text)
        })?;
        let Some(found) = broker.vhost(vhost) else {
            return Err(Error::NotAllowed(format!("vhost {vhost} not found")));
        };
        let of_vhost = found
            .usage()
            .connections
            .take(found.limits().max_connections);
        let of_vhost = of_vhost.map_err(|Reached(most)| {
            Error::NotAllowed(format!(
                "access to vhost '{vhost}' refused for user '{name}': \
                 connection limit ({most}) is reached"
            ))
        })?;
        let usage = broker.usage_of(name);
        let of_user = usage.connections.take(user.limits().max_connections);
        let of_user = of_user.map_err(|Reached(most)| {
            Error::NotAllowed(format!(
                "connection refused for user '{name}': user connection limit ({most}) is reached"
            ))
        })?;
        let permitted = broker.users().require_vhost(user, found.name());
        permitted.map_err(|refused| Error::NotAllowed(refused.to_string()))?;
        let admission = Self {
            user: Arc::clone(user),
            usage,
            _connection: [of_broker, of_vhost, of_user],
        };
        Ok((found, admission))
    }

    /// Counts a channel, as the user's, the broker's and that of `vhost`, until the tickets are dropped.
    ///
    /// # Errors
    /// 530 when the user, by the limits that hold now, or the broker has enough of them.
    pub fn open_channel(&self, broker: &Broker, vhost: &VHost) -> Result<[Ticket; 3], Error> {
        let name = self.user.name();
        let limits = match broker.users().user(name) {
            Some(user) => user.limits(),
            None => self.user.limits(),
        };
        let of_user = self.usage.channels.take(limits.max_channels);
        let of_user = of_user.map_err(|Reached(most)| {
            Error::NotAllowed(format!(
                "number of channels opened for user '{name}' has reached the maximum allowed \
                 user limit of {most}"
            ))
        })?;
        let of_broker = broker
            .usage()
            .channels
            .take(broker.config().limits.channels);
        let of_broker = of_broker.map_err(|Reached(most)| {
            Error::NotAllowed(format!(
                "number of channels opened on node '{}' has reached the maximum allowed limit \
                 of {most}",
                broker.node_name()
            ))
        })?;
        Ok([of_user, of_broker, vhost.usage().channels.take_any()])
    }
}
