//! What handlers answer with.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrymq_broker::CommitPoint;
use serde_json::Value;

use crate::auth::Caller;
use crate::definitions;
use crate::http::Site;
use crate::refusal::Refusal;

/// What every handler gives.
pub(crate) type Answer = Result<Response, Refusal>;

/// What an answer says, until somebody writes it down.
#[derive(Clone)]
struct Unwritten(Value);

/// 200 with an object, a list, or a number. It stays a value as long as the answer does not leave the process.
pub(crate) fn json(value: impl Into<Value>) -> Response {
    let mut response = Response::default();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.extensions_mut().insert(Unwritten(value.into()));
    response
}

/// What an answer says, if nobody has written it down yet.
pub(crate) fn take(response: &mut Response) -> Option<Value> {
    let Unwritten(value) = response.extensions_mut().remove()?;
    Some(value)
}

/// Writes down what an answer says.
pub(crate) async fn write(mut response: Response) -> Response {
    if let Some(value) = take(&mut response) {
        let text = serde_json::to_vec(&value).expect("writing JSON to memory can't fail");
        *response.body_mut() = Body::from(text);
        // It was that of no text.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// 204: done, nothing to say.
pub(crate) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// What a `PUT` answers: 201 when it created something, 204 when that was there.
pub(crate) fn put(existed: bool) -> Response {
    match existed {
        true => done(),
        false => StatusCode::CREATED.into_response(),
    }
}

impl Site {
    /// Waits until what was done is on disk, as far as it is ever to be. What changes something durable
    /// answers after this.
    ///
    /// # Errors
    /// 503 when the store has failed.
    pub(crate) async fn committed(&self, point: CommitPoint) -> Result<(), Refusal> {
        match self.broker.committed(point).await {
            true => Ok(()),
            false => Err(Refusal::store_failed()),
        }
    }

    /// Sets an object by the rules of definitions, and with it what else the document `sections` holds, on
    /// behalf of `caller`.
    ///
    /// # Errors
    /// 400 when it can't be, 503 when the store has failed.
    pub(crate) async fn put(&self, caller: &Caller, sections: Value) -> Answer {
        let Value::Object(sections) = sections else {
            unreachable!("a document is an object");
        };
        let (broker, by) = (Arc::clone(&self.broker), caller.user.name().to_owned());
        let set = self.aside(move || definitions::put(&broker, sections, &by));
        let set = set.await??;
        self.committed(set.point).await?;
        Ok(put(set.existed))
    }

    /// The names of all vhosts, sorted.
    pub(crate) fn vhost_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.broker.vhosts().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
