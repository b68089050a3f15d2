//! `/api/channels…`, and the channels of a connection or a vhost.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::clients::ClientChannel;
use ferrymq_broker::clock;
use serde_json::{Map, Value, json};

use super::connections::{self, ConnectionRow};
use super::consumers;
use super::flows::Flows;
use super::sorting::message_field;
use super::time::idle_since;
use super::unacked;
use crate::answer::Answer;
use crate::auth::Caller;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::{Row, SortKey};
use crate::query::{Query, Shown, View};
use crate::refusal::Refusal;
use crate::statistics::{Numbers, OF_CHANNELS, garbage_collection, message_stats};

/// A channel of a connection.
pub(crate) struct ChannelRow {
    name: String,
    channel: Arc<ClientChannel>,
    connection: Arc<ConnectionRow>,
}

/// `GET /api/channels`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let rows = of(connections::visible(&caller, &site, |_| true));
    query.list(&site, rows).await
}

/// `GET /api/vhosts/{vhost}/channels`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    caller.vhost(&vhost)?;
    let connections = connections::visible(&caller, &site, |row| row.vhost() == vhost);
    query.list(&site, of(connections)).await
}

/// `GET /api/connections/{name}/channels`
pub(crate) async fn list_of(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    let connection = connections::find(&caller, &site, &name)?;
    query.list(&site, of(vec![connection])).await
}

/// `GET /api/channels/{name}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Result<Response, Refusal> {
    let row = find(&caller, &site, &name)?;
    let mut shown = row.render(&site, &query.view);
    let consumers = consumers::of_channel(&row.channel, &site, &query.view);
    shown["consumer_details"] = consumers.into();
    let flows = Flows::new(&site, &query.view, row.connection.vhost());
    shown["publishes"] = flows.publishes(&row.channel);
    shown["deliveries"] = flows.deliveries(&row.channel);
    Ok(query.object(shown))
}

/// `PUT /api/channels/{name}`: `{"prefetch": 10}` counts from now on for each consumer of the channel, until the client
/// asks for something else.
pub(crate) async fn put(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    body: Object,
) -> Answer {
    body.require(&["prefetch"])?;
    let row = find(&caller, &site, &name)?;
    connections::require_own(&caller, row.connection.user())?;
    let prefetch = body.integer("prefetch")?.unwrap_or_default();
    let bad = |_| Refusal::bad_request("prefetch must be a whole number from 0 to 65535");
    let prefetch = u16::try_from(prefetch).map_err(bad)?;
    let connection = &row.connection.connection;
    unacked::done(connection.set_prefetch(row.channel.number, prefetch)).await
}

/// `CONNECTION (NUMBER)`
fn find(caller: &Caller, site: &Site, name: &str) -> Result<ChannelRow, Refusal> {
    let split = name
        .strip_suffix(')')
        .and_then(|name| name.rsplit_once(" ("));
    let (connection, number) = split.ok_or_else(Refusal::not_found)?;
    let number = number.parse().map_err(|_| Refusal::not_found())?;
    let connection = connections::find(caller, site, connection)?;
    let channel = connection.connection.channel(number);
    let channel = channel.ok_or_else(Refusal::not_found)?;
    Ok(ChannelRow::new(channel, &Arc::new(connection)))
}

fn of(connections: Vec<ConnectionRow>) -> Vec<ChannelRow> {
    let channels = |connection: ConnectionRow| {
        let connection = Arc::new(connection);
        let channels = connection.connection.channels().into_iter();
        channels.map(move |channel| ChannelRow::new(channel, &connection))
    };
    connections.into_iter().flat_map(channels).collect()
}

impl ChannelRow {
    fn new(channel: Arc<ClientChannel>, connection: &Arc<ConnectionRow>) -> Self {
        Self {
            name: format!("{} ({})", connection.name(), channel.number),
            channel,
            connection: Arc::clone(connection),
        }
    }

    /// For how long its oldest delivery is unacked, in milliseconds; 0: there is none.
    fn oldest_unacked_age(&self) -> u64 {
        match self.channel.oldest_unacked_at.get() {
            0 => 0,
            sent_at => clock::now().as_millis().saturating_sub(sent_at),
        }
    }

    fn show_stats(&self, site: &Site, view: &View, shown: &mut Map<String, Value>) {
        let (activity, history) = (self.channel.counters.read(), &self.channel.history);
        let range = view.ranges.messages;
        let numbers = Numbers::new(site, Shown::within(view, "message_stats"));
        let stats = message_stats(numbers, &activity, OF_CHANNELS, |fields, moments| {
            history.details(fields, moments, range)
        });
        if let Some(stats) = stats {
            shown.insert("message_stats".into(), stats.into_map().into());
        }
        if let Some(since) = idle_since(site, history.changed_at()) {
            shown.insert("idle_since".into(), since.into());
        }
        shown.insert("garbage_collection".into(), garbage_collection());
        let mut numbers = Numbers::new(site, Shown::new(view));
        numbers.add_constant("reductions", 0);
        shown.extend(numbers.into_map());
    }
}

impl Row for ChannelRow {
    fn name(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let (channel, connection) = (&self.channel, &self.connection);
        let activity = channel.counters.read();
        let shown = json!({
            "name": self.name,
            "number": channel.number,
            "connection_details": connection.details(),
            "node": site.node(),
            "user": connection.user(),
            "user_who_performed_action": connection.user(),
            "vhost": connection.vhost(),
            "state": "running",
            "confirm": channel.is_confirming(),
            "transactional": channel.is_transactional(),
            "consumer_count": channel.consumer_count(),
            "prefetch_count": channel.prefetch.get(),
            "global_prefetch_count": channel.global_prefetch.get(),
            "messages_unacknowledged": activity.unacked(),
            "oldest_unacked_age": self.oldest_unacked_age(),
            "messages_unconfirmed": activity.unconfirmed(),
            "messages_uncommitted": channel.uncommitted_messages.get(),
            "acks_uncommitted": channel.uncommitted_acks.get(),
            "pending_raft_commands": 0,
            "cached_segments": 0,
        });
        let Value::Object(mut shown) = shown else {
            unreachable!("an object was written");
        };
        if !view.disable_stats {
            self.show_stats(site, view, &mut shown);
        }
        shown.into()
    }

    fn sort_key(&self, site: &Site, field: &str) -> Option<SortKey> {
        let activity = || self.channel.counters.read();
        if let Some(field) = field.strip_prefix("message_stats.") {
            return message_field(site, OF_CHANNELS, &activity(), &self.channel.history, field);
        }
        Some(match field {
            "name" => self.name.as_str().into(),
            "user" => self.connection.user().into(),
            "vhost" => self.connection.vhost().into(),
            "number" => u64::from(self.channel.number).into(),
            "prefetch_count" => self.channel.prefetch.get().into(),
            "consumer_count" => self.channel.consumer_count().into(),
            "messages_unacknowledged" => activity().unacked().into(),
            "messages_unconfirmed" => activity().unconfirmed().into(),
            "oldest_unacked_age" => self.oldest_unacked_age().into(),
            _ => return None,
        })
    }
}
