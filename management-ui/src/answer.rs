//! What handlers answer with.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ferrymq_broker::CommitPoint;
use serde_json::Value;
use tokio::sync::Notify;

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
        let store = self.broker.store();
        let reached = Arc::new(Notify::new());
        while store.committed() < point {
            if store.failure().is_some() || point == CommitPoint::NEVER {
                return Err(Refusal::store_failed());
            }
            store.wake_when_committed(point, &reached);
            reached.notified().await;
        }
        Ok(())
    }
}
