//! `GET /api/events`: what happens in the broker, as server-sent events.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use ferrymq_broker::events::Occurrence;
use ferrymq_broker::json;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::auth::Monitoring;
use crate::event_log::{Entry, EventId, Follower};
use crate::http::Site;
use crate::query::Query;
use crate::sse::{self, End, Source};

/// What a client sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// Events on their way to one reader.
struct Events {
    site: Site,
    caller: Monitoring,
    follower: Follower,
    wanted: Wanted,
}

/// Which events a reader wants.
#[derive(Debug, Default)]
struct Wanted {
    /// Types, or what they begin with; none: all.
    types: Vec<String>,
    vhost: Option<String>,
}

/// `GET /api/events?types=queue,connection.created&vhost=%2F`
pub(crate) async fn stream(
    caller: Monitoring,
    State(site): State<Site>,
    headers: HeaderMap,
    query: Query,
) -> Answer {
    let permit = site.streams.open()?;
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let last = last.or(query.get("last_event_id"));
    let after = last.map(|last| {
        let id = EventId::parse(last);
        // Of another start: everything that is remembered is new.
        id.and_then(|id| id.number_since(site.started)).unwrap_or(0)
    });
    let events = Events {
        follower: site.event_log.follow(&site.broker, after),
        wanted: Wanted::of(&query),
        site: site.clone(),
        caller,
    };
    Ok(sse::answer(&site, permit, events))
}

impl Wanted {
    fn of(query: &Query) -> Self {
        let types = query.get("types").unwrap_or_default().split(',');
        let types = types.map(str::trim).filter(|kind| !kind.is_empty());
        let vhost = query.get("vhost").filter(|vhost| !vhost.is_empty());
        Self {
            types: types.map(str::to_owned).collect(),
            vhost: vhost.map(str::to_owned),
        }
    }

    fn has_type(&self, kind: &str) -> bool {
        let begins = |wanted: &String| {
            let rest = kind.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.types.is_empty() || self.types.iter().any(begins)
    }

    fn has_vhost(&self, kind: &str, fields: &Map<String, Value>) -> bool {
        let Some(vhost) = &self.vhost else {
            return true;
        };
        let field = match fields.get("vhost") {
            None if kind.starts_with("vhost.") => fields.get("name"),
            found => found,
        };
        field.and_then(Value::as_str) == Some(vhost)
    }

    /// The event as it is sent, if it is wanted.
    fn shown(&self, occurrence: &Occurrence) -> Option<(&'static str, Value)> {
        let kind = occurrence.event.routing_key();
        if !self.has_type(kind) {
            return None;
        }
        let fields = json::from_table(&occurrence.event.headers().into_table());
        if !self.has_vhost(kind, &fields) {
            return None;
        }
        let shown = serde_json::json!({
            "event": kind,
            "timestamp": occurrence.at.as_millis(),
            "fields": fields,
        });
        Some((kind, shown))
    }
}

impl Source for Events {
    async fn next(&mut self) -> Result<Event, End> {
        loop {
            match self.follower.next().await {
                Entry::Lost(count) => {
                    return Ok(sse::event("lost", &serde_json::json!({ "lost": count })));
                }
                Entry::Event(number, occurrence) => {
                    if let Some((kind, data)) = self.wanted.shown(&occurrence) {
                        let id = EventId::new(self.site.started, number);
                        return Ok(sse::event(kind, &data).id(id.to_string()));
                    }
                }
            }
        }
    }

    fn is_allowed(&self) -> bool {
        let Monitoring(caller) = &self.caller;
        let users = self.site.broker.users();
        sse::is_current(&self.site, &caller.user)
            && users
                .user(caller.user.name())
                .is_none_or(|user| user.has_tag("administrator") || user.has_tag("monitoring"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, kind: &str, vhost: &str, wanted: bool) {
        let query = Query::parse(query).unwrap();
        let filter = Wanted::of(&query);
        let field = match kind.starts_with("vhost.") {
            true => "name",
            false => "vhost",
        };
        let fields = Map::from_iter([(field.to_owned(), Value::from(vhost))]);
        let found = filter.has_type(kind) && filter.has_vhost(kind, &fields);
        assert_eq!(found, wanted, "{query:?} {kind} {vhost}");
    }

    #[test]
    fn readers_get_what_they_want() {
        check("", "queue.created", "/", true);
        check("types=queue", "queue.created", "/", true);
        check("types=queue.created", "queue.created", "/", true);
        check("types=queue.cre", "queue.created", "/", false);
        check("types=user,%20queue", "queue.deleted", "/", true);
        check("types=user", "queue.deleted", "/", false);
        check("vhost=%2F", "queue.deleted", "/", true);
        check("vhost=v", "queue.deleted", "/", false);
        check("vhost=v", "vhost.created", "v", true);
        check("types=vhost&vhost=w", "vhost.created", "v", false);
    }
}
