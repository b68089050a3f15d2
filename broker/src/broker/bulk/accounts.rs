//! The users of a batch, and what they may do.

use std::collections::HashSet;

use super::BatchError;
use crate::auth::users::NoSuchUser;
use crate::auth::{PermissionSet, TopicPermissionSet, User};
use crate::broker::accounts::{
    AccountError, check_user, permission_event, topic_permission_event, user_events,
    user_limits_event,
};
use crate::broker::{Broker, VHosts};
use crate::definitions::{Change, Definition};
use crate::events::Event;

/// Users and what they may do.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Users, complete.
    pub users: Vec<User>,
    /// What users may do.
    pub permissions: Vec<GivenPermission>,
    /// Which routing keys users may use.
    pub topic_permissions: Vec<GivenTopicPermission>,
}

/// What a user may do in a vhost.
#[derive(Debug)]
pub struct GivenPermission {
    /// The user.
    pub user: String,
    /// The vhost.
    pub vhost: String,
    /// The patterns.
    pub set: PermissionSet,
}

/// Which routing keys of a topic exchange a user may use.
#[derive(Debug)]
pub struct GivenTopicPermission {
    /// The user.
    pub user: String,
    /// The vhost.
    pub vhost: String,
    /// The exchange, which need not be there.
    pub exchange: String,
    /// The patterns.
    pub set: TopicPermissionSet,
}

impl Accounts {
    /// What the log is to know.
    pub(super) fn changes(&self) -> Vec<Change> {
        let users = self.users.iter().cloned().map(Definition::User);
        let permissions = self.permissions.iter();
        let permissions =
            permissions.map(|row| Definition::permission(&row.vhost, &row.user, &row.set));
        let topics = self.topic_permissions.iter().map(|row| {
            let (vhost, user, exchange) = (&row.vhost, &row.user, &row.exchange);
            Definition::topic_permission(vhost, user, exchange, &row.set)
        });
        let all = users.chain(permissions).chain(topics);
        all.map(|definition| Change::put(&definition)).collect()
    }

    /// User and vhost of everything that is given.
    fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let permissions = self.permissions.iter();
        let permissions = permissions.map(|row| (row.user.as_str(), row.vhost.as_str()));
        let topics = self.topic_permissions.iter();
        permissions.chain(topics.map(|row| (row.user.as_str(), row.vhost.as_str())))
    }
}

impl Broker {
    /// Can these accounts be, when there are `vhosts`?
    pub(super) fn check_accounts(
        &self,
        accounts: &Accounts,
        vhosts: &VHosts,
    ) -> Result<(), BatchError> {
        for user in &accounts.users {
            check_user(user.name(), user.tags())?;
        }
        let new: HashSet<&str> = accounts.users.iter().map(User::name).collect();
        for (user, vhost) in accounts.rows() {
            if !new.contains(user) && self.users.user(user).is_none() {
                return Err(AccountError::from(NoSuchUser(user.to_owned())).into());
            }
            if !vhosts.contains_key(vhost) {
                return Err(AccountError::NoSuchVHost(vhost.to_owned()).into());
            }
        }
        Ok(())
    }

    /// Lets accounts hold that were checked; gives what there is to tell.
    pub(super) fn set_accounts(&self, accounts: Accounts, by: &str) -> Vec<Event> {
        const CHECKED: &str = "the user was checked, and nobody deletes it meanwhile";
        let mut events = Vec::new();
        for user in accounts.users {
            let before = self.users.user(user.name());
            events.extend(user_events(before.as_deref(), &user, by));
            let limits = before.map(|before| before.limits());
            if limits.unwrap_or_default() != user.limits() {
                events.push(user_limits_event(user.name(), user.limits(), by));
            }
            self.users.put_user(user);
        }
        for GivenPermission { user, vhost, set } in accounts.permissions {
            events.push(permission_event(&user, &vhost, &set, by));
            let given = self.users.set_permissions(&user, &vhost, set);
            given.expect(CHECKED);
        }
        for row in accounts.topic_permissions {
            let (user, vhost, exchange) = (&row.user, &row.vhost, &row.exchange);
            events.push(topic_permission_event(user, vhost, exchange, &row.set, by));
            let given = self
                .users
                .set_topic_permissions(user, vhost, exchange, row.set);
            given.expect(CHECKED);
        }
        events
    }
}
