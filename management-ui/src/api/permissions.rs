//! `/api/permissions`: what users may do in vhosts.

use axum::extract::State;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::users;
use crate::auth::Administrator;
use crate::body::Object;
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/permissions`
pub(crate) async fn list(_: Administrator, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, rows(&site, |_, _| true)).await
}

/// `GET /api/vhosts/{name}/permissions`
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

/// `GET /api/users/{name}/permissions`
pub(crate) async fn of_user(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    users::find(&site, &name)?;
    query.list(&site, rows(&site, |user, _| user == name)).await
}

/// `GET /api/permissions/{vhost}/{user}`
pub(crate) async fn get(
    _: Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let given = site.broker.users().permissions(&user, &vhost);
    let given = given.ok_or_else(Refusal::not_found)?;
    Ok(query.object(shape::permission(&user, &vhost, &given)))
}

/// `PUT /api/permissions/{vhost}/{user}`
pub(crate) async fn put(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
    body: Object,
) -> Answer {
    check(&site, &vhost, &user)?;
    body.require(&["configure", "write", "read"])?;
    let Object(mut permission) = body;
    permission.insert("user".to_owned(), user.into());
    permission.insert("vhost".to_owned(), vhost.into());
    site.put(&caller, json!({ "permissions": [permission] }))
        .await
}

/// `DELETE /api/permissions/{vhost}/{user}`
pub(crate) async fn delete(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, user)): Names<(String, String)>,
) -> Answer {
    let given = site.broker.users().permissions(&user, &vhost);
    given.ok_or_else(Refusal::not_found)?;
    let by = caller.user.name();
    let point = site.broker.clear_permissions(&user, &vhost, by)?;
    site.committed(point).await?;
    Ok(answer::done())
}

/// Permissions are given to somebody, somewhere.
///
/// # Errors
/// 400, in RabbitMQ's words.
pub(super) fn check(site: &Site, vhost: &str, user: &str) -> Result<(), Refusal> {
    match site.broker.vhost(vhost).is_some() && site.broker.users().user(user).is_some() {
        true => Ok(()),
        false => Err(Refusal::bad_request("vhost_or_user_not_found")),
    }
}

/// All permissions of the users and vhosts that are `wanted`, by vhost.
fn rows(site: &Site, wanted: impl Fn(&str, &str) -> bool) -> Vec<Value> {
    let all = site.broker.users();
    let users = all.users();
    let shown = site.vhost_names().into_iter().flat_map(|vhost| {
        let wanted = users.iter().filter(|user| wanted(user.name(), &vhost));
        let rows = wanted.filter_map(|user| {
            let given = all.permissions(user.name(), &vhost)?;
            Some(shape::permission(user.name(), &vhost, &given))
        });
        rows.collect::<Vec<_>>()
    });
    shown.collect()
}
