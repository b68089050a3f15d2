//! Users come and go, and so does what they may do. Each change is logged first, then holds, then is
//! told.

use std::sync::Arc;

use ferrymq_store::CommitPoint;

use super::Broker;
use crate::auth::users::NoSuchUser;
use crate::auth::{PasswordHash, PermissionSet, TopicPermissionSet, User};
use crate::definitions::{self, Change, Definition};
use crate::events::{Event, PermissionEvent};
use crate::limits::UserLimits;
use crate::session::outbox::Item;

/// As many tags as a user may have.
const MAX_TAGS: usize = 32;

/// Why an account is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The user has no name.
    #[error("user name cannot be blank")]
    Blank,
    /// More than anybody sensible gives.
    #[error("user '{user}' has {count} tags, there may be {MAX_TAGS}")]
    TooManyTags {
        /// Whose.
        user: String,
        /// So many.
        count: usize,
    },
    /// There is no such user.
    #[error(transparent)]
    NoSuchUser(#[from] NoSuchUser),
    /// There is no such vhost.
    #[error("vhost '{0}' does not exist")]
    NoSuchVHost(String),
    /// There is nothing to clear.
    #[error("user '{user}' has no {kind} in vhost '{vhost}'")]
    NotGiven {
        /// Whose.
        user: String,
        /// `permissions` or `topic permissions`.
        kind: &'static str,
        /// Where.
        vhost: String,
    },
}

impl Broker {
    /// Creates a user on behalf of the user `by`; one that is there gets the password and the tags,
    /// and keeps the rest. Its connections stay. Gives the point at which it is on disk, as all of
    /// these functions do.
    ///
    /// # Errors
    /// When its name is empty, or there are too many tags.
    pub fn put_user(
        &self,
        name: &str,
        password: PasswordHash,
        tags: Vec<String>,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        check_user(name, &tags)?;
        let _changing = self.parameters.lock();
        let before = self.users.user(name);
        let limits = before.as_ref().map(|user| user.limits());
        let user = User::new(name, password, tags).with_limits(limits.unwrap_or_default());
        let point = self.keep_user(user.clone());
        for event in user_events(before.as_deref(), &user, by) {
            self.events.record(|| event);
        }
        Ok(point)
    }

    /// Deletes a user with its permissions, and closes its connections; its queues stay.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn delete_user(&self, name: &str, by: &str) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        let user = self.require_user(name)?;
        let mut changes = Vec::new();
        for vhost in self.vhosts.load().keys() {
            changes.extend(self.permissions_of(name, vhost));
        }
        changes.push(Change::remove(&Definition::User(user.as_ref().clone())));
        let point = definitions::log(self.store(), &changes);
        self.users.delete_user(name);
        // Who opens a connection from now on finds no permissions; the others hear of it.
        self.clients
            .tell_all(|| Item::UserDeleted(Arc::clone(&user)));
        self.events.record(|| Event::UserDeleted {
            name: name.to_owned(),
            by: by.to_owned(),
        });
        Ok(point)
    }

    /// Limits how much a user may open; what is open stays.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_user_limits(
        &self,
        name: &str,
        limits: UserLimits,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        let user = self.require_user(name)?;
        let point = self.keep_user(user.as_ref().clone().with_limits(limits));
        self.events.record(|| user_limits_event(name, limits, by));
        Ok(point)
    }

    /// Gives `user` permissions in `vhost`, instead of those it had there.
    ///
    /// # Errors
    /// When there is no such user or vhost.
    pub fn set_permissions(
        &self,
        user: &str,
        vhost: &str,
        set: PermissionSet,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        self.require(user, vhost)?;
        let change = Change::put(&Definition::permission(vhost, user, &set));
        let point = definitions::log(self.store(), &[change]);
        let event = permission_event(user, vhost, &set, by);
        self.users.set_permissions(user, vhost, set)?;
        self.events.record(|| event);
        Ok(point)
    }

    /// Closes `vhost` to `user`. What it has open there stays, and may do nothing more.
    ///
    /// # Errors
    /// When there is no such user or vhost, or nothing was given.
    pub fn clear_permissions(
        &self,
        user: &str,
        vhost: &str,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        self.require(user, vhost)?;
        let Some(set) = self.users.permissions(user, vhost) else {
            return Err(not_given(user, "permissions", vhost));
        };
        let change = Change::remove(&Definition::permission(vhost, user, &set));
        let point = definitions::log(self.store(), &[change]);
        self.users.clear_permissions(user, vhost)?;
        self.events.record(|| {
            let event = PermissionEvent::new(user, vhost, by);
            Event::PermissionDeleted(Box::new(event))
        });
        Ok(point)
    }

    /// Limits the routing keys that `user` may use with the topic exchange `exchange`, which need not
    /// be there. `set` is for this user and this vhost.
    ///
    /// # Errors
    /// When there is no such user or vhost.
    pub fn set_topic_permissions(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
        set: TopicPermissionSet,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        self.require(user, vhost)?;
        let definition = Definition::topic_permission(vhost, user, exchange, &set);
        let point = definitions::log(self.store(), &[Change::put(&definition)]);
        let event = topic_permission_event(user, vhost, exchange, &set, by);
        self.users
            .set_topic_permissions(user, vhost, exchange, set)?;
        self.events.record(|| event);
        Ok(point)
    }

    /// Lifts the limits of [`Broker::set_topic_permissions`] from `exchange`; `None`: from all.
    ///
    /// # Errors
    /// When there is no such user or vhost, or nothing was given.
    pub fn clear_topic_permissions(
        &self,
        user: &str,
        vhost: &str,
        exchange: Option<&str>,
        by: &str,
    ) -> Result<CommitPoint, AccountError> {
        let _changing = self.parameters.lock();
        self.require(user, vhost)?;
        let mut given = self.users.topic_permissions(user, vhost);
        given.retain(|(name, _)| exchange.is_none_or(|wanted| wanted == &**name));
        if given.is_empty() {
            return Err(not_given(user, "topic permissions", vhost));
        }
        let definition = |(exchange, set): &(Arc<str>, Arc<TopicPermissionSet>)| {
            Change::remove(&Definition::topic_permission(vhost, user, exchange, set))
        };
        let changes: Vec<_> = given.iter().map(definition).collect();
        let point = definitions::log(self.store(), &changes);
        for (exchange, _) in given {
            self.users.clear_topic_permissions(user, vhost, &exchange)?;
            self.events.record(|| {
                Event::TopicPermissionDeleted(Box::new(PermissionEvent {
                    exchange: Some(exchange.to_string()),
                    ..PermissionEvent::new(user, vhost, by)
                }))
            });
        }
        Ok(point)
    }

    /// Takes what `user` may do in `vhost` from the log.
    pub(super) fn permissions_of(&self, user: &str, vhost: &str) -> Vec<Change> {
        let mut gone = Vec::new();
        if let Some(set) = self.users.permissions(user, vhost) {
            gone.push(Change::remove(&Definition::permission(vhost, user, &set)));
        }
        for (exchange, set) in self.users.topic_permissions(user, vhost) {
            let definition = Definition::topic_permission(vhost, user, &exchange, &set);
            gone.push(Change::remove(&definition));
        }
        gone
    }

    fn keep_user(&self, user: User) -> CommitPoint {
        let change = Change::put(&Definition::User(user.clone()));
        let point = definitions::log(self.store(), &[change]);
        self.users.put_user(user);
        point
    }

    fn require_user(&self, name: &str) -> Result<Arc<User>, NoSuchUser> {
        let user = self.users.user(name);
        user.ok_or_else(|| NoSuchUser(name.to_owned()))
    }

    fn require(&self, user: &str, vhost: &str) -> Result<(), AccountError> {
        self.require_user(user)?;
        match self.vhost(vhost) {
            Some(_) => Ok(()),
            None => Err(AccountError::NoSuchVHost(vhost.to_owned())),
        }
    }
}

/// What there is to tell of a user that was `before`; never the password.
pub(super) fn user_events(before: Option<&User>, user: &User, by: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let (name, by) = (|| user.name().to_owned(), || by.to_owned());
    match before {
        None => events.push(Event::UserCreated {
            name: name(),
            by: by(),
        }),
        Some(before) if before.password() == user.password() => {}
        Some(_) => events.push(match user.password() {
            PasswordHash::Absent => Event::UserPasswordCleared {
                name: name(),
                by: by(),
            },
            _ => Event::UserPasswordChanged {
                name: name(),
                by: by(),
            },
        }),
    }
    if before.map_or(&[][..], User::tags) != user.tags() {
        events.push(Event::UserTagsSet {
            name: name(),
            tags: user.tags().to_vec(),
            by: by(),
        });
    }
    events
}

pub(super) fn user_limits_event(name: &str, limits: UserLimits, by: &str) -> Event {
    let (name, by) = (name.to_owned(), by.to_owned());
    match limits == UserLimits::default() {
        true => Event::UserLimitsCleared { name, by },
        false => Event::UserLimitsSet {
            name,
            limits: limits.table(),
            by,
        },
    }
}

pub(super) fn permission_event(user: &str, vhost: &str, set: &PermissionSet, by: &str) -> Event {
    Event::PermissionCreated(Box::new(PermissionEvent {
        configure: Some(set.configure.as_str().to_owned()),
        write: Some(set.write.as_str().to_owned()),
        read: Some(set.read.as_str().to_owned()),
        ..PermissionEvent::new(user, vhost, by)
    }))
}

pub(super) fn topic_permission_event(
    user: &str,
    vhost: &str,
    exchange: &str,
    set: &TopicPermissionSet,
    by: &str,
) -> Event {
    let (write, read) = set.texts();
    Event::TopicPermissionCreated(Box::new(PermissionEvent {
        exchange: Some(exchange.to_owned()),
        write: Some(write.to_owned()),
        read: Some(read.to_owned()),
        ..PermissionEvent::new(user, vhost, by)
    }))
}

/// Can there be a user with this name and these tags?
///
/// # Errors
/// When the name is empty, or there are too many tags.
pub fn check_user(name: &str, tags: &[String]) -> Result<(), AccountError> {
    if name.is_empty() {
        return Err(AccountError::Blank);
    }
    if tags.len() > MAX_TAGS {
        return Err(AccountError::TooManyTags {
            user: name.to_owned(),
            count: tags.len(),
        });
    }
    Ok(())
}

fn not_given(user: &str, kind: &'static str, vhost: &str) -> AccountError {
    AccountError::NotGiven {
        user: user.to_owned(),
        kind,
        vhost: vhost.to_owned(),
    }
}
