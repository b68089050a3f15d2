//! What importing a document would change, object by object, beside what is there now: the answer of a dry
//! run, and what an import then carries out.

mod accounts;
mod contents;
mod vhosts;

use std::collections::{BTreeMap, HashSet};

use ferrymq_broker::Broker;
use ferrymq_broker::auth::Hashing;
use ferrymq_broker::broker::Batch;
use serde_json::{Map, Value as Json, json};

use super::document::{Document, GlobalParameterEntry, Item, Place, Section};
use super::shape;
use vhosts::Target;

/// What is to become of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It is new.
    Added,
    /// It is there, and will be as the document says.
    Changed { before: Json, after: Json },
    /// It is there.
    Unchanged,
    /// It is left out, and why.
    Skipped(String),
    /// It can't be, and why: nothing of the document can.
    Refused(String),
}

/// What is to become of everything in a document.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order of the import.
    pub(crate) steps: Vec<(Place, Outcome)>,
    /// What changes, for the broker.
    pub(crate) batch: Batch,
    /// What somebody should know all the same.
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Compares `document` with what `broker` has.
    pub(crate) fn new(document: Document, broker: &Broker) -> Self {
        let mut planner = Planner::new(broker);
        planner.version = document.version;
        // Vhosts before users: users may bring permissions in them along.
        planner.vhosts(document.vhosts);
        planner.users(document.users);
        planner.permissions(document.permissions);
        planner.exchanges(document.exchanges);
        planner.topic_permissions(document.topic_permissions);
        planner.global_parameters(document.global_parameters);
        planner.policies(document.policies);
        planner.parameters(document.parameters);
        planner.queues(document.queues);
        planner.bindings(document.bindings);
        planner.finish()
    }

    /// The first object that can't be, and why.
    pub(crate) fn refused(&self) -> Option<String> {
        self.steps
            .iter()
            .find_map(|(place, outcome)| match outcome {
                Outcome::Refused(why) => Some(format!("{place}: {why}")),
                _ => None,
            })
    }

    /// As the answer of a dry run: numbers of everything, and all that is not unchanged.
    pub(crate) fn to_json(&self) -> Json {
        let mut answer = Map::new();
        let mut counts = BTreeMap::from(KINDS.map(|kind| (kind, 0)));
        for kind in KINDS {
            answer.insert(kind.to_owned(), Vec::<Json>::new().into());
        }
        for (place, outcome) in &self.steps {
            *counts.entry(outcome.kind()).or_default() += 1;
            if let Some(Json::Array(shown)) = answer.get_mut(outcome.kind()) {
                shown.push(outcome.to_json(place));
            }
        }
        answer.remove(Outcome::Unchanged.kind());
        answer.insert("counts".into(), json!(counts));
        answer.insert("can_be_imported".into(), self.refused().is_none().into());
        answer.into()
    }
}

const KINDS: [&str; 5] = ["added", "changed", "unchanged", "skipped", "refused"];

impl Outcome {
    fn kind(&self) -> &'static str {
        match self {
            Self::Added => KINDS[0],
            Self::Changed { .. } => KINDS[1],
            Self::Unchanged => KINDS[2],
            Self::Skipped(_) => KINDS[3],
            Self::Refused(_) => KINDS[4],
        }
    }

    /// What follows for something that is `before`, if it is there, and is to be `after`.
    fn of(before: Option<Json>, after: Json) -> Self {
        match before {
            None => Self::Added,
            Some(before) if before == after => Self::Unchanged,
            Some(before) => Self::Changed { before, after },
        }
    }

    fn to_json(&self, place: &Place) -> Json {
        let mut shown = json!({
            "section": place.section,
            "index": place.index,
            "name": place.name,
        });
        if !place.vhost.is_empty() {
            shown["vhost"] = place.vhost.as_str().into();
        }
        match self {
            Self::Added | Self::Unchanged => {}
            Self::Changed { before, after } => {
                shown["before"] = before.clone();
                shown["after"] = after.clone();
            }
            Self::Skipped(why) | Self::Refused(why) => shown["reason"] = why.as_str().into(),
        }
        shown
    }
}

/// A plan in the making.
struct Planner<'a> {
    broker: &'a Broker,
    hashing: Hashing,
    /// The version of RabbitMQ that wrote the document.
    version: Option<String>,
    /// Users of the document.
    users: HashSet<String>,
    /// The vhosts that the document is about.
    targets: BTreeMap<String, Target>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(broker: &'a Broker) -> Self {
        Self {
            broker,
            hashing: broker.config().password_hashing,
            version: None,
            users: HashSet::new(),
            targets: BTreeMap::new(),
            plan: Plan::default(),
        }
    }

    /// Plans every object of a section that could be understood; `plan` says what is to become of it, or why
    /// it can't be.
    fn each<T>(
        &mut self,
        section: Section<T>,
        mut plan: impl FnMut(&mut Self, &Place, T) -> Result<Outcome, String>,
    ) {
        for Item { place, value } in section {
            let outcome = value.and_then(|object| plan(self, &place, object));
            let outcome = outcome.unwrap_or_else(Outcome::Refused);
            self.plan.steps.push((place, outcome));
        }
    }

    /// The vhost `name`, which is there or will be.
    fn target(&mut self, name: &str) -> Result<&mut Target, String> {
        if !self.targets.contains_key(name) {
            let vhost = self.broker.vhost(name);
            let vhost = vhost.ok_or_else(|| format!("vhost '{name}' does not exist"))?;
            let target = Target::existing(&vhost, self.broker);
            self.targets.insert(name.to_owned(), target);
        }
        Ok(self.targets.get_mut(name).expect("it was just put there"))
    }

    fn global_parameters(&mut self, section: Section<GlobalParameterEntry>) {
        let current = self.broker.global_parameters();
        self.each(section, |planner, _, parameter| {
            let GlobalParameterEntry { name, value } = parameter;
            if shape::is_internal(&name) {
                return Ok(skipped("it belongs to the broker that wrote it"));
            }
            let outcome = Outcome::of(current.get(&name).cloned(), value.clone());
            if outcome != Outcome::Unchanged {
                planner.plan.batch.global_parameters.push((name, value));
            }
            Ok(outcome)
        });
    }

    fn finish(mut self) -> Plan {
        for (name, target) in self.targets {
            if let Some(batch) = target.into_batch() {
                self.plan.batch.vhosts.insert(name, batch);
            }
        }
        self.plan
    }
}

fn skipped(why: &str) -> Outcome {
    Outcome::Skipped(why.to_owned())
}
