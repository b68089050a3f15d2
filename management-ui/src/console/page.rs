//! What all pages are: a template in a frame, made anew for each visit, and parts of it that are sent again when
//! they have changed.

use std::future::Future;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value};

use super::Console;
use super::address::Address;
use super::client::Problem;
use super::live;
use super::shell::Shell;
use super::visit::Visit;

/// A page. Its template extends `shell.html`; it has everything that it shows.
pub(crate) trait Page: Template + Sized + Send + 'static {
    /// The last part of its address.
    const NAME: &'static str;
    /// How often what is shown is looked at again while the page is open.
    const PERIOD: Duration = Duration::from_secs(1);

    /// Looks up what the page shows.
    ///
    /// # Errors
    /// What the API refuses, or an address that can't be right.
    fn load(visit: &Visit) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// What changes while the page is open: the blocks of its template that stand in an element with `data-live`, and the
    /// rows of its tables.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }

    /// The latest values of its charts.
    fn samples(&self) -> Vec<Sample> {
        Vec::new()
    }
}

/// A piece of a page that changes while it is open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// The value of its element's `data-live`, or `row:` and that of `data-key`.
    pub(crate) id: String,
    /// What is in the element; a row is the element itself.
    pub(crate) html: String,
}

/// Values of a chart at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The value of its element's `data-chart`.
    pub(crate) chart: String,
    /// By the names of its series.
    pub(crate) values: Map<String, Value>,
}

impl Part {
    /// What `block` of a template says now.
    pub(crate) fn new(id: &str, block: &impl Template) -> Self {
        Self {
            id: id.to_owned(),
            html: rendered(block),
        }
    }
}

/// Adds a page to the routes: the page itself, and what changes on it.
pub(crate) fn route<P: Page>(router: Router<Console>) -> Router<Console> {
    router
        .route(&format!("/console/{}", P::NAME), get(view::<P>))
        .route(
            &format!("/console/live/{}", P::NAME),
            get(live::changes::<P>),
        )
}

/// Adds a page on which nothing changes while it is open; its template says so: `<meta name="live" content="none">`.
pub(crate) fn still<P: Page>(router: Router<Console>) -> Router<Console> {
    router.route(&format!("/console/{}", P::NAME), get(view::<P>))
}

async fn view<P: Page>(mut visit: Visit) -> Response {
    visit.flash = visit.console.sessions.take_flash(&visit.session);
    match P::load(&visit).await {
        Ok(page) => html(&page),
        Err(problem) => refused(&visit, problem).await,
    }
}

/// A page that says why there is none.
#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    shell: Shell,
    reason: String,
    /// Where to go on, and what is there.
    back: (String, &'static str),
}

/// What a page that can't be shown belongs to: the messages of a queue, or a list.
fn way_back(visit: &Visit, shell: &Shell) -> (String, &'static str) {
    let queue = (visit.address.get("vhost"), visit.address.get("name"));
    if let ("message", (Some(vhost), Some(name))) = (visit.address.page(), queue) {
        let messages = Address::new("queue-messages");
        let messages = messages.with("vhost", vhost).with("name", name);
        return (messages.to_string(), "Messages");
    }
    let links = shell.navigation().iter().flat_map(|group| &group.links);
    let list = links.into_iter().find(|link| link.here);
    list.map_or(("overview".to_owned(), "Overview"), |link| {
        (link.page.to_owned(), link.title)
    })
}

/// A page that can't be shown.
pub(crate) async fn refused(visit: &Visit, problem: Problem) -> Response {
    let title = match problem.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        _ => "That did not work",
    };
    let shell = Shell::new(visit, title);
    let page = RefusedPage {
        back: way_back(visit, &shell),
        shell,
        reason: problem.reason,
    };
    (problem.status, html(&page)).into_response()
}

/// The answer with a template's text.
pub(crate) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Problem::internal(&format!("a page: {error}")).into_response(),
    }
}

/// A template's text. Values of pages can always be written: what a template could fail with would be a fault of ours.
pub(crate) fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!("console: part of a page: {error}");
        String::new()
    })
}
