//! The document as it was written: sections of objects, each of which is understood, or not, by itself.
//!
//! Sections may be missing, in any order, and beside others that nobody knows; what is no list is left out,
//! as is every key of an object that nobody asks for.

mod objects;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

pub(crate) use objects::{
    BindingEntry, DestinationType, ExchangeEntry, GlobalParameterEntry, ParameterEntry, Patterns,
    PermissionEntry, PolicyEntry, QueueEntry, TopicPermissionEntry, UserEntry, VHostEntry,
    VHostMetadata,
};

/// What many editors put in front of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a document is imported into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The whole broker: every object says in which vhost it belongs.
    Broker,
    /// One vhost, whatever the objects say; users, vhosts and permissions are left out.
    VHost(String),
}

/// A definitions document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The version of RabbitMQ that wrote it, if it says.
    pub(crate) version: Option<String>,
    pub(crate) users: Section<UserEntry>,
    pub(crate) vhosts: Section<VHostEntry>,
    pub(crate) permissions: Section<PermissionEntry>,
    pub(crate) topic_permissions: Section<TopicPermissionEntry>,
    pub(crate) parameters: Section<ParameterEntry>,
    pub(crate) global_parameters: Section<GlobalParameterEntry>,
    pub(crate) policies: Section<PolicyEntry>,
    pub(crate) queues: Section<QueueEntry>,
    pub(crate) exchanges: Section<ExchangeEntry>,
    pub(crate) bindings: Section<BindingEntry>,
}

/// The objects of one kind, in the order of the document.
pub(crate) type Section<T> = Vec<Item<T>>;

/// An object of a document.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) place: Place,
    /// What it says, or why that can't be understood.
    pub(crate) value: Result<T, String>,
}

/// Where in a document an object stands, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) section: &'static str,
    pub(crate) index: usize,
    /// Of the object; of a permission its user, of a binding both ends.
    pub(crate) name: String,
    /// Empty outside vhosts.
    pub(crate) vhost: String,
}

/// The document is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Compat: RabbitMQ's own word comes first.
    #[error("failed_to_parse_json: {0}")]
    NotJson(String),
    #[error("failed_to_parse_json: the document must be an object")]
    NotAnObject,
}

impl Document {
    /// Reads a document that is to be imported into `scope`.
    ///
    /// # Errors
    /// When it is no JSON object. Objects in it that can't be understood say so themselves.
    pub(crate) fn parse(bytes: &[u8], scope: &Scope) -> Result<Self, Unreadable> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() || bytes == b"undefined" || bytes == b"null" {
            return Ok(Self::default());
        }
        let root = serde_json::from_slice(bytes);
        let root = root.map_err(|error| Unreadable::NotJson(error.to_string()))?;
        match root {
            Json::Object(root) => Ok(Self::of(root, scope)),
            _ => Err(Unreadable::NotAnObject),
        }
    }

    /// The document with these sections.
    pub(crate) fn of(mut root: Map<String, Json>, scope: &Scope) -> Self {
        let mut document = Self {
            parameters: section(&mut root, "parameters", scope, "name"),
            policies: section(&mut root, "policies", scope, "name"),
            queues: section(&mut root, "queues", scope, "name"),
            exchanges: section(&mut root, "exchanges", scope, "name"),
            bindings: section(&mut root, "bindings", scope, "source"),
            ..Self::default()
        };
        if *scope == Scope::Broker {
            let versions = ["rabbitmq_version", "rabbit_version"].into_iter();
            document.version = versions
                .filter_map(|key| root.get(key)?.as_str())
                .map(str::to_owned)
                .next();
            document.users = global_section(&mut root, "users");
            document.vhosts = global_section(&mut root, "vhosts");
            document.permissions = section(&mut root, "permissions", scope, "user");
            document.topic_permissions = section(&mut root, "topic_permissions", scope, "user");
            document.global_parameters = global_section(&mut root, "global_parameters");
        }
        document
    }

    /// How many objects there are in each section, in the order in which they are imported.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 10] {
        [
            ("users", self.users.len()),
            ("vhosts", self.vhosts.len()),
            ("permissions", self.permissions.len()),
            ("exchanges", self.exchanges.len()),
            ("topic permissions", self.topic_permissions.len()),
            ("global parameters", self.global_parameters.len()),
            ("policies", self.policies.len()),
            ("parameters", self.parameters.len()),
            ("queues", self.queues.len()),
            ("bindings", self.bindings.len()),
        ]
    }
}

/// A section whose objects belong to no vhost.
fn global_section<T: DeserializeOwned>(
    root: &mut Map<String, Json>,
    name: &'static str,
) -> Section<T> {
    items(root, name)
        .map(|(index, json)| Item {
            place: place(name, index, &json, "name", String::new()),
            value: understand(json),
        })
        .collect()
}

/// A section whose objects each belong to a vhost. `called`: the field that an object is known by.
fn section<T: DeserializeOwned>(
    root: &mut Map<String, Json>,
    name: &'static str,
    scope: &Scope,
    called: &str,
) -> Section<T> {
    items(root, name)
        .map(|(index, json)| {
            let (vhost, found) = match scope {
                Scope::VHost(vhost) => (vhost.clone(), Ok(())),
                Scope::Broker => vhost_of(&json),
            };
            Item {
                place: place(name, index, &json, called, vhost),
                value: found.and_then(|()| understand(json)),
            }
        })
        .collect()
}

fn items(root: &mut Map<String, Json>, name: &str) -> impl Iterator<Item = (usize, Json)> {
    let items = match root.remove(name) {
        Some(Json::Array(items)) => items,
        _ => Vec::new(),
    };
    items.into_iter().enumerate()
}

fn vhost_of(json: &Json) -> (String, Result<(), String>) {
    match json.get("vhost") {
        Some(Json::String(vhost)) => (vhost.clone(), Ok(())),
        Some(_) => (String::new(), Err("vhost: must be a string".to_owned())),
        None => {
            let why = "it has no field `vhost`; a document of one vhost is to be posted to \
                       /api/definitions/{vhost}";
            (String::new(), Err(why.to_owned()))
        }
    }
}

fn place(section: &'static str, index: usize, json: &Json, called: &str, vhost: String) -> Place {
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let name = match section {
        "bindings" => format!("{} -> {}", text("source"), text("destination")),
        _ => text(called).to_owned(),
    };
    Place {
        section,
        index,
        name,
        vhost,
    }
}

/// Reads an object; what is wrong begins with the field.
///
/// # Errors
/// When it is not what it should be.
pub(crate) fn understand<T: DeserializeOwned>(json: Json) -> Result<T, String> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(json, &mut track);
    T::deserialize(deserializer).map_err(|error| match track.path().to_string().as_str() {
        "." => error.to_string(),
        path => format!("{path}: {error}"),
    })
}

impl fmt::Display for Place {
    /// `queues[17] 'orders' in vhost '/'`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] '{}'", self.section, self.index, self.name)?;
        match self.vhost.as_str() {
            "" => Ok(()),
            vhost => write!(f, " in vhost '{vhost}'"),
        }
    }
}
