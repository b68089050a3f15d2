//! What handlers answer with.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ferrymq_broker::CommitPoint;
use serde_json::Value;

use crate::auth::Caller;
use crate::definitions;
use crate::http::Site;
use crate::refusal::Refusal;

/// What every handler gives.
pub(crate) type Answer = Result<Response, Refusal>;

/// 200 with an object, a list, or a number.
pub(crate) fn json(value: impl Into<Value>) -> Response {
    Json(value.into()).into_response()
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
