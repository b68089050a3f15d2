//! What a cluster has in common: vhosts, exchanges, bindings.

use std::collections::HashMap;
use std::sync::Arc;

use ferrymq_broker::vhost::VHost;

use super::family::Family;
use super::text::{Labels, Text};

/// Their names begin with this, whatever the others' do.
const PREFIX: &str = "rabbitmq_cluster_";

/// `vhost_status`
pub(super) fn status(text: &mut Text, vhosts: &[Arc<VHost>]) {
    const STATUS: Family = Family::gauge("vhost_status", "Whether a given vhost is running");
    text.with_prefix(PREFIX, |text| {
        text.family(&STATUS);
        for vhost in vhosts {
            let labels = Labels::of(&[("vhost", vhost.name())]);
            text.sample(STATUS.name, labels.as_str(), 1);
        }
    });
}

/// `exchange_names`
pub(super) fn names(text: &mut Text, vhosts: &[Arc<VHost>]) {
    const NAMES: Family = Family::gauge(
        "exchange_name",
        "Enumerates exchanges without any additional info",
    );
    each_exchange(text, &NAMES, vhosts, |_| HashMap::new(), 1);
}

/// `exchange_bindings`
pub(super) fn bindings(text: &mut Text, vhosts: &[Arc<VHost>]) {
    const BINDINGS: Family =
        Family::gauge("exchange_bindings", "Number of bindings for an exchange");
    let count = |vhost: &VHost| {
        let mut counts = HashMap::new();
        for binding in vhost.snapshot().topology.bindings() {
            *counts
                .entry(binding.source().as_str().to_owned())
                .or_default() += 1;
        }
        counts
    };
    each_exchange(text, &BINDINGS, vhosts, count, 0);
}

/// A sample per exchange: what `values` says of it, or `default`.
fn each_exchange(
    text: &mut Text,
    family: &Family,
    vhosts: &[Arc<VHost>],
    values: impl Fn(&VHost) -> HashMap<String, u64>,
    default: u64,
) {
    text.with_prefix(PREFIX, |text| {
        text.family(family);
        for vhost in vhosts {
            let values = values(vhost);
            for exchange in vhost.snapshot().topology.exchanges() {
                let labels = Labels::of(&[
                    ("vhost", vhost.name()),
                    ("exchange", exchange.name.as_str()),
                    ("type", exchange.kind.as_str()),
                ]);
                let value = values.get(exchange.name.as_str()).copied();
                text.sample(family.name, labels.as_str(), value.unwrap_or(default));
            }
        }
    });
}
