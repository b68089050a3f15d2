//! The charts of a page about one object, the range that they are about, and their columns for scripts.

use askama::Template;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::chart::Figure;
use super::chart::catalogue::{self, Chart};
use super::chart::range::{RANGES, Range};
use super::chart::series::{self, Columns};
use super::client::{Call, Problem};
use super::page::{Sample, rendered};
use super::visit::Visit;

/// All charts of an object. Shown by being written into a page, unescaped.
#[derive(Template)]
#[template(path = "parts/charts.html")]
pub(crate) struct Charts {
    ranges: Vec<RangeLink>,
    figures: Vec<String>,
    #[allow(dead_code, reason = "for the stream, not for the template")]
    samples: Vec<Sample>,
}

struct RangeLink {
    label: &'static str,
    to: String,
    chosen: bool,
}

impl Charts {
    /// The request `call` for an object, such that its answer has what the charts need.
    pub(crate) fn asked(visit: &Visit, call: Call) -> Call {
        match visit.is_live {
            // A stream tells the latest values only.
            true => call,
            false => call.with_query(&range(visit).query(interval(visit))),
        }
    }

    /// The charts of an `object` of the kind `of`, as the API has answered it; `key` tells it from others.
    pub(crate) fn new(
        visit: &Visit,
        of: &'static str,
        key: &[(&str, &str)],
        object: &Value,
    ) -> Self {
        let charts = Self {
            ranges: match visit.is_live {
                true => Vec::new(),
                false => ranges(visit),
            },
            figures: Vec::new(),
            samples: Vec::new(),
        };
        let all = catalogue::charts(of).iter();
        all.fold(charts, |charts, chart| {
            charts.and(visit, (of, chart), key, object)
        })
    }

    /// With a chart of another object, or of another kind.
    pub(crate) fn and(
        mut self,
        visit: &Visit,
        (of, chart): (&'static str, &'static Chart),
        key: &[(&str, &str)],
        object: &Value,
    ) -> Self {
        self.samples.push(Sample {
            chart: format!("{of}-{}", chart.name),
            values: series::latest(chart, object),
        });
        if !visit.is_live {
            let columns = columns(visit, chart, object);
            let figure = Figure::new(of, key, chart, range(visit), object, &columns);
            self.figures.push(rendered(&figure));
        }
        self
    }

    /// The latest values.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.samples.clone()
    }
}

/// `GET /console/series?of=queue&vhost=…&name=…&chart=…&range=600`
pub(crate) async fn columns_of(visit: Visit) -> Response {
    match find_columns(&visit).await {
        Ok(columns) => Json(columns).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn find_columns(visit: &Visit) -> Result<Value, Problem> {
    let (of, name) = (visit.required("of")?, visit.required("chart")?);
    let chart = catalogue::find(of, name);
    let chart =
        chart.ok_or_else(|| Problem::not_found(format!("There is no chart {name} of {of}")))?;
    let field = |name| visit.required(name);
    let call = match of {
        "queue" => Call::get(&["queues", field("vhost")?, field("name")?]),
        "exchange" => Call::get(&["exchanges", field("vhost")?, exchange(visit)]),
        "vhost" => Call::get(&["vhosts", field("name")?]),
        "connection" => Call::get(&["connections", field("name")?]),
        "channel" => Call::get(&["channels", field("name")?]),
        "node" | "disk" => Call::get(&["nodes", field("name")?]),
        _ => Call::get(&["overview"]),
    };
    let object = visit.call(Charts::asked(visit, call)).await?;
    Ok(columns(visit, chart, &object).to_json(chart))
}

/// The exchange that the address names; the default one has no name.
fn exchange(visit: &Visit) -> &str {
    visit.address.get("name").unwrap_or("amq.default")
}

fn columns(visit: &Visit, chart: &'static Chart, object: &Value) -> Columns {
    let step = range(visit).step_seconds(interval(visit));
    series::columns(chart, object, step)
}

fn range(visit: &Visit) -> Range {
    Range::parse(visit.address.get("range"))
}

fn interval(visit: &Visit) -> std::time::Duration {
    visit.console.site.broker.config().statistics_interval
}

fn ranges(visit: &Visit) -> Vec<RangeLink> {
    let chosen = range(visit);
    let link = |range: Range| RangeLink {
        label: range.label,
        to: visit
            .address
            .with("range", &range.seconds.to_string())
            .to_string(),
        chosen: range == chosen,
    };
    RANGES.into_iter().map(link).collect()
}
