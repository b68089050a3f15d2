//! The objects of a document, field by field, as leniently as brokers have written them.

use std::collections::BTreeMap;

use ferrymq_broker::limits::{UserLimits, VHostLimits};
use ferrymq_broker::policy::ApplyTo;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

#[derive(Debug, Deserialize)]
pub(crate) struct UserEntry {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) password_hash: Option<String>,
    #[serde(default)]
    pub(crate) hashing_algorithm: Option<String>,
    /// `None`: the oldest format, which has `administrator` instead.
    #[serde(default, deserialize_with = "words")]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) administrator: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) limits: Option<UserLimits>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) permissions: Option<BTreeMap<String, Patterns>>,
}

/// What a user may do in a vhost.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Patterns {
    pub(crate) configure: String,
    pub(crate) write: String,
    pub(crate) read: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct VHostEntry {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "object")]
    pub(crate) limits: Option<VHostLimits>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) metadata: Option<VHostMetadata>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "words")]
    tags: Option<Vec<String>>,
    #[serde(default)]
    default_queue_type: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    tracing: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    protected_from_deletion: Option<bool>,
}

impl VHostEntry {
    /// What older versions write beside `metadata`; it counts more.
    pub(crate) fn beside(&self) -> VHostMetadata {
        VHostMetadata {
            description: self.description.clone(),
            tags: self.tags.clone(),
            default_queue_type: self.default_queue_type.clone(),
            tracing: self.tracing,
            protected_from_deletion: self.protected_from_deletion,
        }
    }
}

/// What is known about a vhost.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct VHostMetadata {
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) default_queue_type: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) tracing: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) protected_from_deletion: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PermissionEntry {
    pub(crate) user: String,
    configure: String,
    write: String,
    read: String,
}

impl PermissionEntry {
    pub(crate) fn patterns(&self) -> Patterns {
        Patterns {
            configure: self.configure.clone(),
            write: self.write.clone(),
            read: self.read.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct TopicPermissionEntry {
    pub(crate) user: String,
    pub(crate) exchange: String,
    pub(crate) write: String,
    pub(crate) read: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ParameterEntry {
    pub(crate) component: String,
    pub(crate) name: String,
    pub(crate) value: Json,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GlobalParameterEntry {
    pub(crate) name: String,
    pub(crate) value: Json,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PolicyEntry {
    pub(crate) name: String,
    pub(crate) pattern: String,
    #[serde(rename = "apply-to", default)]
    pub(crate) apply_to: ApplyTo,
    #[serde(default)]
    pub(crate) priority: i64,
    pub(crate) definition: Map<String, Json>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct QueueEntry {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) durable: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) auto_delete: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) exclusive: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) arguments: Option<Map<String, Json>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExchangeEntry {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) durable: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) auto_delete: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) internal: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) arguments: Option<Map<String, Json>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct BindingEntry {
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) destination_type: DestinationType,
    #[serde(default)]
    pub(crate) routing_key: String,
    #[serde(default, deserialize_with = "object")]
    pub(crate) arguments: Option<Map<String, Json>>,
}

/// What a binding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DestinationType {
    Queue,
    Exchange,
}

/// A list of words, or the words in a text between commas.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let trimmed = |words: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let words = words.map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(trimmed(&mut text.split(',')))),
        Json::Array(list) if list.iter().all(Json::is_string) => {
            Ok(Some(trimmed(&mut list.iter().filter_map(Json::as_str))))
        }
        _ => Err(D::Error::custom("must be a list of strings, or a string")),
    }
}

/// A boolean, or its name.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(None),
        Json::Bool(flag) => Ok(Some(flag)),
        Json::String(text) if text == "true" || text == "false" => Ok(Some(text == "true")),
        _ => Err(D::Error::custom("must be a boolean")),
    }
}

/// An object; nothing for an empty list, which is how some brokers write an empty object.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(None),
        Json::Array(list) if list.is_empty() => Ok(None),
        json @ Json::Object(_) => match T::deserialize(json) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(D::Error::custom(error)),
        },
        _ => Err(D::Error::custom("must be an object")),
    }
}
