//! From what a document says to what the broker takes: what can be known of an object by itself.

use ferrymq_broker::FieldTable;
use ferrymq_broker::auth::{Hashing, PasswordHash, PermissionSet, TopicPermissionSet};
use ferrymq_broker::json::to_arguments;
use ferrymq_broker::policy::{Policy, PolicyKind, PolicyRequest};
use ferrymq_broker::queue::arguments::{self, Declared, Flags, QueueType};
use ferrymq_broker::routing::{Binding, Destination, Exchange};
use ferrymq_broker::vhost::Metadata;
use serde_json::{Map, Value as Json};

use super::document::{
    BindingEntry, DestinationType, ExchangeEntry, Patterns, PolicyEntry, QueueEntry,
    TopicPermissionEntry, UserEntry, VHostEntry, VHostMetadata,
};

/// Bytes of a name or routing key, at most.
const NAME_BYTES: usize = 255;
const MD5: &str = "rabbit_password_hashing_md5";
/// What old files have for no default queue type.
const UNDEFINED: &str = "undefined";

/// Why an object can't be.
pub(super) type Checked<T> = Result<T, String>;

/// The password of a user. `current`: the user's as it is, kept if it is the same password; `version`: that of
/// the document's author.
pub(super) fn password(
    user: &UserEntry,
    current: Option<&PasswordHash>,
    version: Option<&str>,
    hashing: Hashing,
) -> Checked<PasswordHash> {
    if let Some(hash) = &user.password_hash {
        let guessed = version
            .filter(|version| is_md5_version(version))
            .map(|_| MD5);
        let algorithm = user.hashing_algorithm.as_deref().or(guessed);
        let parsed = PasswordHash::parse(hash, algorithm);
        return parsed.map_err(|why| format!("password_hash: {why}"));
    }
    Ok(match (&user.password, current) {
        (None, _) => PasswordHash::Absent,
        (Some(password), _) if password.is_empty() => PasswordHash::Absent,
        (Some(password), Some(current)) if current.verify(password.as_bytes()) => current.clone(),
        (Some(password), _) => hashing.hash(password.as_bytes()),
    })
}

/// Compat: before 3.6 nobody wrote down how passwords were hashed.
fn is_md5_version(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(3)), Some(Ok(0..=5))))
}

pub(super) fn tags(user: &UserEntry) -> Checked<Vec<String>> {
    match (&user.tags, user.administrator) {
        (Some(tags), _) => Ok(tags.clone()),
        (None, Some(true)) => Ok(vec!["administrator".to_owned()]),
        (None, Some(false)) => Ok(Vec::new()),
        (None, None) => Err("missing field `tags`".to_owned()),
    }
}

/// What is known about a vhost when the document has been heard; what it does not mention stays.
pub(super) fn metadata(vhost: &VHostEntry, current: &Metadata) -> Checked<Metadata> {
    let mut metadata = current.clone();
    let beside = vhost.beside();
    let given = vhost.metadata.iter().chain([&beside]);
    for VHostMetadata {
        description,
        tags,
        default_queue_type,
        tracing,
        protected_from_deletion,
    } in given
    {
        set(&mut metadata.description, description);
        set(&mut metadata.tags, tags);
        set(&mut metadata.tracing, tracing);
        set(
            &mut metadata.protected_from_deletion,
            protected_from_deletion,
        );
        if let Some(queue_type) = default_queue_type {
            metadata.default_queue_type = self::queue_type(queue_type)?;
        }
    }
    Ok(metadata)
}

fn set<T: Clone>(field: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        given.clone_into(field);
    }
}

/// The default type of a vhost's queues.
pub(crate) fn queue_type(text: &str) -> Checked<Option<QueueType>> {
    match text {
        "" | UNDEFINED => Ok(None),
        text => match text.parse() {
            Ok(queue_type) => Ok(Some(queue_type)),
            Err(why) => Err(format!("default_queue_type: {why}, received '{text}'")),
        },
    }
}

pub(super) fn permission(patterns: &Patterns) -> Checked<PermissionSet> {
    let Patterns {
        configure,
        write,
        read,
    } = patterns;
    PermissionSet::parse(configure, write, read).map_err(|why| why.to_string())
}

pub(super) fn topic_permission(
    row: &TopicPermissionEntry,
    vhost: &str,
) -> Checked<TopicPermissionSet> {
    let set = TopicPermissionSet::parse(&row.write, &row.read, &row.user, vhost);
    set.map_err(|why| why.to_string())
}

pub(super) fn policy(policy: PolicyEntry) -> Checked<Policy> {
    let request = PolicyRequest {
        pattern: policy.pattern,
        apply_to: policy.apply_to,
        priority: policy.priority,
        definition: policy.definition,
    };
    let parsed = Policy::parse(PolicyKind::User, &policy.name, request);
    parsed.map_err(|why| why.to_string())
}

/// A queue in a vhost where queues are of `default_type` unless they say otherwise.
pub(super) fn queue(queue: QueueEntry, default_type: QueueType) -> Checked<(String, Declared)> {
    let QueueEntry {
        name,
        durable,
        auto_delete,
        arguments,
        ..
    } = queue;
    let flags = Flags {
        durable: durable.unwrap_or(true),
        exclusive: false,
        auto_delete: auto_delete.unwrap_or(false),
    };
    fits("name", &name)?;
    let arguments = table(arguments)?;
    let declared = Declared::parse(flags, false, arguments, default_type);
    Ok((name, declared.map_err(|why| why.to_string())?))
}

pub(super) fn exchange(exchange: ExchangeEntry) -> Checked<Exchange> {
    fits("name", &exchange.name)?;
    let kind = exchange.kind.parse();
    let kind = kind.map_err(|_| format!("type: unknown exchange type '{}'", exchange.kind))?;
    let exchange = Exchange {
        durable: exchange.durable.unwrap_or(true),
        auto_delete: exchange.auto_delete.unwrap_or(false),
        internal: exchange.internal.unwrap_or(false),
        arguments: table(exchange.arguments)?,
        ..Exchange::new(exchange.name, kind)
    };
    exchange.validate().map_err(|why| why.to_string())?;
    let checked = arguments::check_exchange(&exchange.arguments);
    checked.map_err(|why| why.to_string())?;
    Ok(exchange)
}

pub(super) fn binding(binding: BindingEntry) -> Checked<Binding> {
    for (field, name) in [
        ("source", &binding.source),
        ("destination", &binding.destination),
        ("routing_key", &binding.routing_key),
    ] {
        fits(field, name)?;
    }
    let destination = match binding.destination_type {
        DestinationType::Queue => Destination::Queue(binding.destination.into()),
        DestinationType::Exchange => Destination::Exchange(binding.destination.into()),
    };
    let arguments = table(binding.arguments)?;
    let source = binding.source.into();
    Ok(Binding::new(
        source,
        destination,
        binding.routing_key,
        arguments,
    ))
}

fn fits(field: &str, name: &str) -> Checked<()> {
    match name.len() <= NAME_BYTES {
        true => Ok(()),
        false => Err(format!("{field}: longer than {NAME_BYTES} bytes")),
    }
}

fn table(arguments: Option<Map<String, Json>>) -> Checked<FieldTable> {
    let arguments = to_arguments(&arguments.unwrap_or_default());
    arguments.map_err(|why| format!("arguments: {why}"))
}
