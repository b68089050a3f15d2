//! From what the store holds to vhosts, users and queues.

mod messages;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use ferrymq_routing::QueueName;
use ferrymq_store::{QueueId, Recovered, RecoveredQueue, Sequence, Store};

use crate::auth::{PasswordHash, User, Users};
use crate::broker::{StartError, VHosts};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::definitions::{self, Change, Definition};
use crate::limits::VHostLimits;
use crate::paging::Paging;
use crate::parameters::Parameters;
use crate::policy::{Applied, Policy};
use crate::queue::Queue;
use crate::queue::arguments::Declared;
use crate::queue::settings::{Defaults, Settings};
use crate::queue::shared::{Durable, SharedQueue, Work, policies};
use crate::vhost::{Contents, Metadata, Shared, VHost};
use values::Values;

/// What the store held, beside users.
pub(crate) struct Found {
    pub(crate) vhosts: VHosts,
    /// Of the whole broker.
    pub(crate) parameters: Parameters<String>,
}

/// Puts together what the store held; an empty one gets the default vhost and user first, unless there are
/// definitions to be imported.
pub(crate) fn recover(
    config: &Config,
    shared: &Shared,
    recovered: Recovered,
    now: Timestamp,
) -> Result<Found, StartError> {
    let clean = recovered.clean;
    let mut values = Values::default();
    let mut stored = recovered.definitions;
    stored.retain(|(key, value)| !values.take(key, value));
    let mut definitions = decode(&stored)?;
    let is_vhost = |definition: &Definition| matches!(definition, Definition::VHost { .. });
    if config.definitions_file.is_none() && !definitions.iter().any(is_vhost) {
        definitions.extend(create_defaults(config, shared.paging.store()));
    }
    sort(&mut definitions);
    let mut builder = Builder {
        paging: &shared.paging,
        users: &shared.users,
        event_vhost: &config.default_vhost,
        vhosts: HashMap::new(),
        bindings: 0,
        parameters: Parameters::default(),
        queues: recovered
            .queues
            .into_iter()
            .map(|queue| (queue.id, queue))
            .collect(),
        clean,
        now,
        defaults: config.queue_defaults(),
    };
    for definition in definitions {
        builder.add(definition)?;
    }
    let vhosts = builder.vhosts.iter_mut();
    let snapshots = vhosts.map(|(name, contents)| (&**name, &mut contents.snapshot));
    values.restore(snapshots, shared.paging.store());
    let bindings = builder.bindings;
    let vhosts = builder.vhosts.into_iter().map(|(name, contents)| {
        let contents = Contents {
            bindings,
            ..contents
        };
        let vhost = VHost::new(Arc::clone(&name), contents, shared.clone());
        (name, Arc::new(vhost))
    });
    Ok(Found {
        vhosts: vhosts.collect(),
        parameters: builder.parameters,
    })
}

/// All definitions, in no order.
fn decode(stored: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<Definition>, StartError> {
    stored
        .iter()
        .map(|(key, value)| Definition::decode(key, value))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|bad| StartError::Definitions(bad.to_string()))
}

/// Puts definitions into the order of what needs what: vhosts first, a binding after both of its ends.
fn sort(definitions: &mut [Definition]) {
    definitions.sort_by_key(|definition| match definition {
        Definition::VHost { .. } => (0, 0),
        Definition::User(_) => (1, 0),
        Definition::Permission { .. }
        | Definition::TopicPermission { .. }
        | Definition::Parameter { .. }
        | Definition::GlobalParameter { .. }
        | Definition::Policy { .. } => (2, 0),
        Definition::Exchange { .. } | Definition::Queue { .. } => (3, 0),
        Definition::ExchangeQueue { .. } | Definition::PausedQueue { .. } => (4, 0),
        Definition::Binding { order, .. } => (5, *order),
    });
}

/// The first start: the default vhost, and a user who may do everything in it.
fn create_defaults(config: &Config, store: &Store) -> Vec<Definition> {
    let user = User::new(
        &config.default_user,
        default_password(config),
        config.default_user_tags.clone(),
    );
    let vhost = config.default_vhost.as_str();
    let permissions = config.default_permissions.parse();
    let definitions = vec![
        Definition::VHost {
            name: vhost.to_owned(),
            metadata: Metadata::default(),
            limits: VHostLimits::default(),
        },
        Definition::User(user),
        Definition::Permission {
            vhost: vhost.to_owned(),
            user: config.default_user.clone(),
            set: permissions.expect("patterns are checked when they are set"),
        },
    ];
    let changes: Vec<Change> = definitions.iter().map(Change::put).collect();
    definitions::log(store, &changes);
    definitions
}

/// A slow hash, but for the password that everybody knows: that one protects nothing, and would
/// cost the first start 7 MiB.
fn default_password(config: &Config) -> PasswordHash {
    match config.default_pass.as_str() {
        "guest" => PasswordHash::sha256(b"guest"),
        secret => config.password_hashing.hash(secret.as_bytes()),
    }
}

#[cfg(test)]
mod tests;

struct Builder<'a> {
    paging: &'a Arc<Paging>,
    users: &'a Users,
    /// The vhost that has the exchange for events.
    event_vhost: &'a str,
    vhosts: HashMap<Arc<str>, Contents>,
    /// The order of the latest binding.
    bindings: u64,
    /// Of the whole broker.
    parameters: Parameters<String>,
    queues: HashMap<QueueId, RecoveredQueue>,
    clean: bool,
    now: Timestamp,
    /// Of queues whose arguments don't say.
    defaults: Defaults,
}

impl Builder<'_> {
    fn add(&mut self, definition: Definition) -> Result<(), StartError> {
        match definition {
            Definition::VHost {
                name,
                metadata,
                limits,
            } => {
                let mut contents = Contents {
                    metadata,
                    limits,
                    ..Contents::default()
                };
                if name == self.event_vhost {
                    contents.snapshot.topology.add_event_exchange();
                }
                self.vhosts.insert(name.into(), contents);
            }
            Definition::User(user) => self.users.put_user(user),
            Definition::Permission { vhost, user, set } => {
                let given = self.users.set_permissions(&user, &vhost, set);
                given.map_err(|why| StartError::Definitions(why.to_string()))?;
            }
            Definition::TopicPermission {
                vhost,
                user,
                exchange,
                set,
            } => {
                let users = self.users;
                users
                    .set_topic_permissions(&user, &vhost, &exchange, set)
                    .map_err(|why| StartError::Definitions(why.to_string()))?;
            }
            Definition::Parameter {
                vhost,
                component,
                name,
                value,
            } => {
                let contents = self.vhost(&vhost)?;
                contents.parameters.insert((component, name), value);
            }
            Definition::GlobalParameter { name, value } => {
                self.parameters.insert(name, value);
            }
            Definition::Policy {
                vhost,
                kind,
                name,
                request,
            } => {
                let contents = self.vhost(&vhost)?;
                let policy = Policy::trusted(&name, request);
                contents.policies = contents.policies.with(kind, policy);
            }
            Definition::Exchange { vhost, exchange } => {
                let contents = self.vhost(&vhost)?;
                contents
                    .snapshot
                    .topology
                    .declare_exchange(exchange)
                    .map_err(|why| StartError::Definitions(why.to_string()))?;
            }
            Definition::Queue {
                vhost,
                name,
                id,
                declared,
            } => {
                let policies = &self.vhost(&vhost)?.policies;
                let applied = policies.for_queue(name.as_str(), declared.arguments.queue_type);
                let options = policies::options(&declared, applied.as_deref());
                let settings = Settings::new(&declared, &options, &self.defaults);
                let queue = self.restore(&vhost, name.clone(), id, declared, settings, applied);
                let snapshot = &mut self.vhost(&vhost)?.snapshot;
                snapshot.topology.add_queue(name.clone());
                snapshot.queues.insert(name, queue);
            }
            Definition::ExchangeQueue {
                vhost,
                exchange,
                purpose,
                id,
            } => {
                let topology = &self.vhost(&vhost)?.snapshot.topology;
                let Some(found) = topology.exchange(exchange.as_str()) else {
                    tracing::error!(
                        "what exchange '{exchange}' in vhost '{vhost}' kept is left out: it is missing"
                    );
                    return Ok(());
                };
                let declared = purpose.declared(found);
                let name = QueueName::from(exchange.as_str());
                let settings = purpose.settings(&declared, &self.defaults);
                let queue = self.restore(&vhost, name, id, declared, settings, None);
                let snapshot = &mut self.vhost(&vhost)?.snapshot;
                snapshot.add_hidden_queue(&exchange, purpose, queue);
            }
            Definition::PausedQueue { vhost, name } => {
                let queues = self.vhosts.get(&*vhost);
                let queue = queues.and_then(|contents| contents.snapshot.queues.get(&name));
                if let Some(queue) = queue {
                    let mut work = Work::default();
                    queue.run(&mut work, |queue, effects| queue.set_paused(true, effects));
                }
            }
            Definition::Binding {
                vhost,
                binding,
                order,
            } => {
                self.bindings = self.bindings.max(order);
                let contents = self.vhost(&vhost)?;
                if let Err(why) = contents.snapshot.topology.bind(binding) {
                    tracing::error!("a binding in vhost '{vhost}' is left out: {why}");
                }
            }
        }
        Ok(())
    }

    fn vhost(&mut self, vhost: &str) -> Result<&mut Contents, StartError> {
        self.vhosts.get_mut(vhost).ok_or_else(|| {
            StartError::Definitions(format!(
                "a definition belongs to the unknown vhost '{vhost}'"
            ))
        })
    }

    /// A queue with what the log has of it.
    fn restore(
        &mut self,
        vhost: &str,
        name: QueueName,
        id: QueueId,
        declared: Declared,
        settings: Settings,
        applied: Option<Arc<Applied>>,
    ) -> Arc<SharedQueue> {
        let queue = match self.queues.remove(&id) {
            Some(recovered) => {
                let store = self.paging.store();
                messages::refill(store, &recovered, self.clean, settings, self.now)
            }
            None => Queue::new(settings, Sequence(1)),
        };
        let durable = Durable {
            id,
            durability: self.defaults.durability,
        };
        Arc::new(SharedQueue::new(
            name,
            vhost.into(),
            declared,
            None,
            Some(durable),
            applied,
            queue,
            Arc::clone(self.paging),
        ))
    }
}
