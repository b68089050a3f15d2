//! `/api/permissions`: what users may do in vhosts.

use std::sync::Arc;

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
    let (site, users) = (&site, site.broker.users());
    let of_vhost = |vhost: Arc<str>| {
        let names = users.users_of(&vhost).into_iter();
        names.filter_map(move |user| row(site, &user, &vhost))
    };
    let rows = site.vhost_names().into_iter().flat_map(of_vhost);
    query.list(site, rows.collect::<Vec<_>>()).await
}

/// `GET /api/vhosts/{name}/permissions`
pub(crate) async fn of_vhost(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    site.broker.vhost(&name).ok_or_else(Refusal::not_found)?;
    let users = site.broker.users().users_of(&name);
    let rows = users.iter().filter_map(|user| row(&site, user, &name));
    query.list(&site, rows.collect::<Vec<_>>()).await
}

/// `GET /api/users/{name}/permissions`
pub(crate) async fn of_user(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    users::find(&site, &name)?;
    let vhosts = site.broker.users().vhosts_of(&name);
    let rows = vhosts.iter().filter_map(|vhost| row(&site, &name, vhost));
    query.list(&site, rows.collect::<Vec<_>>()).await
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

fn row(site: &Site, user: &str, vhost: &str) -> Option<Value> {
    let given = site.broker.users().permissions(user, vhost)?;
    Some(shape::permission(user, vhost, &given))
}
