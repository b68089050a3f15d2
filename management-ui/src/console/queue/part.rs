//! Forms of the first page: purging a part of the queue, deleting it under conditions.

use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::{Form, Submission};

/// What the forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    router
        .route("/console/purge-part", post(purge))
        .route("/console/delete-queue-if", post(delete))
}

/// `POST /console/purge-part`: begins a job, which its page then shows.
async fn purge(submission: Submission) -> Response {
    let form = &submission.form;
    let call = part(form).map(|order| Call::post(&["jobs"]).body(order));
    let done = format!("Purging a part of {}", form.text("name"));
    let to = Address::new("jobs").with("vhost", form.text("vhost"));
    submission.carry_out(call, done, to).await
}

fn part(form: &Form) -> Result<Value, Problem> {
    let limit = form.get("limit").map(|text| {
        let number: Option<u64> = text.trim().parse().ok();
        number.ok_or_else(|| Problem::bad_request(format!("'{text}' is not a number")))
    });
    let limit = limit.transpose()?;
    let filter = form.text("filter");
    if limit.is_none() && filter.is_empty() {
        let reason = "Say how many of the oldest, or which: to drop all, there is Purge";
        return Err(Problem::bad_request(reason));
    }
    Ok(json!({
        "task": "purge",
        "vhost": form.text("vhost"),
        "source": form.text("name"),
        "limit": limit,
        "filter": filter,
    }))
}

/// `POST /console/delete-queue-if`
async fn delete(submission: Submission) -> Response {
    let form = &submission.form;
    let (vhost, name) = (form.text("vhost"), form.text("name"));
    let mut call = Call::delete(&["queues", vhost, name]);
    for condition in ["if-unused", "if-empty"] {
        if form.is_ticked(condition) {
            call = call.with(condition, "true");
        }
    }
    let call = match call.path.contains('?') {
        true => Ok(call),
        false => Err(Problem::bad_request(
            "Tick a condition: without one, there is Delete",
        )),
    };
    let done = format!("Queue {name} deleted");
    let to = Address::new("queues").with("vhost", vhost);
    submission.carry_out(call, done, to).await
}
