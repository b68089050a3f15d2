//! What there is, as a document: the same things always in the same order.

use ferrymq_broker::Broker;
use ferrymq_broker::json::from_table;
use ferrymq_broker::policy::PolicyKind;
use ferrymq_broker::routing::{Binding, Destination};
use ferrymq_broker::vhost::{Snapshot, VHost};
use serde_json::{Map, Value as Json, json};

use super::shape;

/// Everything: what [`super::import`] takes for the whole broker, and RabbitMQ too.
pub(crate) fn broker(broker: &Broker) -> Json {
    let mut document = head(broker, "cluster");
    let users = broker.users().users();
    let mut vhosts: Vec<_> = broker.vhosts().values().cloned().collect();
    vhosts.sort_by(|a, b| a.name().cmp(b.name()));
    let mut sections = Sections::default();
    let mut permissions = Vec::new();
    let mut topic_permissions = Vec::new();
    for vhost in &vhosts {
        sections.add(broker, vhost, Some(vhost.name()));
        let name = vhost.name();
        for user in &users {
            let user = user.name();
            let set = broker.users().permissions(user, name);
            permissions.extend(set.map(|set| shape::permission(user, name, &set)));
            let topics = broker.users().topic_permissions(user, name);
            topic_permissions.extend(
                topics
                    .iter()
                    .map(|(exchange, set)| shape::topic_permission(user, name, exchange, set)),
            );
        }
    }
    let shown = users.iter().map(|user| shape::user(user));
    document.insert("users".into(), shown.collect());
    let shown = vhosts.iter();
    let shown = shown.map(|vhost| shape::vhost(vhost.name(), &vhost.metadata(), vhost.limits()));
    document.insert("vhosts".into(), shown.collect());
    document.insert("permissions".into(), permissions.into());
    document.insert("topic_permissions".into(), topic_permissions.into());
    let parameters = broker.global_parameters();
    let parameters = parameters
        .iter()
        .filter(|(name, _)| !shape::is_internal(name))
        .map(|(name, value)| shape::global_parameter(name, value));
    document.insert("global_parameters".into(), parameters.collect());
    sections.write(&mut document);
    document.into()
}

/// What is in one vhost: what [`super::import`] takes for any vhost.
pub(crate) fn vhost(broker: &Broker, vhost: &VHost) -> Json {
    let mut document = head(broker, "single_virtual_host");
    let mut sections = Sections::default();
    sections.add(broker, vhost, None);
    sections.write(&mut document);
    let metadata = vhost.metadata();
    document.insert("original_vhost_name".into(), (&**vhost.name()).into());
    document.insert("metadata".into(), shape::metadata(&metadata));
    document.insert("description".into(), metadata.description.as_str().into());
    document.insert("limits".into(), shape::as_json(vhost.limits()));
    if let Some(queue_type) = metadata.default_queue_type {
        document.insert("default_queue_type".into(), queue_type.as_str().into());
    }
    document.into()
}

/// Who wrote it. Compat: both names of RabbitMQ's version, by which it guesses how passwords are hashed.
fn head(broker: &Broker, format: &str) -> Map<String, Json> {
    let version = &broker.config().rabbitmq_version;
    let head = json!({
        "rabbit_version": version,
        "rabbitmq_version": version,
        "product_name": "FerryMQ",
        "product_version": env!("CARGO_PKG_VERSION"),
        "rabbitmq_definition_format": format,
    });
    match head {
        Json::Object(head) => head,
        _ => unreachable!("it is an object"),
    }
}

/// The sections about what is in vhosts.
#[derive(Default)]
struct Sections {
    parameters: Vec<Json>,
    policies: Vec<Json>,
    queues: Vec<Json>,
    exchanges: Vec<Json>,
    bindings: Vec<Json>,
}

impl Sections {
    /// Adds what is in `vhost`; objects say that they are in `named`, if it is given.
    fn add(&mut self, broker: &Broker, vhost: &VHost, named: Option<&str>) {
        let name = named.unwrap_or_default();
        let finished = |json: Json| match named {
            Some(_) => json,
            None => without_vhost(json),
        };
        for ((component, parameter), value) in vhost.parameters() {
            let shown = shape::parameter(name, &component, &parameter, &value);
            self.parameters.push(finished(shown));
        }
        let policies = vhost.policies();
        let mut policies: Vec<_> = policies.list(PolicyKind::User).iter().collect();
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        let policies = policies.into_iter();
        self.policies
            .extend(policies.map(|policy| finished(shape::policy(name, policy))));

        let snapshot = vhost.snapshot();
        let default_type = vhost.metadata().default_queue_type;
        let default_type = default_type.unwrap_or(broker.config().default_queue_type);
        let queues = snapshot.queues.values();
        let queues = queues.filter(|queue| shape::is_exported(queue));
        self.queues.extend(queues.map(|queue| {
            let shown = shape::queue(name, queue.name.as_str(), &queue.declared, default_type);
            finished(shown)
        }));
        let exchanges = snapshot.topology.exchanges();
        let exchanges = exchanges.filter(|exchange| !shape::is_reserved(exchange.name.as_str()));
        self.exchanges
            .extend(exchanges.map(|exchange| finished(shape::exchange(name, exchange))));
        let bindings = bindings(&snapshot).into_iter();
        self.bindings
            .extend(bindings.map(|binding| finished(shape::binding(name, binding))));
    }

    fn write(self, document: &mut Map<String, Json>) {
        for (section, objects) in [
            ("parameters", self.parameters),
            ("policies", self.policies),
            ("queues", self.queues),
            ("exchanges", self.exchanges),
            ("bindings", self.bindings),
        ] {
            document.insert(section.to_owned(), objects.into());
        }
    }
}

/// The bindings between what is exported or always there, sorted.
fn bindings(snapshot: &Snapshot) -> Vec<&Binding> {
    let leads_somewhere = |binding: &&Binding| match binding.destination() {
        Destination::Exchange(_) => true,
        Destination::Queue(name) => {
            let queue = snapshot.queues.get(name);
            queue.is_some_and(|queue| shape::is_exported(queue))
        }
    };
    let bindings = snapshot.topology.bindings().map(|binding| &**binding);
    let explicit = bindings.filter(|binding| !binding.touches_default_exchange());
    let mut bindings: Vec<_> = explicit.filter(leads_somewhere).collect();
    bindings.sort_by_cached_key(|binding| {
        (
            binding.source().clone(),
            shape::destination_type(binding.destination()),
            binding.destination().name().to_owned(),
            binding.routing_key().clone(),
            Json::Object(from_table(binding.arguments())).to_string(),
        )
    });
    bindings
}

fn without_vhost(mut json: Json) -> Json {
    if let Json::Object(entries) = &mut json {
        entries.remove("vhost");
    }
    json
}
