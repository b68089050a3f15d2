//! `/api/users`: who may log in.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::auth::User;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::Administrator;
use crate::body::Object;
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::Row;
use crate::query::{Query, View};
use crate::refusal::Refusal;

struct UserRow(Arc<User>);

impl Row for UserRow {
    fn name(&self) -> Cow<'_, str> {
        self.0.name().into()
    }

    fn render(&self, site: &Site, _: &View) -> Value {
        shown(site, &self.0)
    }
}

/// A user, the vhosts that are open to it, and when it last logged in.
fn shown(site: &Site, user: &User) -> Value {
    let mut shown = shape::user(user);
    let users = site.broker.users();
    let vhosts = users.vhosts_of(user.name());
    shown["vhosts"] = vhosts.iter().map(|vhost| &**vhost).collect();
    if let Some(at) = users.last_login(user.name()) {
        shown["last_login"] = at.as_millis().into();
    }
    shown
}

/// `GET /api/users`
pub(crate) async fn list(_: Administrator, State(site): State<Site>, query: Query) -> Answer {
    let users = site.broker.users().users();
    show(&site, query, users).await
}

/// `GET /api/users/without-permissions`
pub(crate) async fn without_permissions(
    _: Administrator,
    State(site): State<Site>,
    query: Query,
) -> Answer {
    let users = site.broker.users();
    let vhosts = site.broker.vhosts();
    let mut found = users.users();
    found.retain(|user| {
        let mut names = vhosts.keys();
        names.all(|vhost| users.permissions(user.name(), vhost).is_none())
    });
    show(&site, query, found).await
}

async fn show(site: &Site, query: Query, users: Vec<Arc<User>>) -> Answer {
    let rows: Vec<_> = users.into_iter().map(UserRow).collect();
    query.list(site, rows).await
}

/// `GET /api/users/{name}`
pub(crate) async fn get(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    let user = find(&site, &name)?;
    Ok(query.object(shown(&site, &user)))
}

/// `PUT /api/users/{name}`
pub(crate) async fn put(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
    Object(mut user): Object,
) -> Answer {
    user.insert("name".to_owned(), name.into());
    site.put(&caller, json!({ "users": [user] })).await
}

/// `DELETE /api/users/{name}`
pub(crate) async fn delete(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    find(&site, &name)?;
    let point = site.broker.delete_user(&name, caller.user.name())?;
    site.committed(point).await?;
    Ok(answer::done())
}

/// `POST /api/users/bulk-delete`: those who are there.
pub(crate) async fn bulk_delete(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    body: Object,
) -> Answer {
    body.require(&["users"])?;
    let refusal = || Refusal::bad_request("users must be a list of names");
    let names = body.get("users").and_then(Value::as_array);
    let names = names.ok_or_else(refusal)?.iter().map(Value::as_str);
    let names: Vec<&str> = names.collect::<Option<_>>().ok_or_else(refusal)?;
    let mut last = None;
    for name in names {
        // Whoever is gone already need not be deleted.
        last = site
            .broker
            .delete_user(name, caller.user.name())
            .ok()
            .max(last);
    }
    if let Some(point) = last {
        site.committed(point).await?;
    }
    Ok(answer::done())
}

/// The user `name`.
///
/// # Errors
/// 404 when there is none.
pub(super) fn find(site: &Site, name: &str) -> Result<Arc<User>, Refusal> {
    site.broker
        .users()
        .user(name)
        .ok_or_else(Refusal::not_found)
}
