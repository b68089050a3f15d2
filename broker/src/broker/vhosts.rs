//! Vhosts come and go.

use std::sync::Arc;

use ferrymq_store::CommitPoint;

use super::{Broker, VHosts};
use crate::clock::Timestamp;
use crate::definitions::{self, Change, Definition};
use crate::events::Event;
use crate::limits::{Reached, VHostLimits};
use crate::session::outbox::Item;
use crate::vhost::{Contents, Metadata, VHost};

/// Why a vhost is not created or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VHostError {
    /// It has no name.
    #[error("vhost name cannot be blank")]
    Blank,
    /// There are as many as there may be.
    #[error("cannot create vhost '{name}': vhost limit of {most} is reached")]
    LimitReached {
        /// The one too many.
        name: String,
        /// As many as there may be.
        most: usize,
    },
    /// There is none with this name.
    #[error("vhost '{0}' does not exist")]
    NotFound(String),
    /// Somebody wants it to stay.
    #[error("vhost '{0}' is protected from deletion")]
    Protected(String),
}

impl Broker {
    /// All vhosts.
    pub fn vhosts(&self) -> Arc<VHosts> {
        self.vhosts.load_full()
    }

    /// Creates a vhost on behalf of the user `by`; one that is there gets the metadata. Nobody has
    /// permissions in a new one. Gives the point at which it is on disk.
    ///
    /// # Errors
    /// When its name is empty, or there are enough.
    pub fn create_vhost(
        &self,
        name: &str,
        metadata: Metadata,
        by: &str,
    ) -> Result<CommitPoint, VHostError> {
        let _changing = self.parameters.lock();
        let mut vhosts = VHosts::clone(&self.vhosts.load());
        if let Some(vhost) = vhosts.get(name) {
            return Ok(vhost.set_metadata(metadata));
        }
        self.check_vhosts(name, vhosts.len())?;
        let definition = Definition::VHost {
            name: name.to_owned(),
            metadata: metadata.clone(),
            limits: VHostLimits::default(),
        };
        let point = definitions::log(self.store(), &[Change::put(&definition)]);
        let vhost = self.new_vhost(name, metadata);
        self.attach_events(&vhost);
        vhosts.insert(name.into(), Arc::clone(&vhost));
        self.vhosts.store(Arc::new(vhosts));
        self.events.record(|| created(&vhost, by));
        Ok(point)
    }

    /// May there be the vhost `name` beside `count` others?
    pub(super) fn check_vhosts(&self, name: &str, count: usize) -> Result<(), VHostError> {
        if name.is_empty() {
            return Err(VHostError::Blank);
        }
        let limit = self.config().limits.vhosts.check(count);
        limit.map_err(|Reached(most)| VHostError::LimitReached {
            name: name.to_owned(),
            most,
        })
    }

    /// A vhost that nobody knows of yet.
    pub(super) fn new_vhost(&self, name: &str, metadata: Metadata) -> Arc<VHost> {
        let mut contents = Contents {
            metadata,
            ..Contents::default()
        };
        if name == self.config().default_vhost {
            contents.snapshot.topology.add_event_exchange();
        }
        Arc::new(VHost::new(name.into(), contents, self.shared.clone()))
    }

    /// The default vhost has the exchange for events.
    pub(super) fn attach_events(&self, vhost: &Arc<VHost>) {
        if **vhost.name() == *self.config().default_vhost {
            self.events.attach(vhost);
        }
    }

    /// Deletes a vhost with all that is in it, closes its connections, and takes everybody's
    /// permissions in it. Gives the point at which it is gone from disk.
    ///
    /// # Errors
    /// When there is no such vhost, or it is protected.
    pub fn delete_vhost(
        &self,
        name: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<CommitPoint, VHostError> {
        let _changing = self.parameters.lock();
        let mut vhosts = VHosts::clone(&self.vhosts.load());
        let Some(vhost) = vhosts.remove(name) else {
            return Err(VHostError::NotFound(name.to_owned()));
        };
        if vhost.metadata().protected_from_deletion {
            return Err(VHostError::Protected(name.to_owned()));
        }
        self.vhosts.store(Arc::new(vhosts));
        self.clients
            .tell_all(|| Item::VHostDeleted(Arc::clone(&vhost)));
        vhost.delete(now);
        let mut changes = Vec::new();
        for user in self.users.users() {
            changes.extend(self.permissions_of(user.name(), name));
        }
        changes.push(Change::remove(&vhost.definition()));
        let point = definitions::log(self.store(), &changes);
        self.users.delete_vhost(name);
        self.events.record(|| Event::VHostDeleted {
            name: name.to_owned(),
            by: by.to_owned(),
        });
        Ok(point)
    }
}

/// What is told of a new vhost.
pub(super) fn created(vhost: &VHost, by: &str) -> Event {
    let metadata = vhost.metadata();
    Event::VHostCreated {
        name: vhost.name().to_string(),
        description: metadata.description.clone(),
        tags: metadata.tags.clone(),
        by: by.to_owned(),
    }
}
