//! `/api/vhost-limits` and `/api/user-limits`: how much there may be in a vhost, and how much a user may open.

use axum::extract::State;
use ferrymq_broker::limits::{Limit, UserLimits, VHostLimits};
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::users;
use crate::auth::{Administrator, Caller};
use crate::body::JsonObject;
use crate::definitions::shape::as_json;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

const MAX_CONNECTIONS: &str = "max-connections";
const MAX_QUEUES: &str = "max-queues";
const MAX_CHANNELS: &str = "max-channels";

/// The limits that a vhost can have.
pub(crate) const OF_VHOSTS: [&str; 2] = [MAX_CONNECTIONS, MAX_QUEUES];
/// The limits that a user can have.
pub(crate) const OF_USERS: [&str; 2] = [MAX_CONNECTIONS, MAX_CHANNELS];

/// `GET /api/vhost-limits`
pub(crate) async fn of_vhosts(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let vhosts = caller.vhosts();
    let rows = vhosts.iter();
    let rows = rows.filter_map(|vhost| vhost_row(vhost.name(), vhost.limits()));
    query.list(&site, rows.collect::<Vec<_>>()).await
}

/// `GET /api/vhost-limits/{vhost}`
pub(crate) async fn of_vhost(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&name)?;
    let row = vhost_row(&name, vhost.limits());
    query.list(&site, Vec::from_iter(row)).await
}

/// `PUT /api/vhost-limits/{vhost}/{limit}`
pub(crate) async fn put_vhost(
    administrator: Administrator,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    body: JsonObject,
) -> Answer {
    let limit = value(&body)?;
    set_vhost(&administrator, &site, &vhost, &name, limit).await
}

/// `DELETE /api/vhost-limits/{vhost}/{limit}`
pub(crate) async fn delete_vhost(
    administrator: Administrator,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
) -> Answer {
    set_vhost(&administrator, &site, &vhost, &name, Limit(None)).await
}

async fn set_vhost(
    Administrator(caller): &Administrator,
    site: &Site,
    vhost: &str,
    name: &str,
    limit: Limit,
) -> Answer {
    let vhost = site.broker.vhost(vhost).ok_or_else(Refusal::not_found)?;
    let mut limits = vhost.limits();
    let field = match name {
        MAX_CONNECTIONS => &mut limits.max_connections,
        MAX_QUEUES => &mut limits.max_queues,
        other => return Err(unknown(other, MAX_QUEUES)),
    };
    *field = limit;
    let point = vhost.set_limits(limits, caller.user.name());
    site.committed(point).await?;
    Ok(answer::done())
}

/// `GET /api/user-limits`
pub(crate) async fn of_users(_: Administrator, State(site): State<Site>, query: Query) -> Answer {
    let users = site.broker.users().users();
    let rows = users.iter();
    let rows = rows.filter_map(|user| user_row(user.name(), user.limits()));
    query.list(&site, rows.collect::<Vec<_>>()).await
}

/// `GET /api/user-limits/{user}`: one's own, too.
pub(crate) async fn of_user(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    if !caller.may_see_user(&name) {
        return Err(Refusal::not_authorised("Not monitor user"));
    }
    let user = users::find(&site, &name)?;
    let row = user_row(&name, user.limits());
    query.list(&site, Vec::from_iter(row)).await
}

/// `PUT /api/user-limits/{user}/{limit}`
pub(crate) async fn put_user(
    administrator: Administrator,
    State(site): State<Site>,
    Names((user, name)): Names<(String, String)>,
    body: JsonObject,
) -> Answer {
    let limit = value(&body)?;
    set_user(&administrator, &site, &user, &name, limit).await
}

/// `DELETE /api/user-limits/{user}/{limit}`
pub(crate) async fn delete_user(
    administrator: Administrator,
    State(site): State<Site>,
    Names((user, name)): Names<(String, String)>,
) -> Answer {
    set_user(&administrator, &site, &user, &name, Limit(None)).await
}

async fn set_user(
    Administrator(caller): &Administrator,
    site: &Site,
    user: &str,
    name: &str,
    limit: Limit,
) -> Answer {
    let mut limits = users::find(site, user)?.limits();
    let field = match name {
        MAX_CONNECTIONS => &mut limits.max_connections,
        MAX_CHANNELS => &mut limits.max_channels,
        other => return Err(unknown(other, MAX_CHANNELS)),
    };
    *field = limit;
    let by = caller.user.name();
    let point = site.broker.set_user_limits(user, limits, by)?;
    site.committed(point).await?;
    Ok(answer::done())
}

fn value(JsonObject(body): &JsonObject) -> Result<Limit, Refusal> {
    body.require(&["value"])?;
    match body.get("value").and_then(Value::as_i64) {
        Some(value) => Ok(Limit(Some(value))),
        None => Err(Refusal::bad_request("value must be an integer")),
    }
}

fn unknown(name: &str, other: &str) -> Refusal {
    Refusal::bad_request(format!(
        "Unrecognised limit '{name}': it must be '{MAX_CONNECTIONS}' or '{other}'"
    ))
}

/// What a vhost's limits show as; nothing when there are none.
fn vhost_row(vhost: &str, limits: VHostLimits) -> Option<Value> {
    let given = limits != VHostLimits::default();
    given.then(|| json!({ "vhost": vhost, "value": as_json(limits) }))
}

fn user_row(user: &str, limits: UserLimits) -> Option<Value> {
    let given = limits != UserLimits::default();
    given.then(|| json!({ "user": user, "value": as_json(limits) }))
}
