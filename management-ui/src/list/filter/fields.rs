//! Short names for fields that are often asked for.

use super::Subject;

const PUBLISH_RATE: &[&str] = &[
    "message_stats.publish_details.rate",
    "message_stats.publish_in_details.rate",
];
const DELIVER_RATE: &[&str] = &[
    "message_stats.deliver_get_details.rate",
    "message_stats.publish_out_details.rate",
];

/// A short name, and the fields that it stands for: an object has one of them.
pub(crate) const ALIASES: &[(&str, &[&str])] = &[
    ("ready", &["messages_ready"]),
    ("unacked", &["messages_unacknowledged"]),
    ("bytes", &["message_bytes"]),
    ("memory", &["memory", "mem_used"]),
    ("rate-in", PUBLISH_RATE),
    ("publish", PUBLISH_RATE),
    ("rate-out", DELIVER_RATE),
    ("deliver", DELIVER_RATE),
    ("ack", &["message_stats.ack_details.rate"]),
    ("redeliver", &["message_stats.redeliver_details.rate"]),
    ("received", &["recv_oct_details.rate"]),
    ("sent", &["send_oct_details.rate"]),
    ("consumers", &["consumers", "consumer_count"]),
    ("prefetch", &["prefetch_count"]),
    ("type", &["type", "destination_type"]),
    ("state", &["state", "activity_status"]),
    ("vhost", &["vhost", "queue.vhost"]),
    ("user", &["user", "channel_details.user", "username"]),
    ("queue", &["queue.name"]),
    ("key", &["routing_key"]),
    ("tag", &["consumer_tag", "tags"]),
    (
        "connection",
        &["connection_details.name", "channel_details.connection_name"],
    ),
    (
        "address",
        &[
            "peer_host",
            "connection_details.peer_host",
            "channel_details.peer_host",
            "remote_address",
        ],
    ),
    (
        "client",
        &[
            "user_provided_name",
            "connection_details.user_provided_name",
            "channel_details.user_provided_name",
            "client_properties.connection_name",
            "client_properties.product",
        ],
    ),
];

/// What `name` means; `None`: it can't be a field's.
pub(super) fn subject(name: &str) -> Option<Subject> {
    let begins = |first: char| first.is_ascii_alphabetic() || first == '_';
    let goes_on = |other: char| other.is_ascii_alphanumeric() || "_-.".contains(other);
    if !name.starts_with(begins) || !name.chars().all(goes_on) {
        return None;
    }
    if name == "name" {
        return Some(Subject::Name);
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    Some(Subject::Field(match alias {
        Some((_, paths)) => paths.iter().map(|path| (*path).to_owned()).collect(),
        None => vec![name.to_owned()],
    }))
}
