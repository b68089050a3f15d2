//! `/api/topic-permissions`: which routing keys users may use with topic exchanges.

use axum::extract::State;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::{permissions, users};
use crate::auth::{Administrator, Caller};
use crate::body::Object;
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/topic-permissions`
pub(crate) async fn list(_: Administrator, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, rows(&site, |_, _| true)).await
}

/// `GET /api/vhosts/{name}/topic-permissions`
pub(crate) async fn of_vhost(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    site.broker.vhost(&name).ok_or_else(Refusal::not_found)?;
    query
        .list(&site, rows(&site, |_, vhost| vhost == name))
        .await
}

/// `GET /api/users/{name}/topic-permissions`
pub(crate) async fn of_user(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    users::find(&site, &name)?;
    query.list(&site, rows(&site, |user, _| user == name)).await
}

/// `GET /api/topic-permissions/{vhost}/{user}`: a list, by exchange.
pub(crate) async fn get(
    _: Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
    query: Query,
) -> Answer {
    require(&site, &vhost, &user)?;
    let found = rows(&site, |found, place| found == user && place == vhost);
    query.list(&site, found).await
}

/// `PUT /api/topic-permissions/{vhost}/{user}`
pub(crate) async fn put(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
    body: Object,
) -> Answer {
    permissions::check(&site, &vhost, &user)?;
    body.require(&["exchange", "write", "read"])?;
    let Object(mut permission) = body;
    permission.insert("user".to_owned(), user.into());
    permission.insert("vhost".to_owned(), vhost.into());
    site.put(&caller, json!({ "topic_permissions": [permission] }))
        .await
}

/// `DELETE /api/topic-permissions/{vhost}/{user}`: for all exchanges.
pub(crate) async fn delete(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
) -> Answer {
    clear(&site, &caller, &vhost, &user, None).await
}

/// `DELETE /api/topic-permissions/{vhost}/{user}/{exchange}`
pub(crate) async fn delete_one(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, user, exchange)): Names<(String, String, String)>,
) -> Answer {
    clear(&site, &caller, &vhost, &user, Some(&exchange)).await
}

async fn clear(
    site: &Site,
    caller: &Caller,
    vhost: &str,
    user: &str,
    exchange: Option<&str>,
) -> Answer {
    require(site, vhost, user)?;
    let by = caller.user.name();
    let cleared = site
        .broker
        .clear_topic_permissions(user, vhost, exchange, by);
    site.committed(cleared?).await?;
    Ok(answer::done())
}

/// 404 when there is no such user or vhost.
fn require(site: &Site, vhost: &str, user: &str) -> Result<(), Refusal> {
    permissions::check(site, vhost, user).map_err(|_| Refusal::not_found())
}

/// All topic permissions of the users and vhosts that are `wanted`, by vhost.
fn rows(site: &Site, wanted: impl Fn(&str, &str) -> bool) -> Vec<Value> {
    let all = site.broker.users();
    let users = all.users();
    let shown = site.vhost_names().into_iter().flat_map(|vhost| {
        let wanted = users.iter().filter(|user| wanted(user.name(), &vhost));
        let rows = wanted.flat_map(|user| {
            let given = all.topic_permissions(user.name(), &vhost).into_iter();
            given
                .map(|(exchange, set)| {
                    shape::topic_permission(user.name(), &vhost, &exchange, &set)
                })
                .collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>()
    });
    shown.collect()
}
