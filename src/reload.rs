//! The configuration is read again while the broker runs: what can change at once does.

use ferrymq_broker::Broker;
use ferrymq_broker::config::Override;
use tracing::{error, info, warn};

use crate::settings::Sources;

/// Reads everything again and hands it to `broker`. If anything is wrong, nothing changes.
pub(crate) fn run(broker: &Broker, sources: &Sources, flags: &[Override]) {
    let loaded = match sources.load(flags) {
        Ok(loaded) => loaded,
        Err(problems) => {
            return error!(
                "the configuration is kept as it was, because of mistakes in it:\n{problems}"
            );
        }
    };
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    let changes = broker.reconfigure(&loaded.config);
    broker.set_origins(loaded.origins);
    if changes.is_empty() {
        info!("the configuration was read again; nothing has changed");
    }
    for change in changes {
        let (name, before, after) = (change.key.name, change.before, change.after);
        match change.key.live {
            true => info!("setting {name} is {after} from now on, it was {before}"),
            false => warn!("setting {name} is {before} until the next start, then {after}"),
        }
    }
}
