//! `channel`: what it publishes, what its consumers take, what is on the way.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::channels;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::connections;
use super::consumers;
use super::copy_as::CopyAs;
use super::form::Submission;
use super::page::{self, Page, Part, Sample};
use super::shell::Shell;
use super::table::{Cell, Table};
use super::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "channel.html", blocks = ["facts", "flows"])]
pub(super) struct Channel {
    shell: Shell,
    name: String,
    channel: Value,
    mode: Cell,
    prefetch: Cell,
    connection: String,
    copy_as: CopyAs,
    charts: Charts,
    consumers: Table,
    may_change: bool,
}

/// How fast messages pass between the channel and something else.
struct Flow {
    name: String,
    to: String,
    rate: String,
}

impl Page for Channel {
    const NAME: &'static str = "channel";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let name = visit.required("name")?;
        let call = Call::get(&["channels", name]);
        let channel = visit
            .call(Charts::asked(visit, call.clone()))
            .await
            .map_err(|problem| match problem.status {
                StatusCode::NOT_FOUND => Problem::not_found(format!(
                    "There is no channel {name}: it may have been closed"
                )),
                _ => problem,
            })?;
        let rows = channel["consumer_details"].as_array();
        let connection = channel["connection_details"]["name"]
            .as_str()
            .unwrap_or_default();
        Ok(Self {
            shell: Shell::new(visit, name),
            name: name.to_owned(),
            copy_as: CopyAs::new(visit, &call, None, &["list_channels"]),
            mode: channels::mode(&channel),
            prefetch: channels::prefetch(&channel),
            connection: connections::of_connection(connection).to_string(),
            charts: Charts::new(visit, "channel", &[("name", name)], &channel),
            may_change: visit.may_cut(channel["user"].as_str().unwrap_or_default()),
            consumers: consumers::SHEET.of(visit, rows.map_or(&[][..], Vec::as_slice)),
            channel,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.consumers.parts();
        parts.push(Part::new("facts", &self.as_facts()));
        parts.push(Part::new("flows", &self.as_flows()));
        parts
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Channel {
    fn text(&self, field: &str) -> &str {
        self.channel[field].as_str().unwrap_or_default()
    }

    fn prefetch_count(&self) -> String {
        self.channel["prefetch_count"].to_string()
    }

    /// What it publishes, by exchange, and what it gets, by queue. Known with rates in detail only.
    fn flows(&self) -> [(&'static str, Vec<Flow>); 2] {
        [
            (
                "Publishes to",
                self.flow("publishes", "exchange", "publish_details"),
            ),
            (
                "Gets from",
                self.flow("deliveries", "queue", "deliver_get_details"),
            ),
        ]
    }

    fn flow(&self, field: &str, of: &str, rate: &str) -> Vec<Flow> {
        let flows = self.channel[field].as_array().into_iter().flatten();
        flows
            .map(|flow| {
                let text = |field: &str| flow[of][field].as_str().unwrap_or_default();
                let address = super::address::Address::new(of)
                    .with("vhost", text("vhost"))
                    .with("name", text("name"));
                let rate = flow["stats"][rate]["rate"].as_f64().unwrap_or_default();
                Flow {
                    name: text("name").to_owned(),
                    to: address.to_string(),
                    rate: format!("{}/s", super::format::rate(rate)),
                }
            })
            .collect()
    }
}

/// The page, and what its form does.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Channel>(router).route("/console/change-channel", post(change))
}

/// `POST /console/change-channel`
async fn change(submission: Submission) -> Response {
    let form = &submission.form;
    let (name, prefetch) = (form.text("name"), form.text("prefetch"));
    let call = match prefetch.trim().parse::<u16>() {
        Ok(prefetch) => Ok(Call::put(&["channels", name]).body(json!({ "prefetch": prefetch }))),
        Err(_) => Err(Problem::bad_request(
            "A prefetch is a whole number from 0 to 65535",
        )),
    };
    let done = format!("The prefetch is {prefetch} now");
    let to = channels::of_channel(name);
    submission.carry_out(call, done, to).await
}
