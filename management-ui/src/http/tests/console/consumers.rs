//! Lists of consumers: all, a queue's, a channel's.

use std::time::Duration;

use form_urlencoded::byte_serialize;

use super::super::super::fixture::{Client, Fixture};
use super::Browser;

const HOUR: Duration = Duration::from_secs(3_600);

/// Messages for each consumer.
const MESSAGES: u64 = 36;

/// What cells in the column `title` show, from the top.
fn cells(page: &str, title: &str) -> Vec<String> {
    let cells = page.split("<td").skip(1);
    let cells = cells.filter(|cell| cell.contains(&format!("data-title=\"{title}\"")));
    cells.map(text).collect()
}

/// Without the tags.
fn text(cell: &str) -> String {
    let cell = cell.split("</td>").next().unwrap_or_default();
    let pieces = cell.split('>').skip(1);
    let pieces = pieces.map(|piece| piece.split('<').next().unwrap_or_default());
    pieces.collect::<String>().replace("&#60;", "<")
}

/// A consumer of each of the queues `acking`, `no-ack` and `stuck`, which does as its queue is called.
async fn three() -> (Browser, Client) {
    let fixture = Fixture::start_with(|config| config.statistics_interval = HOUR).await;
    let mut client = Client::open(&fixture.broker);
    for (queue, prefetch) in [("acking", 0), ("no-ack", 0), ("stuck", 2)] {
        client.declare(queue, false);
        client.qos(prefetch);
        client.consume(queue, queue == "no-ack");
    }
    fixture.tick(1).await;
    for _ in 0..MESSAGES {
        client.publish("", "acking", false);
    }
    client.wait(Duration::from_secs(200));
    client.ack(MESSAGES);
    for _ in 0..MESSAGES {
        client.publish("", "no-ack", false);
        client.publish("", "stuck", false);
    }
    (Browser::log_in(fixture, "guest", "guest").await, client)
}

#[tokio::test]
async fn every_list_tells_how_fast_consumers_ack() {
    let (browser, client) = three().await;
    browser.fixture.tick(2).await;
    let channel: String = byte_serialize(client.channel().as_bytes()).collect();
    let channel = format!("channel?name={channel}");
    let all = "consumers?sort=queue.name".to_owned();
    for page in [&all, &channel] {
        let html = browser.page(page).await;
        let rare = "< 0.1/s";
        assert_eq!(cells(&html, "Delivered"), [rare; 3], "{page}");
        assert_eq!(cells(&html, "Acked"), [rare, "", "0/s"], "{page}");
        assert_eq!(cells(&html, "Ack time"), ["200 s", "", ""], "{page}");
        let states = cells(&html, "State");
        assert_eq!(states, ["active"; 3], "{page}");
    }
    for (queue, rate, time) in [
        ("acking", "< 0.1/s", "200 s"),
        ("no-ack", "", ""),
        ("stuck", "0/s", ""),
    ] {
        let page = format!("queue-consumers?vhost=%2F&name={queue}");
        let html = browser.page(&page).await;
        assert_eq!(cells(&html, "Acked"), [rate], "{queue}");
        assert_eq!(cells(&html, "Ack time"), [time], "{queue}");
    }
    for (query, expected) in [
        ("filter=ack:%3E0", &["acking"][..]),
        ("filter=message_stats.ack_avg_time:%3E100k", &["acking"]),
        ("filter=message_stats.ack_avg_time:%3E300k", &[]),
        (
            "sort=message_stats.ack_details.rate",
            &["no-ack", "stuck", "acking"],
        ),
        (
            "sort=message_stats.ack_avg_time&sort_reverse=true&filter=acking",
            &["acking"],
        ),
    ] {
        let html = browser.page(&format!("consumers?{query}")).await;
        assert_eq!(cells(&html, "Queue"), expected, "{query}");
    }

    browser.fixture.tick(3).await;
    let html = browser.page(&all).await;
    assert_eq!(cells(&html, "State"), ["active", "active", "slow"]);
    assert_eq!(cells(&html, "Acked"), ["0/s", "", "0/s"]);
    assert_eq!(cells(&html, "Ack time"), ["", "", ""]);
}
