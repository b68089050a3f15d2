//! Every line of every chart, in what the API answers.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::console::chart::catalogue::charts;
use crate::console::chart::range::Range;
use crate::console::chart::series::{columns, latest};
use crate::http::fixture::{Client, Fixture};

#[tokio::test]
async fn every_line_finds_its_samples() {
    let fixture = Fixture::start().await;
    fixture.tick(1).await;
    let _client = Client::open(&fixture.broker);
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let message =
        r#"{"properties":{},"routing_key":"q","payload":"m","payload_encoding":"string"}"#;
    let publish = "/api/exchanges/%2F/amq.default/publish";
    fixture.check("POST", publish, message, 200).await;
    fixture.tick(3).await;

    let connections = fixture.check("GET", "/api/connections", "", 200).await;
    let name = connections.json[0]["name"].as_str().expect("the client's");
    let connection = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let node = utf8_percent_encode(fixture.broker.node_name(), NON_ALPHANUMERIC);
    check(&fixture, "overview", "/api/overview").await;
    check(&fixture, "vhost", "/api/vhosts/%2F").await;
    check(&fixture, "queue", "/api/queues/%2F/q").await;
    check(&fixture, "exchange", "/api/exchanges/%2F/amq.default").await;
    check(
        &fixture,
        "connection",
        &format!("/api/connections/{connection}"),
    )
    .await;
    check(&fixture, "node", &format!("/api/nodes/{node}")).await;
}

/// Each series of each chart of a kind of object has samples, and a latest value.
async fn check(fixture: &Fixture, of: &str, path: &str) {
    let interval = fixture.broker.config().statistics_interval;
    let range = Range::parse(Some("60"));
    let path = format!("{path}?{}", range.query(interval));
    let object = fixture.check("GET", &path, "", 200).await.json;
    assert!(!charts(of).is_empty());
    for chart in charts(of) {
        let now = latest(chart, &object);
        let columns = columns(chart, &object, range.step_seconds(interval));
        for (series, values) in chart.series.iter().zip(&columns.values) {
            let line = format!("{} of {of}'s {}", series.name, chart.name);
            assert!(values.iter().any(Option::is_some), "{line}: {object}");
            assert!(now.contains_key(series.name), "{line}: {object}");
        }
    }
}
