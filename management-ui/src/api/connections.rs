//! `/api/connections…`: who is connected over AMQP.

mod row;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ferrymq_broker::clients::ClientConnection;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::Names;
use crate::list::Row;
use crate::query::{Query, View};
use crate::refusal::Refusal;

pub(crate) use row::ConnectionRow;

/// Why a connection ends, where nobody says.
const DEFAULT_REASON: &str = "Closed via management plugin";
/// The header with another reason.
const REASON: &str = "x-reason";

/// `GET /api/connections`: one's own, or everybody's for those who may monitor.
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let rows = visible(&caller, &site, |_| true);
    query.list(&site, rows).await
}

/// `GET /api/vhosts/{vhost}/connections`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    caller.vhost(&vhost)?;
    let rows = visible(&caller, &site, |row| row.vhost() == vhost);
    query.list(&site, rows).await
}

/// `GET /api/connections/{name}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Result<Response, Refusal> {
    let row = find(&caller, &site, &name)?;
    Ok(query.object(row.render(&site, &query.view)))
}

/// `DELETE /api/connections/{name}`: has it closed, for the reason in the header `X-Reason`.
pub(crate) async fn delete(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
    headers: HeaderMap,
) -> Answer {
    let row = find(&caller, &site, &name)?;
    require_own(&caller, row.user())?;
    row.connection.close(&reason(&headers));
    Ok(answer::done())
}

/// `GET /api/connections/username/{user}`
pub(crate) async fn list_of_user(
    caller: Caller,
    State(site): State<Site>,
    Names(user): Names<String>,
    query: Query,
) -> Answer {
    require_visible(&caller, &user)?;
    let rows = visible(&caller, &site, |row| row.user() == user);
    let rows: Vec<_> = rows.into_iter().map(Brief).collect();
    query.list(&site, rows).await
}

/// `DELETE /api/connections/username/{user}`
pub(crate) async fn delete_of_user(
    caller: Caller,
    State(site): State<Site>,
    Names(user): Names<String>,
    headers: HeaderMap,
) -> Answer {
    require_own(&caller, &user)?;
    let reason = reason(&headers);
    for row in visible(&caller, &site, |row| row.user() == user) {
        row.connection.close(&reason);
    }
    Ok(answer::done())
}

/// `GET /api/connections/{name}/sessions`: AMQP 1.0 only.
pub(crate) async fn sessions(
    caller: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    find(&caller, &site, &name)?;
    Ok(answer::json(json!([])))
}

/// The connection `name`, if the caller may see it.
///
/// # Errors
/// 404 when there is none, 401 when it is somebody else's.
pub(super) fn find(caller: &Caller, site: &Site, name: &str) -> Result<ConnectionRow, Refusal> {
    let connection = site.broker.clients().find(name);
    let row = connection.and_then(ConnectionRow::new);
    let row = row.ok_or_else(Refusal::not_found)?;
    require_visible(caller, row.user())?;
    Ok(row)
}

/// The connections that the caller sees and `wanted` accepts, by name.
pub(super) fn visible(
    caller: &Caller,
    site: &Site,
    wanted: impl Fn(&ConnectionRow) -> bool,
) -> Vec<ConnectionRow> {
    let all: Vec<Arc<ClientConnection>> = site.broker.clients().all();
    let rows = all.into_iter().filter_map(ConnectionRow::new);
    let seen = |row: &ConnectionRow| {
        caller.may_see_user(row.user()) && caller.asks_about(row.vhost()) && wanted(row)
    };
    let mut rows: Vec<_> = rows.filter(seen).collect();
    rows.sort_unstable_by(|a, b| (a.vhost(), a.name()).cmp(&(b.vhost(), b.name())));
    rows
}

fn require_visible(caller: &Caller, user: &str) -> Result<(), Refusal> {
    match caller.may_see_user(user) {
        true => Ok(()),
        false => Err(Refusal::not_authorised(
            "User not authorised to access object",
        )),
    }
}

pub(super) fn require_own(caller: &Caller, user: &str) -> Result<(), Refusal> {
    match caller.is_administrator() || caller.user.name() == user {
        true => Ok(()),
        false => Err(Refusal::not_authorised("Not administrator user")),
    }
}

fn reason(headers: &HeaderMap) -> String {
    let given = headers.get(REASON);
    let given = given.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let given = given.filter(|reason| !reason.is_empty());
    given.unwrap_or_else(|| DEFAULT_REASON.to_owned())
}

/// A connection in few words.
struct Brief(ConnectionRow);

impl Row for Brief {
    fn name(&self) -> Cow<'_, str> {
        self.0.name()
    }

    fn render(&self, site: &Site, _: &View) -> Value {
        json!({
            "name": self.0.name(),
            "vhost": self.0.vhost(),
            "user": self.0.user(),
            "node": site.node(),
        })
    }
}
