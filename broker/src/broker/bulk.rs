//! Many declarations at once, of users and in any number of vhosts: one record of the log, so that all of
//! them hold or none, whatever happens in between.

mod accounts;

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrymq_store::CommitPoint;
use serde_json::Value as Json;

use super::accounts::AccountError;
use super::vhosts::VHostError;
use super::{Broker, VHosts};
use crate::clock::Timestamp;
use crate::definitions::{self, Change, Definition};
use crate::error::Error;
use crate::limits::Reached;
use crate::vhost::{Prepared, Unfinished, VHost, VHostBatch};

pub use accounts::{Accounts, GivenPermission, GivenTopicPermission};

/// What is to be there. Users, permissions and parameters take the place of those with their names; a
/// vhost that is missing is made.
#[derive(Debug, Default)]
pub struct Batch {
    /// Users and what they may do.
    pub accounts: Accounts,
    /// Parameters of the whole broker.
    pub global_parameters: Vec<(String, Json)>,
    /// What is to be in vhosts, by their names.
    pub vhosts: BTreeMap<String, VHostBatch>,
}

/// Why nothing of a batch was declared.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Something about a user.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A vhost can't be made.
    #[error(transparent)]
    VHost(#[from] VHostError),
    /// Something in a vhost.
    #[error(transparent)]
    Declaration(#[from] Error),
}

/// A vhost to declare in.
struct Target {
    vhost: Arc<VHost>,
    is_new: bool,
}

impl Broker {
    /// Declares all of `batch` on behalf of the user `by`, or nothing; gives the point at which it is on
    /// disk. With very many queues it takes too long for a thread that serves connections.
    ///
    /// # Errors
    /// When something in it can't be.
    pub fn declare_all(
        &self,
        batch: Batch,
        by: &str,
        now: Timestamp,
    ) -> Result<CommitPoint, BatchError> {
        let Batch {
            accounts,
            global_parameters,
            mut vhosts,
        } = batch;
        // Held to the end of the change, as are the vhosts that it concerns, in the order of their names.
        let mut parameters = self.parameters.lock();
        let mut all = VHosts::clone(&self.vhosts.load());
        let targets = self.targets(&mut vhosts, &mut all)?;
        let checked = self.check_accounts(&accounts, &all);
        let prepared = checked.and_then(|()| self.prepare(&targets, vhosts, by));
        let mut prepared = prepared.inspect_err(|_| abandon(&targets))?;

        let mut changes = accounts.changes();
        changes.extend(global_parameters.iter().map(|(name, value)| {
            Change::put(&Definition::GlobalParameter {
                name: name.clone(),
                value: value.clone(),
            })
        }));
        changes.extend(prepared.iter_mut().flat_map(Prepared::take_log));
        let point = match changes.is_empty() {
            // What is there may have come just now.
            true => self.store().barrier(),
            false => definitions::log(self.store(), &changes),
        };

        let committed = prepared.into_iter();
        let unfinished: Vec<_> = committed
            .map(|prepared| prepared.commit(point, by))
            .collect();
        let events = self.set_accounts(accounts, by);
        parameters.extend(global_parameters);
        self.vhosts.store(Arc::new(all));
        drop(parameters);

        self.tell_of_new(&targets, by);
        for event in events {
            self.events.record(|| event);
        }
        self.settle(&targets, unfinished, now);
        Ok(point)
    }

    /// Finds the vhosts to declare in; those that are missing are made, for `all` to have.
    fn targets(
        &self,
        batches: &mut BTreeMap<String, VHostBatch>,
        all: &mut VHosts,
    ) -> Result<Vec<Target>, BatchError> {
        let there = all.len();
        let is_missing = |name: &&String| !all.contains_key(name.as_str());
        for (more, name) in batches.keys().filter(is_missing).enumerate() {
            self.check_vhosts(name, there + more)?;
        }
        let targets = batches.iter_mut().map(|(name, batch)| {
            if let Some(vhost) = all.get(name.as_str()) {
                return Target {
                    vhost: Arc::clone(vhost),
                    is_new: false,
                };
            }
            let metadata = batch.metadata.get_or_insert_default();
            let vhost = self.new_vhost(name, metadata.clone());
            all.insert(Arc::clone(vhost.name()), Arc::clone(&vhost));
            Target {
                vhost,
                is_new: true,
            }
        });
        Ok(targets.collect())
    }

    fn prepare<'a>(
        &self,
        targets: &'a [Target],
        batches: BTreeMap<String, VHostBatch>,
        by: &str,
    ) -> Result<Vec<Prepared<'a>>, BatchError> {
        let mut prepared = Vec::new();
        let (mut queues, mut exchanges) = (0, 0);
        for (target, batch) in targets.iter().zip(batches.into_values()) {
            let change = target.vhost.prepare(batch, by)?;
            let growth = change.growth();
            queues += growth.0;
            exchanges += growth.1;
            prepared.push(change);
        }
        let room = self.shared.declared.check_growth(queues, exchanges);
        room.map_err(|(kind, Reached(most))| {
            Error::PreconditionFailed(format!(
                "cannot declare {queues} queues and {exchanges} exchanges: {kind} limit in cluster \
                 ({most}) is reached"
            ))
        })?;
        Ok(prepared)
    }

    fn tell_of_new(&self, targets: &[Target], by: &str) {
        for target in targets.iter().filter(|target| target.is_new) {
            self.attach_events(&target.vhost);
            self.events
                .record(|| super::vhosts::created(&target.vhost, by));
        }
    }

    fn settle(&self, targets: &[Target], unfinished: Vec<Unfinished>, now: Timestamp) {
        for (target, mut rest) in targets.iter().zip(unfinished) {
            for event in std::mem::take(&mut rest.events) {
                self.events.record(|| event);
            }
            target.vhost.settle(&rest, now);
        }
    }
}

fn abandon(targets: &[Target]) {
    for target in targets.iter().filter(|target| target.is_new) {
        target.vhost.abandon();
    }
}
