//! `/api/whoami`: who asks.

use axum::response::Response;
use ferrymq_broker::auth::User;
use serde_json::{Value, json};

use crate::answer;
use crate::auth::Caller;

/// `GET /api/whoami`
pub(crate) async fn get(caller: Caller) -> Response {
    answer::json(render(&caller.user))
}

/// What is told of a user who has logged in.
pub(super) fn render(user: &User) -> Value {
    json!({
        "name": user.name(),
        "tags": user.tags(),
        "is_internal_user": true,
    })
}
