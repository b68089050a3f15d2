//! `/api/whoami`: who asks.

use axum::response::Response;
use serde_json::json;

use crate::answer;
use crate::auth::Caller;

/// `GET /api/whoami`
pub(crate) async fn get(caller: Caller) -> Response {
    answer::json(json!({
        "name": caller.user.name(),
        "tags": caller.user.tags(),
        "is_internal_user": true,
    }))
}
