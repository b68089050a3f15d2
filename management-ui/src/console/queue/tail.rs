//! `queue-tail`: copies of messages as they are routed into a queue, while the page is open. They come by a stream of the
//! API's; without scripts there is the browser.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use ferrymq_broker::browse::{BadFilter, Filter};

use super::Head;
use super::messages::barred;
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::page::{self, Page};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// Messages a second that are shown.
const RATE: &str = "50";
/// Bytes of each payload.
const MAX_BODY_BYTES: &str = "4096";

/// The page.
#[derive(Template)]
#[template(path = "queue/tail.html")]
pub(super) struct Tail {
    shell: Shell,
    head: Head,
    barred: Option<&'static str>,
    filter: String,
    /// What is wrong with it.
    problem: Option<String>,
    /// Where the stream is.
    stream: String,
    /// Where the messages are that wait.
    waiting: String,
}

impl Page for Tail {
    const NAME: &'static str = "queue-tail";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let filter = visit.address.get("filter").unwrap_or_default().to_owned();
        let checked: Result<Filter, BadFilter> = filter.parse();
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            barred: barred(visit, &head.vhost, &head.name),
            problem: checked.err().map(|why| why.to_string()),
            stream: Address::parse("tail-stream", &visit.address.query()).to_string(),
            waiting: head.to(super::messages::NAME).to_string(),
            filter,
            head,
        })
    }
}

impl Tail {
    /// What a form with another filter must bring along.
    fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        self.shell.address.others(&["filter"])
    }
}

/// The page, and its stream.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<Tail>(router).route("/console/tail-stream", get(stream))
}

/// `GET /console/tail-stream?vhost=&name=&filter=`
async fn stream(visit: Visit) -> Response {
    let text = |name: &str| visit.address.get(name).unwrap_or_default();
    let call = Call::get(&["queues", text("vhost"), text("name"), "tail"])
        .with("rate", RATE)
        .with("truncate", MAX_BODY_BYTES)
        .with("filter", text("filter"));
    visit.forward(call).await
}
