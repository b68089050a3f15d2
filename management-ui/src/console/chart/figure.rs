//! A chart on a page. Whole without scripts; with them `chart.js` draws it anew and keeps it going.

use askama::Template;
use form_urlencoded::Serializer;
use serde_json::Value;

use super::catalogue::Chart;
use super::drawing;
use super::range::Range;
use super::series::{self, Columns};

/// Shown by being written into a page, unescaped.
#[derive(Template)]
#[template(path = "chart.html")]
pub(crate) struct Figure<'a> {
    chart: &'static Chart,
    /// What live samples are addressed to.
    id: String,
    series_url: String,
    range: Range,
    legend: Vec<Entry>,
    columns: &'a Columns,
}

/// A series in the legend.
struct Entry {
    name: &'static str,
    label: &'static str,
    colour: u8,
    /// What it is now; empty if nobody knows.
    now: String,
}

impl<'a> Figure<'a> {
    /// `chart` of an object of the kind `of`, which `key` tells from others of it, as in `vhost=…&name=…`. `object` is what
    /// the API said of it, `columns` came out of that.
    pub(crate) fn new(
        of: &str,
        key: &[(&str, &str)],
        chart: &'static Chart,
        range: Range,
        object: &Value,
        columns: &'a Columns,
    ) -> Self {
        let latest = series::latest(chart, object);
        let legend = chart.series.iter().map(|series| Entry {
            name: series.name,
            label: series.label,
            colour: series.colour,
            now: latest
                .get(series.name)
                .and_then(Value::as_f64)
                .map_or_else(String::new, |now| chart.unit.text(now)),
        });
        Self {
            chart,
            id: format!("{of}-{}", chart.name),
            series_url: series_url(of, key, chart, range),
            range,
            legend: legend.collect(),
            columns,
        }
    }

    fn drawing(&self) -> String {
        drawing::figure(self.chart, self.columns, self.range)
    }
}

/// Where the columns are, from pages beside it.
fn series_url(of: &str, key: &[(&str, &str)], chart: &Chart, range: Range) -> String {
    let start = "series?";
    let mut query = Serializer::for_suffix(start.to_owned(), start.len());
    query.append_pair("of", of);
    query.extend_pairs(key);
    query.append_pair("chart", chart.name);
    query.append_pair("range", &range.seconds.to_string());
    query.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::console::chart::catalogue::find;

    fn figure(object: &Value) -> String {
        let chart = find("queue", "depth").unwrap();
        let columns = series::columns(chart, object, 5);
        let key = [("vhost", "/"), ("name", "a&b<")];
        let figure = Figure::new("queue", &key, chart, Range::parse(None), object, &columns);
        figure.render().unwrap()
    }

    #[test]
    fn a_figure_tells_its_script_what_to_draw() {
        let samples = json!([{ "timestamp": 5_000, "sample": 12_430 }]);
        let html = figure(&json!({
            "messages_ready": 12_430,
            "messages_ready_details": { "rate": 0.0, "samples": samples },
        }));
        let url = "series?of=queue&#38;vhost=%2F&#38;name=a%26b%3C&#38;chart=depth&#38;range=600";
        for part in [
            r#"data-chart="queue-depth""#,
            r#"data-unit="messages""#,
            &format!(r#"data-series-url="{url}""#),
            r#"<li data-series="ready" class="series-1">Ready <output aria-live="off">12,430</output></li>"#,
            "<polyline",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn nothing_is_drawn_before_the_first_sample() {
        let html = figure(&json!({}));
        assert!(html.contains("No samples yet"));
        assert!(!html.contains("<svg"));
    }
}
