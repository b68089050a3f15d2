//! `GET /api/exchanges/{vhost}/{name}/route`: where a message would go, and why.

use axum::extract::State;
use ferrymq_broker::FieldTable;
use ferrymq_broker::json;
use ferrymq_broker::routing::{Destination, Step};
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/exchanges/{vhost}/{name}/route?routing_key=…&headers={"a":1}`
pub(crate) async fn trace(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let name = path::exchange(&name).to_owned();
    if vhost.snapshot().topology.exchange(&name).is_none() {
        return Err(Refusal::not_found());
    }
    let headers = headers(query.get("headers").unwrap_or_default())?;
    let key = query.get("routing_key").unwrap_or_default().to_owned();
    path::check_name("routing_key", &key)?;
    let trace = site
        .aside(move || vhost.trace(&name, &key, &headers))
        .await??;
    let steps = trace.steps.iter().map(step);
    Ok(answer::json(json!({
        "routed": !trace.queues.is_empty(),
        "queues": trace.queues,
        "steps": steps.collect::<Vec<_>>(),
    })))
}

fn headers(text: &str) -> Result<FieldTable, Refusal> {
    if text.trim().is_empty() {
        return Ok(FieldTable::default());
    }
    let Ok(Value::Object(entries)) = serde_json::from_str(text) else {
        return Err(Refusal::bad_request("headers must be a JSON object"));
    };
    let table = json::to_arguments(&entries);
    table.map_err(|why| Refusal::bad_request(format!("headers: {why}")))
}

fn step(step: &Step) -> Value {
    match step {
        Step::Binding(binding) => json!({
            "type": "binding",
            "source": binding.source().as_str(),
            "destination": binding.destination().name(),
            "destination_type": match binding.destination() {
                Destination::Queue(_) => "queue",
                Destination::Exchange(_) => "exchange",
            },
            "routing_key": &**binding.routing_key(),
            "arguments": json::from_table(binding.arguments()),
        }),
        Step::QueueName(queue) => json!({ "type": "queue_name", "destination": queue.as_str() }),
        Step::Alternate { from, to } => json!({
            "type": "alternate_exchange",
            "source": from.as_str(),
            "destination": to.as_str(),
        }),
        Step::Delay(exchange) => json!({ "type": "delay", "source": exchange.as_str() }),
    }
}
