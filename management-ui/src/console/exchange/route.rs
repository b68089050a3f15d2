//! `exchange-route`: where would a message go, and why? Nothing is published to find out.

use askama::Template;
use serde_json::Value;

use super::chain::Chain;
use super::publish::Publish;
use super::{Head, in_path};
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::Form;
use crate::console::page::Page;
use crate::console::queues::{self, Argument, argument};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// Headers that exchanges look at.
const HEADERS: &[Argument] = &[
    argument(
        "x-delay",
        "number",
        "Milliseconds that a message is to wait",
    ),
    argument("CC", "list", "More routing keys"),
];

/// The page.
#[derive(Template)]
#[template(path = "exchange/route.html")]
pub(in crate::console) struct Route {
    shell: Shell,
    head: Head,
    routing_key: String,
    /// The headers as they were typed, and an empty row.
    headers: Vec<(String, String, String)>,
    known: &'static [Argument],
    /// Where the message can be published.
    to_publish: String,
    /// `None`: nothing was asked yet.
    outcome: Option<Result<Outcome, String>>,
}

/// Where the message would go.
struct Outcome {
    /// Name and page of each queue.
    queues: Vec<(String, String)>,
    /// Would it wait somewhere first?
    is_delayed: bool,
    chain: Chain,
}

impl Page for Route {
    const NAME: &'static str = "exchange-route";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let form = Form::from(&visit.address);
        let mut headers = form.rows("headers");
        headers.push((String::new(), "string".to_owned(), String::new()));
        let is_asked = visit.address.all("routing_key").next().is_some();
        Ok(Self {
            shell: Shell::new(visit, head.title()),
            routing_key: form.text("routing_key").to_owned(),
            headers,
            known: HEADERS,
            to_publish: to_publish(&visit.address),
            outcome: match is_asked {
                true => Some(ask(visit, &head, &form).await),
                false => None,
            },
            head,
        })
    }
}

/// The form to publish, filled with what was asked about.
fn to_publish(address: &Address) -> String {
    let address = address.named(Publish::NAME);
    address.with("form", "publish").to_string()
}

/// What the API says; or what is wrong with the question.
async fn ask(visit: &Visit, head: &Head, form: &Form) -> Result<Outcome, String> {
    let headers = form.table("headers").map_err(|problem| problem.reason)?;
    let call = Call::get(&["exchanges", &head.vhost, in_path(&head.name), "route"])
        .with("routing_key", form.text("routing_key"))
        .with("headers", &headers.to_string());
    let trace = visit.call(call).await.map_err(|problem| problem.reason)?;
    Ok(Outcome::of(head, &trace))
}

impl Outcome {
    fn of(head: &Head, trace: &Value) -> Self {
        let list = |field: &str| trace[field].as_array().map_or(&[][..], Vec::as_slice);
        let steps = list("steps");
        let queue = |name: &Value| {
            let name = name.as_str()?;
            let page = queues::of_queue(&head.vhost, name);
            Some((name.to_owned(), page.to_string()))
        };
        Self {
            queues: list("queues").iter().filter_map(queue).collect(),
            is_delayed: steps.iter().any(|step| step["type"] == "delay"),
            chain: Chain::new(&head.vhost, &head.name, steps),
        }
    }
}
