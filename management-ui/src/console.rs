//! The console: pages for people, one file each; their templates lie in `templates/`, scripts and styles in `static/`.
//!
//! A request finds its session ([`visit`]), its page asks the API for what it shows ([`client`], [`page`]), tables
//! ([`table`]) over the API's lists, charts ([`chart`]) over its time series. A form becomes a request to the API ([`form`]).
//! While a page is open, [`live`] sends what changes on it.

mod address;
pub(crate) mod assets;
mod attempts;
pub(crate) mod chart;
mod charts;
mod client;
mod confirm;
mod copy_as;
mod export;
mod filter;
mod form;
mod format;
mod live;
mod login;
mod page;
mod palette;
mod payload;
mod publish;
mod session;
mod shell;
mod table;
mod theme;
mod undo;
mod visit;

mod bindings;
mod channel;
mod channels;
mod connection;
mod connection_groups;
mod connections;
mod consumers;
mod dead_letters;
mod definitions;
mod exchange;
mod exchanges;
mod jobs;
mod limits;
mod node;
mod overview;
mod permissions;
mod policies;
mod queue;
mod queue_groups;
pub(crate) mod queues;
mod user;
mod users;
mod vhost;
mod vhosts;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

use crate::http::Site;
use crate::sse::Streams;
use attempts::Attempts;
use client::{Api, Problem};
use confirm::Action;
use overview::glance::Glances;
use session::Sessions;
use table::Sheet;
use visit::Visit;

/// All tables that can be exported.
const SHEETS: &[&Sheet] = &[
    &queues::SHEET,
    &queue_groups::SHEET,
    &exchanges::SHEET,
    &bindings::SHEET,
    &node::settings::SHEET,
    &connections::SHEET,
    &connection_groups::SHEET,
    &channels::SHEET,
    &consumers::SHEET,
    &policies::SHEET,
    &policies::OPERATOR_SHEET,
    &users::SHEET,
    &vhosts::SHEET,
    &jobs::SHEET,
];

/// All that can be done to objects in tables.
const ACTIONS: &[&[Action]] = &[
    queues::ACTIONS,
    queue::ACTIONS,
    exchanges::ACTIONS,
    bindings::ACTIONS,
    connections::ACTIONS,
    consumers::ACTIONS,
    limits::ACTIONS,
    permissions::ACTIONS,
    policies::ACTIONS,
    users::ACTIONS,
    vhosts::ACTIONS,
    jobs::ACTIONS,
    dead_letters::ACTIONS,
];

/// What pages are about, and who sees them.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) site: Site,
    api: Api,
    sessions: Arc<Sessions>,
    attempts: Arc<Attempts>,
    streams: Arc<Streams>,
    glances: Arc<Glances>,
}

impl Console {
    /// A console that asks `api`.
    pub(crate) fn new(site: Site, api: Router) -> Self {
        Self {
            site,
            api: Api::new(api),
            sessions: Arc::default(),
            attempts: Arc::default(),
            streams: Arc::default(),
            glances: Arc::default(),
        }
    }
}

/// Everything of the console.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(console: &Console) -> Router<S> {
    let pages = Router::new();
    let pages = page::route::<overview::Overview>(pages);
    let pages = queue::routes(queue_groups::routes(queues::routes(pages)));
    let pages = bindings::routes(exchange::routes(exchanges::routes(pages)));
    let pages = node::routes(pages);
    let pages = connection::routes(connection_groups::routes(connections::routes(pages)));
    let pages = consumers::routes(channel::routes(channels::routes(pages)));
    let pages = administration(pages);
    let pages = dead_letters::routes(jobs::routes(pages));
    pages
        .route("/console/login", get(login::form).post(login::log_in))
        .route("/console/logout", post(login::log_out))
        .route("/console/theme", post(theme::choose))
        .route(
            "/console/confirm",
            get(confirm::ask).post(confirm::carry_out),
        )
        .route("/console/undo", post(undo::undo))
        .route("/console/publish", post(publish::publish))
        .route("/console/series", get(charts::columns_of))
        .route("/console/find", get(palette::find))
        .route("/console/export", get(export::download))
        .route("/", get(first))
        .route("/console", get(first))
        .route("/console/{*page}", get(unknown))
        .with_state(console.clone())
}

/// The pages of those who administer.
fn administration(router: Router<Console>) -> Router<Console> {
    let router = vhost::routes(vhosts::routes(router));
    let router = user::routes(users::routes(router));
    let router = policies::routes(permissions::routes(router));
    definitions::routes(limits::routes(router))
}

async fn first(State(console): State<Console>) -> Response {
    let prefix = console.site.broker.config().http.path_prefix.clone();
    login::see_other(&format!("{prefix}/console/overview"))
}

async fn unknown(visit: Visit) -> Response {
    let page = visit.address.page();
    let reason = format!("There is no page called {page}");
    page::refused(&visit, Problem::not_found(reason)).await
}
