//! `/api/vhosts`: what they are, not what is in them.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::clock;
use ferrymq_broker::stats::MessageField;
use ferrymq_broker::vhost::{Metadata, VHost};
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller};
use crate::body::Object;
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::list::Row;
use crate::query::{Query, Shown, View};
use crate::refusal::Refusal;
use crate::statistics::{Numbers, OF_CHANNELS, message_stats};

struct VHostRow {
    vhost: Arc<VHost>,
    /// Whom it is open to; administrators see that.
    users: Option<Vec<Arc<str>>>,
}

impl Row for VHostRow {
    fn name(&self) -> Cow<'_, str> {
        self.vhost.name().as_ref().into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let vhost = &self.vhost;
        let metadata = vhost.metadata();
        let default = site.broker.config().default_queue_type;
        let queue_type = metadata.default_queue_type.unwrap_or(default).as_str();
        let mut metadata_shown = shape::metadata(&metadata);
        metadata_shown["default_queue_type"] = queue_type.into();
        let mut shown = json!({
            "name": &**vhost.name(),
            "description": metadata.description,
            "tags": metadata.tags,
            "default_queue_type": queue_type,
            "metadata": metadata_shown,
            "tracing": metadata.tracing,
            "protected_from_deletion": metadata.protected_from_deletion,
            "cluster_state": { site.node(): "running" },
        });
        if let Some(users) = &self.users {
            shown["users"] = users.iter().map(|user| &**user).collect();
        }
        if let Value::Object(shown) = &mut shown
            && !view.disable_stats
        {
            shown.extend(numbers(site, vhost, view));
        }
        shown
    }
}

impl VHostRow {
    fn new(vhost: Arc<VHost>, caller: &Caller, site: &Site) -> Self {
        let users = site.broker.users();
        let users = caller
            .is_administrator()
            .then(|| users.users_of(vhost.name()));
        Self { vhost, users }
    }
}

/// What is in it, and open in it.
fn object_totals(vhost: &VHost) -> Value {
    let usage = vhost.usage();
    json!({
        "queues": vhost.snapshot().queues.len(),
        "connections": usage.connections.count(),
        "channels": usage.channels.count(),
        "consumers": usage.consumers.count(),
    })
}

/// How many messages its queues held at the last tick, what went over its connections until then, and what has
/// happened to messages in it.
fn numbers(site: &Site, vhost: &VHost, view: &View) -> Map<String, Value> {
    let sums = vhost.queue_sums();
    let mut numbers = Numbers::new(site, Shown::new(view));
    for (name, number, fields) in [
        ("messages", sums.messages(), &MessageField::HELD[..]),
        ("messages_ready", sums.ready, &[MessageField::Ready]),
        (
            "messages_unacknowledged",
            sums.unacked,
            &[MessageField::Unacked],
        ),
    ] {
        let range = view.ranges.lengths;
        numbers.add(name, number, |moments| {
            vhost.history.details(fields, moments, range)
        });
    }
    let traffic = vhost.traffic().get();
    let range = view.ranges.data;
    numbers.add_traffic(&traffic, |fields, moments| {
        vhost.traffic_history.details(fields, moments, range)
    });
    let mut numbers = numbers.into_map();
    numbers.insert("object_totals".to_owned(), object_totals(vhost));
    let activity = vhost.totals().read();
    let range = view.ranges.messages;
    let happened = Numbers::new(site, Shown::within(view, "message_stats"));
    let stats = message_stats(happened, &activity, OF_CHANNELS, |fields, moments| {
        vhost.history.details(fields, moments, range)
    });
    if let Some(stats) = stats {
        numbers.insert("message_stats".to_owned(), stats.into_map().into());
    }
    numbers
}

/// `GET /api/vhosts`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let vhosts = caller.vhosts().into_iter();
    let rows = vhosts.map(|vhost| VHostRow::new(vhost, &caller, &site));
    let rows: Vec<_> = rows.collect();
    query.list(&site, rows).await
}

/// `GET /api/vhosts/{name}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&name)?;
    let row = VHostRow::new(vhost, &caller, &site);
    Ok(query.object(row.render(&site, &query.view)))
}

/// `PUT /api/vhosts/{name}`. What the body does not mention stays.
pub(crate) async fn put(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    Object(mut vhost): Object,
) -> Answer {
    // A longer one no client could open.
    path::check_name("vhost", &name)?;
    // Compat: an older spelling.
    if let Some(queue_type) = vhost.remove("defaultqueuetype") {
        vhost.entry("default_queue_type").or_insert(queue_type);
    }
    vhost.insert("name".to_owned(), name.as_str().into());
    let mut sections = json!({ "vhosts": [vhost] });
    let user = caller.user.name();
    if site.broker.vhost(&name).is_none() && site.broker.users().user(user).is_some() {
        // Compat: who makes a vhost may do everything in it.
        let mut all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        all["user"] = user.into();
        all["vhost"] = name.into();
        sections["permissions"] = json!([all]);
    }
    site.put(&caller, sections).await
}

/// `DELETE /api/vhosts/{name}`
pub(crate) async fn delete(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    let by = caller.user.name().to_owned();
    let broker = Arc::clone(&site.broker);
    // With very many queues in it that takes a while.
    let point = site
        .aside(move || broker.delete_vhost(&name, &by, clock::now()))
        .await??;
    site.committed(point).await?;
    Ok(answer::done())
}

/// `POST /api/vhosts/{name}/deletion/protection`
pub(crate) async fn protect(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    set_protected(&site, &name, true).await
}

/// `DELETE /api/vhosts/{name}/deletion/protection`
pub(crate) async fn unprotect(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    set_protected(&site, &name, false).await
}

async fn set_protected(site: &Site, name: &str, protected: bool) -> Answer {
    let vhost = site.broker.vhost(name).ok_or_else(Refusal::not_found)?;
    let metadata = Metadata::clone(&vhost.metadata());
    let point = vhost.set_metadata(Metadata {
        protected_from_deletion: protected,
        ..metadata
    });
    site.committed(point).await?;
    Ok(answer::done())
}

/// `POST /api/vhosts/{name}/start/{node}`: a vhost of this node always runs.
pub(crate) async fn start(
    _: Administrator,
    State(site): State<Site>,
    Names((name, node)): Names<(String, String)>,
) -> Answer {
    site.broker.vhost(&name).ok_or_else(Refusal::not_found)?;
    match node == site.node() {
        true => Ok(answer::done()),
        false => Err(Refusal::bad_request(format!("there is no node '{node}'"))),
    }
}
