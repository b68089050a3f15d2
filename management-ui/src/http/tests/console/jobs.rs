//! Jobs: ordered by a form, watched, stopped.

use ferrymq_broker::jobs::State;
use serde_json::json;

use super::Browser;

impl Browser {
    /// A queue with `count` messages, the numbers from 1 on.
    pub(super) async fn fill(&self, queue: &str, count: usize) {
        let path = format!("/api/queues/%2F/{queue}");
        self.fixture.check("PUT", &path, "{}", 201).await;
        for number in 1..=count {
            self.publish(queue, json!({}), &number.to_string()).await;
        }
    }

    /// A message into a queue.
    pub(super) async fn publish(&self, queue: &str, properties: serde_json::Value, payload: &str) {
        let message = json!({
            "routing_key": queue,
            "properties": properties,
            "payload": payload,
            "payload_encoding": "string",
        });
        let publish = "/api/exchanges/%2F/amq.default/publish";
        let message = message.to_string();
        let published = self.fixture.check("POST", publish, &message, 200).await;
        assert_eq!(published.json["routed"], true);
    }

    /// Messages that wait in a queue.
    pub(super) async fn ready(&self, queue: &str) -> u64 {
        let path = format!("/api/queues/%2F/{queue}");
        let queue = self.fixture.check("GET", &path, "", 200).await;
        queue.json["messages_ready"].as_u64().unwrap()
    }

    /// Waits until a job has ended.
    pub(super) async fn ended(&self, id: u64) -> State {
        let job = self.fixture.broker.jobs().find(id).unwrap();
        job.ended().await
    }
}

#[tokio::test]
async fn messages_are_moved_by_a_form() {
    let browser = Browser::start().await;
    browser.fill("from", 3).await;
    browser.fill("to", 0).await;
    let asked = browser
        .page("start-job?task=move&vhost=%2F&source=from")
        .await;
    assert!(asked.contains("<strong>3 messages</strong>"), "{asked}");
    let fields =
        "vhost=%2F&source=from&task=move&target_kind=queue&target=to&filter=%2F%5B23%5D%2F";
    let sent = browser.send("start-job", "start-job", fields).await;
    assert_eq!(sent.header("location"), Some("job?id=1"), "{sent:?}");
    assert_eq!(browser.ended(1).await, State::Done);
    assert_eq!(browser.ready("from").await, 1);
    assert_eq!(browser.ready("to").await, 2);
    let job = browser.page("job?id=1").await;
    for part in ["data-state=\"done\"", "Job 1 started", "/[23]/", "guest"] {
        assert!(job.contains(part), "{part}: {job}");
    }
    let list = browser.page("jobs").await;
    assert!(
        list.contains("href=\"job?id=1\"") && list.contains("<progress"),
        "{list}"
    );
}

#[tokio::test]
async fn only_what_was_selected_is_copied() {
    let browser = Browser::start().await;
    browser.fill("q", 3).await;
    let asked = "start-job?task=copy&vhost=%2F&source=q&key=1&key=3&filter=x";
    let page = browser.page(asked).await;
    assert!(page.contains("<strong>2 messages</strong>"), "{page}");
    assert!(page.contains("name=\"selected\" value=\"1,3\""), "{page}");
    let fields = "vhost=%2F&source=q&task=copy&target_kind=queue&target=q&selected=1%2C3";
    browser.send("start-job", "start-job", fields).await;
    assert_eq!(browser.ended(1).await, State::Done);
    assert_eq!(browser.ready("q").await, 5);
}

#[tokio::test]
async fn what_deletes_much_is_typed() {
    let browser = Browser::start().await;
    browser.fill("q", 11).await;
    let asked = browser
        .page("start-job?task=purge&vhost=%2F&source=q")
        .await;
    assert!(asked.contains("Type <strong>q</strong>"), "{asked}");
    let fields = "vhost=%2F&source=q&task=purge";
    let refused = browser
        .send("start-job", "start-job?task=purge", fields)
        .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("This deletes 11 messages"));
    let few = format!("{fields}&selected=1%2C2");
    browser.send("start-job", "start-job", &few).await;
    assert_eq!(browser.ended(1).await, State::Done);
    let all = format!("{fields}&typed=q");
    browser.send("start-job", "start-job", &all).await;
    assert_eq!(browser.ended(2).await, State::Done);
    assert_eq!(browser.ready("q").await, 0);
}

#[tokio::test]
async fn an_order_that_can_not_be_is_told_of() {
    let browser = Browser::start().await;
    browser.fill("q", 1).await;
    let check = async |fields: &str, reason: &str| {
        let fields = format!("vhost=%2F&source=q&{fields}");
        let from = "start-job?vhost=%252F";
        let refused = browser.send("start-job", from, &fields).await;
        assert!(refused.status >= 400, "{fields}: {refused:?}");
        assert!(refused.text.contains(reason), "{fields}: {}", refused.text);
    };
    check("task=move&target_kind=queue", "Where do the messages go?").await;
    check("task=copy&target=q&rate=fast", "rate must be a number").await;
    check("task=copy&target=q&rate=fast", "value=\"fast\"").await;
    check("task=purge&filter=%2F(%2F", "regular expression").await;
    check("task=copy&target=missing", "missing").await;
}

#[tokio::test]
async fn a_job_is_stopped() {
    let browser = Browser::start().await;
    browser.fill("q", 5).await;
    let fields = "vhost=%2F&source=q&task=copy&target_kind=queue&target=q&rate=1";
    browser.send("start-job", "start-job", fields).await;
    let page = browser.page("job?id=1").await;
    assert!(page.contains("data-state=\"running\""), "{page}");
    let stop = "do=stop-job&key=%5B1%5D&back=jobs";
    let stopped = browser.send("confirm", "jobs", stop).await;
    assert_eq!(stopped.header("location"), Some("jobs"), "{stopped:?}");
    assert_eq!(browser.ended(1).await, State::Cancelled);
    assert!(browser.page("job?id=1").await.contains("stopped"));
    assert_eq!(browser.open("job?id=7").await.status, 404);
}
