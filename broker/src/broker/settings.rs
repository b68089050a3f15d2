//! The configuration of a running broker: what holds now, and how it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Broker;
use crate::config::{Change, ChangeError, Config, keys};
use crate::resources;

/// Where settings that somebody has set come from, by their names.
pub(super) type Origins = BTreeMap<&'static str, String>;

/// Where settings come from that were changed while the broker runs.
const CHANGED: &str = "changed over HTTP, until the next start";

impl Broker {
    /// This node's name, which never changes.
    pub fn node_name(&self) -> &str {
        &self.node_name
    }

    /// The cluster's name: the global parameter `cluster_name`, or else this node's.
    pub fn cluster_name(&self) -> String {
        let name = self.global_parameter("cluster_name");
        let name = name.as_ref().and_then(|name| name.as_str());
        name.unwrap_or(self.node_name()).to_owned()
    }

    /// The configuration as it is now: live settings may change, the others are those of the start.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Tells of every change of live settings from now on.
    pub fn config_changes(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// Takes the live settings of `new` over, and tells all differences. The others count from the
    /// next start on.
    pub fn reconfigure(&self, new: &Config) -> Vec<Change> {
        let memory_bytes = resources::total_memory_bytes(&self.config());
        let mut changes = Vec::new();
        self.config.send_if_modified(|config| {
            changes = config.changes(new);
            let modified = changes.iter().any(|change| change.key.live);
            if modified {
                Arc::make_mut(config).take_live(new);
                self.obey(config, memory_bytes);
            }
            modified
        });
        changes
    }

    /// Where the setting `name` comes from: file and line, variable, flag; `None`: it is the default.
    pub fn origin(&self, name: &str) -> Option<String> {
        self.origins.lock().get(name).cloned()
    }

    /// From now on it is known where settings come from.
    pub fn set_origins(&self, origins: BTreeMap<&'static str, String>) {
        *self.origins.lock() = origins;
    }

    /// Puts the live setting `name` to what `text` says, until the configuration is read again.
    ///
    /// # Errors
    /// When there is no such setting, it needs a restart, or it can't hold that.
    pub fn change_setting(&self, name: &str, text: &str) -> Result<(), ChangeError> {
        let memory_bytes = resources::total_memory_bytes(&self.config());
        let mut outcome = Ok(());
        self.config.send_if_modified(|config| {
            let mut changed = Config::clone(config);
            outcome = changed.change_live(name, text);
            let modified = outcome.is_ok();
            if modified {
                *config = Arc::new(changed);
                self.obey(config, memory_bytes);
            }
            modified
        });
        if outcome.is_ok() {
            let changed = keys().iter().find(|key| key.name == name);
            let changed = changed.map(|key| (key.name, CHANGED.to_owned()));
            self.origins.lock().extend(changed);
            tracing::info!("setting {name} is {text} from now on");
        }
        outcome
    }

    /// Tells those who keep settings of their own, where there are `memory_bytes` of memory.
    fn obey(&self, config: &Config, memory_bytes: u64) {
        self.users.set_loopback_users(config.loopback_users.clone());
        self.shared.declared.set_limits(config.limits);
        self.paging
            .set_budget(config.queue_memory.bytes(memory_bytes));
    }
}
