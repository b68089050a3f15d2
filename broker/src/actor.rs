//! On whose behalf something happens.

use std::sync::Arc;

use crate::auth::User;
use crate::session::ConnectionId;

/// A user, and the connection that it came through.
#[derive(Clone)]
pub struct Actor {
    /// Whose permissions count.
    pub user: Arc<User>,
    /// Who may use exclusive queues; none for the HTTP API.
    pub connection: Option<ConnectionId>,
}
