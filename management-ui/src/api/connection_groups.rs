//! `/api/connection-groups`: who is connected how often, by user, application or host.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use ferrymq_broker::clients;
use ferrymq_broker::stats::TrafficField;
use serde_json::{Value, json};

use super::connections::{self, ConnectionRow};
use crate::answer::Answer;
use crate::auth::Caller;
use crate::http::Site;
use crate::list::{Row, SortKey};
use crate::query::{Query, View};
use crate::refusal::Refusal;

/// What connections can be grouped by, and what they have in common then.
type Key = fn(&ConnectionRow) -> Option<String>;
const KEYS: [(&str, Key); 3] = [
    ("user", |row| Some(row.user().to_owned())),
    ("product", |row| row.product().map(str::to_owned)),
    ("peer_host", |row| Some(row.peer_host())),
];

/// Connections that have something in common.
struct Group {
    by: &'static str,
    /// What they have in common; `None`: that they do not say it.
    name: Option<String>,
    connections: usize,
    blocked: usize,
    channels: usize,
    received: f64,
    sent: f64,
}

/// `GET /api/connection-groups?by=…`: of one's own connections, or everybody's for those who may monitor.
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let by = query.get("by").unwrap_or(KEYS[0].0);
    let known = KEYS.iter().find(|(name, _)| *name == by);
    let Some((by, key)) = known.copied() else {
        let names = KEYS.map(|(name, _)| name).join(", ");
        let reason = format!("by must be one of {names}");
        return Err(Refusal::bad_request(reason));
    };
    let mut groups: BTreeMap<Option<String>, Group> = BTreeMap::new();
    for row in connections::visible(&caller, &site, |_| true) {
        let name = key(&row);
        let group = groups.entry(name.clone());
        let group = group.or_insert_with(|| Group::new(by, name));
        group.add(&site, &row);
    }
    let groups: Vec<_> = groups.into_values().collect();
    query.list(&site, groups).await
}

impl Group {
    fn new(by: &'static str, name: Option<String>) -> Self {
        Self {
            by,
            name,
            connections: 0,
            blocked: 0,
            channels: 0,
            received: 0.0,
            sent: 0.0,
        }
    }

    fn add(&mut self, site: &Site, row: &ConnectionRow) {
        let connection = &row.connection;
        self.connections += 1;
        self.blocked += usize::from(connection.state() == clients::State::Blocked);
        self.channels += connection.channel_count();
        let statistics = site.broker.statistics();
        if statistics.has_rates() {
            let history = &connection.history;
            let rate = |field| history.details(&[field], statistics.moments(), None).rate;
            self.received += rate(TrafficField::Received);
            self.sent += rate(TrafficField::Sent);
        }
    }
}

impl Row for Group {
    fn name(&self) -> Cow<'_, str> {
        self.name.as_deref().unwrap_or_default().into()
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        json!({
            "by": self.by,
            "name": self.name,
            "connections": self.connections,
            "blocked": self.blocked,
            "channels": self.channels,
            "recv_oct_details": { "rate": self.received },
            "send_oct_details": { "rate": self.sent },
        })
    }

    fn sort_key(&self, _: &Site, field: &str) -> Option<SortKey> {
        Some(match field {
            "name" => self.name.as_deref().into(),
            "connections" => self.connections.into(),
            "blocked" => self.blocked.into(),
            "channels" => self.channels.into(),
            _ => return None,
        })
    }
}
