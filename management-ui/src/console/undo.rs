//! Taking back what was just done: the page that tells of it has a button, which is good once and for this session only.

use axum::response::Response;
use serde_json::Value;

use super::address::Address;
use super::client::{Call, Problem};
use super::form::Submission;

/// More requests than that are not kept.
pub(super) const MAX_CALLS: usize = 1_000;

/// What takes something back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Undo {
    /// Requests to the API.
    pub(crate) calls: Vec<Call>,
    /// What is told afterwards.
    pub(crate) done: String,
}

/// How an action on an object is taken back.
pub(crate) struct Undoing {
    /// The request that tells all about an object, by its key.
    pub(crate) look: fn(&[&str]) -> Call,
    /// The request that brings it back, by its key and what the first one answered.
    pub(crate) call: fn(&[&str], &Value) -> Call,
    /// What is told afterwards: `brought back`.
    pub(crate) done: &'static str,
}

/// `POST /console/undo`
pub(super) async fn undo(submission: Submission) -> Response {
    let to = Address::parse_whole(submission.form.text("from"));
    let done = take_back(&submission).await;
    submission.finish(done, to).await
}

async fn take_back(submission: &Submission) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    let name = form.text("undo");
    let found = visit.console.sessions.take_undo(&visit.session, name);
    let gone = || Problem::bad_request("It can't be taken back any more");
    let Undo { calls, done } = found.ok_or_else(gone)?;
    for call in calls {
        visit.call(call).await?;
    }
    Ok(done)
}
