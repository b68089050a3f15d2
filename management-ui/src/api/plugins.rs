//! Lists of RabbitMQ's plugins that this broker has nothing for: shovels, federation links, connections of the
//! stream protocol. They are empty, so that tools that ask for all of them go on.

use std::borrow::Cow;

use axum::extract::State;
use serde_json::Value;

use crate::answer::Answer;
use crate::auth::{Caller, Monitoring};
use crate::http::Site;
use crate::http::path::Names;
use crate::list::Row;
use crate::query::{Query, View};
use crate::refusal::Refusal;

/// A row of such a list: there is none.
enum Nothing {}

impl Row for Nothing {
    fn name(&self) -> Cow<'_, str> {
        match *self {}
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        match *self {}
    }
}

/// Shovels or links, all of them.
pub(crate) async fn links(_: Monitoring, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, Vec::<Nothing>::new()).await
}

/// Those of a vhost.
pub(crate) async fn links_in(
    Monitoring(caller): Monitoring,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    caller.vhost(&vhost)?;
    query.list(&site, Vec::<Nothing>::new()).await
}

/// One of them, to be looked at, restarted or deleted.
pub(crate) async fn link(_: Monitoring) -> Refusal {
    Refusal::not_found()
}

/// Connections, publishers or consumers of the stream protocol, all of them.
pub(crate) async fn streams(_: Caller, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, Vec::<Nothing>::new()).await
}

/// Those of a vhost, which comes first in the path, or of something in it.
pub(crate) async fn streams_in(
    caller: Caller,
    State(site): State<Site>,
    Names(names): Names<Vec<String>>,
    query: Query,
) -> Answer {
    caller.vhost(names.first().map_or("", String::as_str))?;
    query.list(&site, Vec::<Nothing>::new()).await
}

/// One of them, to be looked at or closed.
pub(crate) async fn stream(_: Caller) -> Refusal {
    Refusal::not_found()
}

/// `PUT /api/stream/super-streams/{vhost}/{name}`
pub(crate) async fn super_stream(_: Caller) -> Refusal {
    Refusal::bad_request("super streams are not supported")
}
