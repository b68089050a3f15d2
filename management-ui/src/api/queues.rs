//! `/api/queues…`

mod numbers;
pub(crate) mod quorum;
mod row;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::CommitPoint;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::arguments::Flags;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::vhost::{DeleteConditions, QueueDeclare, VHost};

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller};
use crate::body::Object;
use crate::catalogue;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::query::Query;
use crate::refusal::Refusal;

/// A vhost and a queue in it.
type InVHost = Names<(String, String)>;

/// `GET /api/queues`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let rows = catalogue::queues(caller.vhosts());
    query.list(&site, rows).await
}

/// `GET /api/queues/detailed`: with every field.
pub(crate) async fn list_detailed(
    caller: Caller,
    State(site): State<Site>,
    mut query: Query,
) -> Answer {
    query.view.detailed = true;
    let rows = catalogue::queues(caller.vhosts());
    query.list(&site, rows).await
}

/// `GET /api/queues/{vhost}`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let rows = catalogue::queues(vec![caller.vhost(&vhost)?]);
    query.list(&site, rows).await
}

/// `GET /api/users/{user}/queues`: what that user declared, as far as the caller sees it.
pub(crate) async fn list_of(
    caller: Caller,
    State(site): State<Site>,
    Names(user): Names<String>,
    query: Query,
) -> Answer {
    let mut rows = catalogue::queues(caller.vhosts()).all();
    rows.retain(|queue| queue.declared.by.as_deref() == Some(&*user));
    query.list(&site, rows).await
}

/// `GET /api/queues/{vhost}/{name}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    mut query: Query,
) -> Result<Response, Refusal> {
    let vhost = caller.vhost(&vhost)?;
    let queue = find(&vhost, &name)?;
    query.view.detailed = true;
    Ok(query.object(row::render_alone(&vhost, &queue, &site, &query.view)))
}

/// `PUT /api/queues/{vhost}/{name}`
///
/// Compat: what the body does not name is false. Nobody's connection declares it, so `exclusive` is checked
/// and then means nothing; so does `node`.
pub(crate) async fn put(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    path::check_name("queue", &name)?;
    let flag = |key| body.flag(key).map(|flag| flag == Some(true));
    flag("exclusive")?;
    let flags = Flags {
        durable: flag("durable")?,
        exclusive: false,
        auto_delete: flag("auto_delete")?,
    };
    let arguments = body.table("arguments")?;
    let existed = vhost.snapshot().queues.contains_key(name.as_str());
    let declare = QueueDeclare {
        name,
        flags,
        arguments,
    };
    let declared = site.work_in(&vhost, |work| {
        vhost.declare_queue(&caller.actor(), declare, work)
    });
    site.committed(declared?.declared_at).await?;
    Ok(answer::put(existed))
}

/// `DELETE /api/queues/{vhost}/{name}?if-empty=true&if-unused=true`
pub(crate) async fn delete(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    query: Query,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    find(&vhost, &name)?;
    let conditions = DeleteConditions {
        if_unused: query.flag("if-unused"),
        if_empty: query.flag("if-empty"),
    };
    let deleted = site.work_in(&vhost, |work| {
        vhost.delete_queue(&caller.actor(), &name, conditions, work)
    });
    let (_, gone_at) = deleted?;
    site.committed(gone_at).await?;
    Ok(answer::done())
}

/// `DELETE /api/queues/{vhost}/{name}/contents`
pub(crate) async fn purge(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    find(&vhost, &name)?;
    site.work_in(&vhost, |work| {
        vhost.purge_queue(&caller.actor(), &name, work)
    })?;
    Ok(answer::done())
}

/// `PUT /api/queues/{vhost}/{name}/pause`: nothing is delivered from now on.
pub(crate) async fn pause(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    find(&vhost, &name)?;
    let paused = site.work_in(&vhost, |work| {
        vhost.pause_queue(&caller.actor(), &name, work)
    });
    committed(&site, paused?).await
}

/// `PUT /api/queues/{vhost}/{name}/resume`
pub(crate) async fn resume(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    find(&vhost, &name)?;
    let resumed = site.work_in(&vhost, |work| {
        vhost.resume_queue(&caller.actor(), &name, work)
    });
    committed(&site, resumed?).await
}

/// `POST /api/queues/{vhost}/{name}/actions`
///
/// Compat: mirrored queues, to which all actions belonged, are gone.
pub(crate) async fn act(
    Administrator(caller): Administrator,
    Names((vhost, name)): InVHost,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    if !vhost.snapshot().queues.contains_key(name.as_str()) {
        return Err(Refusal::missing("queue_not_found"));
    }
    body.require(&["action"])?;
    let action = body.text("action")?.unwrap_or_default();
    Err(Refusal::bad_request(format!("unknown action '{action}'")))
}

async fn committed(site: &Site, point: CommitPoint) -> Answer {
    site.committed(point).await?;
    Ok(answer::done())
}

/// The queue `name`, whoever may use it.
pub(crate) fn find(vhost: &VHost, name: &str) -> Result<Arc<SharedQueue>, Refusal> {
    let snapshot = vhost.snapshot();
    let queue = snapshot.queues.get(name).map(Arc::clone);
    // One that is on its way out shows nothing sensible.
    let queue = queue.filter(|queue| !queue.inspect(Queue::is_deleted));
    queue.ok_or_else(Refusal::not_found)
}
