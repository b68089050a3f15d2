//! The JSON API below `/api`: one file per resource.

pub(crate) mod health;

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error as API clients expect it.
pub(crate) fn error(status: StatusCode, error: &str, reason: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": error, "reason": reason })))
}
