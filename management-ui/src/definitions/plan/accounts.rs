//! Users and what they may do.

use ferrymq_broker::auth::User;
use ferrymq_broker::broker::{GivenPermission, GivenTopicPermission, check_user};

use super::{Outcome, Planner};
use crate::definitions::document::{
    PermissionEntry, Place, Section, TopicPermissionEntry, UserEntry,
};
use crate::definitions::{check, shape};

impl Planner<'_> {
    pub(super) fn users(&mut self, section: Section<UserEntry>) {
        self.each(section, |planner, _, entry| planner.user(&entry));
    }

    fn user(&mut self, entry: &UserEntry) -> Result<Outcome, String> {
        let current = self.broker.users().user(&entry.name);
        let tags = check::tags(entry)?;
        check_user(&entry.name, &tags).map_err(|why| why.to_string())?;
        let password = current.as_deref().map(User::password);
        let password = check::password(entry, password, self.version.as_deref(), self.hashing)?;
        let limits = entry.limits.or(current.as_deref().map(User::limits));
        let user = User::new(&entry.name, password, tags).with_limits(limits.unwrap_or_default());
        if current.is_none() {
            self.permissions_of_new_user(entry)?;
        }
        let outcome = Outcome::of(current.as_deref().map(shape::user), shape::user(&user));
        if outcome != Outcome::Unchanged {
            self.plan.batch.accounts.users.push(user);
        }
        self.users.insert(entry.name.clone());
        Ok(outcome)
    }

    /// Compat: who is there already keeps the permissions that others gave.
    fn permissions_of_new_user(&mut self, entry: &UserEntry) -> Result<(), String> {
        for (vhost, patterns) in entry.permissions.iter().flatten() {
            let found = self.target(vhost).map(drop);
            let set = found.and_then(|()| check::permission(patterns));
            let set = set.map_err(|why| format!("permissions: {why}"))?;
            self.plan.batch.accounts.permissions.push(GivenPermission {
                user: entry.name.clone(),
                vhost: vhost.clone(),
                set,
            });
        }
        Ok(())
    }

    pub(super) fn permissions(&mut self, section: Section<PermissionEntry>) {
        self.each(section, |planner, place, entry| {
            planner.check_user_in_vhost(place)?;
            let set = check::permission(&entry.patterns())?;
            let (user, vhost) = (entry.user, place.vhost.clone());
            let current = planner.broker.users().permissions(&user, &vhost);
            let before = current.map(|current| shape::permission(&user, &vhost, &current));
            let outcome = Outcome::of(before, shape::permission(&user, &vhost, &set));
            if outcome != Outcome::Unchanged {
                let given = GivenPermission { user, vhost, set };
                planner.plan.batch.accounts.permissions.push(given);
            }
            Ok(outcome)
        });
    }

    pub(super) fn topic_permissions(&mut self, section: Section<TopicPermissionEntry>) {
        self.each(section, |planner, place, entry| {
            planner.check_user_in_vhost(place)?;
            let vhost = &place.vhost;
            let set = check::topic_permission(&entry, vhost)?;
            let TopicPermissionEntry { user, exchange, .. } = entry;
            let current = planner.broker.users().topic_permissions(&user, vhost);
            let current = current.iter().find(|(found, _)| **found == *exchange);
            let shown = |set| shape::topic_permission(&user, vhost, &exchange, set);
            let outcome = Outcome::of(current.map(|(_, current)| shown(current)), shown(&set));
            if outcome != Outcome::Unchanged {
                let accounts = &mut planner.plan.batch.accounts;
                accounts.topic_permissions.push(GivenTopicPermission {
                    user,
                    vhost: vhost.clone(),
                    exchange,
                    set,
                });
            }
            Ok(outcome)
        });
    }

    /// Permissions can only be given to somebody, somewhere.
    fn check_user_in_vhost(&mut self, place: &Place) -> Result<(), String> {
        let users = self.broker.users();
        if !self.users.contains(&place.name) && users.user(&place.name).is_none() {
            return Err(format!("no user '{}'", place.name));
        }
        self.target(&place.vhost).map(drop)
    }
}
