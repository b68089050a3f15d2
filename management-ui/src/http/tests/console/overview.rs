//! What the overview finds worth a look.

use std::time::Duration;

use super::super::super::fixture::{Client, Fixture, PATIENCE};
use super::Browser;
use crate::console::chart::catalogue;

/// What stands under *Needs attention*, as soon as somebody has looked.
async fn attention(browser: &Browser) -> String {
    let looked = async {
        loop {
            let page = browser.page("overview").await;
            let attention = page.split_once("Needs attention").unwrap().1;
            let attention = attention.split_once("</section>").unwrap().0;
            if !attention.contains("Being looked up") {
                return attention.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap()
}

#[tokio::test]
async fn what_reaches_no_queue_or_dies_is_found() {
    let fixture = Fixture::start().await;
    let dying = r#"{"arguments":{"x-max-length":0,"x-dead-letter-exchange":"amq.fanout"}}"#;
    fixture.check("PUT", "/api/queues/%2F/q", dying, 201).await;
    fixture
        .check("PUT", "/api/queues/%2F/dead", "{}", 201)
        .await;
    let binding = "/api/bindings/%2F/e/amq.fanout/q/dead";
    fixture.check("POST", binding, "{}", 201).await;
    fixture.tick(1).await;
    let mut client = Client::open(&fixture.broker);
    client.publish("", "nowhere", false);
    client.publish("", "q", false);
    fixture.tick(2).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    let attention = attention(&browser).await;
    for text in [
        "messages reach no queue and are dropped each second",
        "messages become dead letters each second",
    ] {
        assert!(attention.contains(text), "{text}: {attention}");
    }
}

#[tokio::test]
async fn charts_go_on_in_all_their_series() {
    let fixture = Fixture::start().await;
    let mut client = Client::open(&fixture.broker);
    client.publish("", "nowhere", false);
    fixture.tick(1).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    let change = browser.live("overview").await;
    let latency = catalogue::find("disk", "latency").map(|chart| ("disk", chart));
    let charts = catalogue::charts("overview").iter();
    let charts = charts.map(|chart| ("overview", chart)).chain(latency);
    for (of, chart) in charts {
        let sample = &change["samples"][format!("{of}-{}", chart.name)];
        for series in chart.series {
            let value = &sample[series.name];
            assert!(
                value.is_number(),
                "{} of {}: {sample}",
                series.name,
                chart.name
            );
        }
    }
    let parts = &change["parts"];
    for tile in ["cpu", "memory", "free", "files"] {
        let html = parts[format!("tile-{tile}")].as_str().unwrap();
        for limit in ["of 0", "limit 0"] {
            assert!(!html.contains(limit), "{tile}: {html}");
        }
    }
}

#[tokio::test]
async fn a_user_whom_everybody_can_be_is_found() {
    let found = |attention: &str| attention.contains("The user guest may log in from anywhere");
    let fixture = Fixture::start_with(|config| config.loopback_users.clear()).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    let here = attention(&browser).await;
    assert!(!found(&here), "nobody else reaches it: {here}");

    let fixture = Fixture::start_with(|config| config.loopback_users.clear()).await;
    let anywhere = ([0, 0, 0, 0], 5671).into();
    fixture.site.add_listener("amqp", anywhere, false);
    let user = r#"{"password":"secret","tags":"administrator"}"#;
    fixture.check("PUT", "/api/users/admin", user, 201).await;
    let browser = Browser::log_in(fixture, "admin", "secret").await;
    let attention = attention(&browser).await;
    assert!(found(&attention), "{attention}");
}

#[tokio::test]
async fn who_sees_only_their_own_connections_is_told_so() {
    let connections_of = async |tags: &str| {
        let fixture = Fixture::start().await;
        let user = format!(r#"{{"password":"secret","tags":"{tags}"}}"#);
        fixture.check("PUT", "/api/users/some", &user, 201).await;
        let rights = r#"{"configure":"","write":"","read":""}"#;
        let permission = "/api/permissions/%2F/some";
        fixture.check("PUT", permission, rights, 201).await;
        let browser = Browser::log_in(fixture, "some", "secret").await;
        let page = browser.page("overview").await;
        page.contains("Your connections")
    };
    assert!(connections_of("management").await);
    assert!(!connections_of("monitoring").await);
}
