//! Where messages go from an exchange, or where they come to it from, over all the exchanges between.

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

use super::chain::Chain;
use super::{Head, in_path};
use crate::console::client::{Call, Problem};
use crate::console::visit::Visit;

/// Exchanges that are looked at, and how far away they may be.
const MAX_EXCHANGES: usize = 30;
const MAX_DEPTH: usize = 5;
/// Bindings of each.
const MAX_BINDINGS: &str = "20";

/// Which way a tree grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Where messages go.
    Down,
    /// Where they come from.
    Up,
}

/// What lies beyond the bindings of an exchange. Only worth showing when there is another exchange between.
pub(super) struct Tree {
    pub(super) chain: Chain,
    /// Is there more than is shown?
    pub(super) is_cut: bool,
}

impl Tree {
    /// `None`: the exchange's own bindings tell all of it.
    ///
    /// # Errors
    /// What the API refuses.
    pub(super) async fn load(
        visit: &Visit,
        head: &Head,
        way: Way,
    ) -> Result<Option<Self>, Problem> {
        let mut steps = Vec::new();
        let mut seen = BTreeSet::from([head.name.clone()]);
        let mut waiting = VecDeque::from([(head.name.clone(), 0)]);
        let mut is_cut = false;
        while let Some((exchange, depth)) = waiting.pop_front() {
            let found = bindings(visit, &head.vhost, &exchange, way).await?;
            is_cut |= found["total_count"].as_u64() > MAX_BINDINGS.parse().ok();
            for binding in found["items"].as_array().into_iter().flatten() {
                let step = way.step(binding);
                let next = step["destination"].as_str().unwrap_or_default().to_owned();
                if step["destination_type"] == "exchange" && seen.insert(next.clone()) {
                    match depth < MAX_DEPTH && seen.len() <= MAX_EXCHANGES {
                        true => waiting.push_back((next, depth + 1)),
                        false => is_cut = true,
                    }
                }
                steps.push(step);
            }
        }
        let chain = Chain::new(&head.vhost, &head.name, &steps);
        Ok((seen.len() > 1 && chain.is_deep()).then_some(Self { chain, is_cut }))
    }
}

impl Way {
    /// A binding as a step away from the exchange that the tree is about.
    fn step(self, binding: &Value) -> Value {
        let mut step = binding.clone();
        step["type"] = "binding".into();
        if self == Self::Up {
            step["source"] = binding["destination"].clone();
            step["destination"] = binding["source"].clone();
            step["destination_type"] = "exchange".into();
        }
        step
    }
}

async fn bindings(visit: &Visit, vhost: &str, exchange: &str, way: Way) -> Result<Value, Problem> {
    let end = match way {
        Way::Down => "source",
        Way::Up => "destination",
    };
    let list = Call::get(&["exchanges", vhost, in_path(exchange), "bindings", end]);
    visit
        .call(list.with("page", "1").with("page_size", MAX_BINDINGS))
        .await
}
