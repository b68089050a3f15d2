//! `POST /api/exchanges/{vhost}/{name}/publish/batch`: many messages, confirmed together.

use axum::extract::State;
use ferrymq_broker::CommitPoint;
use ferrymq_broker::vhost::Published;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::messages::{CONFIRM_TIMEOUT, publish_one};
use crate::auth::Caller;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::refusal::Refusal;

/// Messages of one batch. Their bytes are limited by those of a body.
const MAX_MESSAGES: usize = 1000;

/// Publishes in their order what the list `messages` holds, each an object as `publish` takes it. One that can't be
/// published does not hold up the others; the answer tells what became of each, once all are safe.
pub(crate) async fn publish(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, exchange)): Names<(String, String)>,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let exchange = path::exchange(&exchange);
    let messages = messages(body)?;
    if vhost.snapshot().topology.exchange(exchange).is_none() {
        return Err(Refusal::missing("exchange_not_found"));
    }
    let actor = caller.actor();
    let results = site.work_in(&vhost, |work| {
        let publish = |message| publish_one(&site, &vhost, &actor, exchange, message, work);
        messages.iter().map(publish).collect::<Vec<_>>()
    });
    if let Some(Err(refusal)) = results.first()
        && results.iter().all(is_not_authorised)
    {
        return Err(refusal.clone());
    }
    let points = results.iter().flatten().map(|published| published.point);
    let point = points.max().unwrap_or(CommitPoint::ALWAYS);
    let written = tokio::time::timeout(CONFIRM_TIMEOUT, site.committed(point)).await;
    written.map_err(|_| Refusal::bad_request("timeout: no confirm within 30 seconds"))??;
    let routed = results
        .iter()
        .flatten()
        .filter(|published| published.routed);
    Ok(answer::json(json!({
        "published": results.iter().flatten().count(),
        "routed": routed.count(),
        "results": results.iter().map(shown).collect::<Vec<_>>(),
    })))
}

fn messages(body: Object) -> Result<Vec<Object>, Refusal> {
    body.require(&["messages"])?;
    let rule = || {
        Refusal::bad_request(format!(
            "messages must be a list of 1 to {MAX_MESSAGES} objects"
        ))
    };
    let Object(mut entries) = body;
    let Some(Value::Array(messages)) = entries.remove("messages") else {
        return Err(rule());
    };
    if messages.is_empty() || messages.len() > MAX_MESSAGES {
        return Err(rule());
    }
    let objects = messages.into_iter().map(|message| match message {
        Value::Object(entries) => Ok(Object(entries)),
        _ => Err(rule()),
    });
    objects.collect()
}

fn is_not_authorised(result: &Result<Published, Refusal>) -> bool {
    result.as_ref().is_err_and(Refusal::is_not_authorised)
}

fn shown(result: &Result<Published, Refusal>) -> Value {
    match result {
        Ok(published) => json!({ "routed": published.routed }),
        Err(refusal) => {
            let (error, reason) = refusal.parts();
            json!({ "routed": false, "error": error, "reason": reason })
        }
    }
}
