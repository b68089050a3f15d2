//! Browse, tail, delayed messages, jobs, events, routing tests: endpoints that only FerryMQ has.

use std::sync::Arc;

use ferrymq_broker::FieldTable;
use ferrymq_broker::auth::{PasswordHash, PermissionSet};
use ferrymq_broker::browse::Mask;
use ferrymq_broker::clock;
use ferrymq_broker::content;
use ferrymq_broker::message::Message;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::shared::{SharedQueue, Work};
use ferrymq_broker::vhost::{Pending, VHost};
use ferrymq_broker::{AMQPValue, Properties};
use serde_json::{Value, json};

use super::super::fixture::{Fixture, PATIENCE, Reader};

/// A name with all that paths can do wrong with, and as it stands in one.
const ODD: (&str, &str) = ("a/b%\n🚢", "a%2Fb%25%0A%F0%9F%9A%A2");

fn vhost(fixture: &Fixture) -> Arc<VHost> {
    fixture.broker.vhost("/").unwrap()
}

fn queue(fixture: &Fixture, name: &str) -> Arc<SharedQueue> {
    Arc::clone(&vhost(fixture).snapshot().queues[name])
}

/// Publishes as the broker itself does.
fn publish_with(fixture: &Fixture, exchange: &str, key: &str, headers: &FieldTable, body: &str) {
    let vhost = vhost(fixture);
    let properties = content::with_only_headers(headers, None);
    let address = [
        &[exchange.len() as u8],
        exchange.as_bytes(),
        &[key.len() as u8],
        key.as_bytes(),
    ];
    let address = address.concat();
    let bytes = [&address[..], &properties, body.as_bytes()].concat();
    let parsed = Properties::parse(&properties).unwrap();
    let route = vhost.find_route(exchange, &[key], Some(&parsed));
    let mut pending = Pending::default();
    let message = Message::small(&bytes, address.len(), properties.len(), false);
    pending.messages.push(message);
    let mut work = Work::default();
    work.set_now(clock::now());
    vhost.publish(&route, &mut pending, &mut work);
    vhost.finish(&mut work);
}

fn publish(fixture: &Fixture, queue: &str, bodies: impl IntoIterator<Item = String>) {
    for body in bodies {
        publish_with(fixture, "", queue, &FieldTable::default(), &body);
    }
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

fn payloads(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    let text = |item: &Value| item["payload"].as_str().unwrap().to_owned();
    items.map(text).collect()
}

fn header(name: &str, value: i64) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), AMQPValue::LongLongInt(value));
    headers
}

/// A user who may see `/` and has these permissions there: configure, write, read.
fn user(fixture: &Fixture, name: &str, [configure, write, read]: [&str; 3], tags: &[&str]) {
    let broker = &fixture.broker;
    let hash = PasswordHash::sha256(name.as_bytes());
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    broker.put_user(name, hash, tags, "guest").unwrap();
    let set = PermissionSet::parse(configure, write, read).unwrap();
    broker.set_permissions(name, "/", set, "guest").unwrap();
}

#[tokio::test]
async fn browsing_pages_through_a_queue_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let (name, path) = ODD;
    fixture
        .check("PUT", &format!("/api/queues/%2F/{path}"), "", 201)
        .await;
    publish(&fixture, name, numbers(120));
    let state = || {
        let queue = queue(&fixture, name);
        queue.inspect(|queue| {
            (
                format!("{:?}", queue.counts()),
                format!("{:?}", queue.activity()),
            )
        })
    };
    let before = state();
    let browse = format!("/api/queues/%2F/{path}/browse");
    let page = fixture.check("GET", &browse, "", 200).await.json;
    assert_eq!(payloads(&page), numbers(50).collect::<Vec<_>>());
    assert_eq!(page["total"], 120);
    let cursor = page["cursor"].as_str().unwrap();
    let next = format!("{browse}?limit=1000&cursor={cursor}");
    let page = fixture.check("GET", &next, "", 200).await.json;
    assert_eq!(payloads(&page).len(), 70);
    assert_eq!(
        (&page["cursor"], &page["scanned"]),
        (&Value::Null, &json!(70))
    );
    let tail = format!("{browse}?from=tail&limit=2");
    let page = fixture.check("GET", &tail, "", 200).await.json;
    assert_eq!(payloads(&page), ["119", "118"]);
    assert_eq!(page["items"][0]["position"], 120);
    let cursor = page["cursor"].as_str().unwrap();
    let next = format!("{browse}?limit=1&cursor={cursor}");
    let page = fixture.check("GET", &next, "", 200).await.json;
    assert_eq!(payloads(&page), ["117"]);
    let filtered = format!("{browse}?filter=7%20size:2&limit=3");
    let page = fixture.check("GET", &filtered, "", 200).await.json;
    assert_eq!(payloads(&page), ["17", "27", "37"]);
    assert_eq!(
        (&page["matched"], &page["scanned"]),
        (&json!(3), &json!(38))
    );
    assert_eq!(state(), before);
}

#[tokio::test]
async fn one_message_is_shown_whole() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    let body = "é".repeat(1500);
    publish_with(&fixture, "", "q", &header("n", 7), &body);
    let page = fixture
        .check(
            "GET",
            "/api/queues/%2F/q/browse?truncate=5&offset=2",
            "",
            200,
        )
        .await;
    let item = &page.json["items"][0];
    assert_eq!(
        (&item["payload"], &item["payload_bytes"]),
        (&json!("éé"), &json!(3000))
    );
    assert_eq!(item["properties"], json!({ "headers": { "n": 7 } }));
    assert_eq!(
        (&item["redelivered"], &item["age"]),
        (&json!(false), &Value::Null)
    );
    let sequence = item["sequence"].as_u64().unwrap();
    let one = format!("/api/queues/%2F/q/messages/{sequence}");
    let whole = fixture.check("GET", &one, "", 200).await.json;
    assert_eq!(whole["payload"], json!(body));
    let file = fixture
        .check("GET", &format!("{one}/payload"), "", 200)
        .await;
    assert_eq!(file.text, body);
    assert_eq!(
        file.header("content-type"),
        Some("application/octet-stream")
    );
    let missing = format!("/api/queues/%2F/q/messages/{}", sequence + 1);
    fixture.check("GET", &missing, "", 404).await;
    fixture
        .check("GET", "/api/queues/%2F/q/messages/x", "", 400)
        .await;
}

#[tokio::test]
async fn looks_that_cannot_be_are_refused() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    for (query, part) in [
        ("limit=0", "limit must be a number from 1 to 1000"),
        ("limit=1001", "limit must be"),
        ("from=middle", "from must be head or tail"),
        ("cursor=x", "cursor"),
        ("truncate=-1", "truncate must be"),
        ("encoding=hex", "encoding must be auto or base64"),
        ("filter=%22", "filter"),
        ("filter=size:%3Ebig", "size:>big"),
    ] {
        for place in ["browse", "tail"] {
            if place == "tail" && !query.starts_with(['t', 'e', 'f']) || query.starts_with("from") {
                continue;
            }
            let path = format!("/api/queues/%2F/q/{place}?{query}");
            let refused = fixture.check("GET", &path, "", 400).await.json;
            let reason = refused["reason"].as_str().unwrap();
            assert!(reason.contains(part), "{path}: {reason}");
        }
    }
    for place in ["browse", "tail", "delayed", "unacked", "messages/1"] {
        let path = format!("/api/queues/%2F/none/{place}");
        fixture.check("GET", &path, "", 404).await;
        let path = format!("/api/queues/none/q/{place}");
        fixture.check("GET", &path, "", 404).await;
    }
}

#[tokio::test]
async fn reading_needs_the_right_to_read() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    user(&fixture, "writer", ["", ".*", "^other"], &["management"]);
    user(&fixture, "nobody", [".*", ".*", ".*"], &[]);
    for place in ["browse", "tail", "delayed", "unacked", "messages/1"] {
        let path = format!("/api/queues/%2F/q/{place}");
        for credentials in ["writer:writer", "nobody:nobody"] {
            let reply = fixture.call_as(credentials, "GET", &path, "").await;
            assert_eq!(reply.status, 401, "{credentials} {path}: {reply:?}");
        }
    }
    let order = r#"{"vhost":"/","source":"q","task":"purge"}"#;
    let reply = fixture
        .call_as("writer:writer", "POST", "/api/jobs", order)
        .await;
    assert_eq!(reply.status, 401);
    let reply = fixture
        .call_as("writer:writer", "GET", "/api/events", "")
        .await;
    assert_eq!(
        (reply.status, &reply.json["reason"]),
        (401, &json!("Not monitor user"))
    );
}

#[tokio::test]
async fn a_job_does_what_it_was_asked_to() {
    let fixture = Fixture::start().await;
    for queue in ["from", "to"] {
        fixture
            .check("PUT", &format!("/api/queues/%2F/{queue}"), "", 201)
            .await;
    }
    publish(&fixture, "from", numbers(100));
    let order = r#"{"vhost":"/","source":"from","task":"move","target":{"queue":"to"},"filter":"7","limit":5}"#;
    let begun = fixture.check("POST", "/api/jobs", order, 201).await;
    let id = begun.json["id"].as_u64().unwrap();
    assert_eq!(
        begun.header("location"),
        Some(format!("jobs/{id}").as_str())
    );
    let job = fixture.broker.jobs().find(id).unwrap();
    job.ended().await;
    let path = format!("/api/jobs/{id}");
    let job = fixture.check("GET", &path, "", 200).await.json;
    assert_eq!(
        (&job["state"], &job["progress"]["done"]),
        (&json!("done"), &json!(5))
    );
    assert_eq!(
        (&job["target"], &job["user"]),
        (&json!({"queue": "to"}), &json!("guest"))
    );
    assert_eq!(queue(&fixture, "to").inspect(Queue::counts).ready, 5);
    let slow = r#"{"vhost":"/","source":"from","task":"purge","rate":1}"#;
    let id = fixture.check("POST", "/api/jobs", slow, 201).await.json["id"]
        .as_u64()
        .unwrap();
    let path = format!("/api/jobs/{id}");
    user(&fixture, "other", [".*", ".*", ".*"], &["management"]);
    assert_eq!(
        fixture
            .call_as("other:other", "DELETE", &path, "")
            .await
            .status,
        401
    );
    assert_eq!(
        fixture
            .call_as("other:other", "GET", &path, "")
            .await
            .status,
        200
    );
    fixture.check("DELETE", &path, "", 204).await;
    fixture.broker.jobs().find(id).unwrap().ended().await;
    assert_eq!(
        fixture.check("GET", &path, "", 200).await.json["state"],
        "cancelled"
    );
    let list = fixture.check("GET", "/api/jobs", "", 200).await.json;
    assert_eq!(list.as_array().unwrap().len(), 2);
    fixture.check("GET", "/api/jobs/99", "", 404).await;
    fixture.check("DELETE", "/api/jobs/99", "", 404).await;
    fixture.check("GET", "/api/jobs/x", "", 400).await;
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    for (order, status, part) in [
        (r#"{}"#, 400, "vhost"),
        (
            r#"{"vhost":"/","source":"q","task":"burn"}"#,
            400,
            "task must be",
        ),
        (r#"{"vhost":"/","source":"q","task":"move"}"#, 400, "target"),
        (
            r#"{"vhost":"/","source":"q","task":"move","target":{}}"#,
            400,
            "target",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"move","target":{"queue":"none"}}"#,
            404,
            "none",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"copy","target":{"exchange":"none"}}"#,
            404,
            "none",
        ),
        (
            r#"{"vhost":"/","source":"none","task":"purge"}"#,
            404,
            "queue_not_found",
        ),
        (
            r#"{"vhost":"none","source":"q","task":"purge"}"#,
            404,
            "vhost_not_found",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"purge","limit":0}"#,
            400,
            "limit must be",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"purge","rate":"x"}"#,
            400,
            "rate must be",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"purge","filter":"size:"}"#,
            201,
            "",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"purge","filter":"age:>x"}"#,
            400,
            "age:>x",
        ),
        (
            r#"{"vhost":"/","source":"q","task":"redrive","origin":"x"}"#,
            400,
            "origin must be",
        ),
    ] {
        let reply = fixture.check("POST", "/api/jobs", order, status).await.json;
        let reason = reply["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(part), "{order}: {reason}");
    }
}

#[tokio::test]
async fn delayed_messages_are_listed_and_cancelled() {
    let fixture = Fixture::start().await;
    let delayed = r#"{"arguments":{"x-delayed":true}}"#;
    fixture
        .check("PUT", "/api/queues/%2F/q", delayed, 201)
        .await;
    let exchange = r#"{"type":"x-delayed-message","arguments":{"x-delayed-type":"fanout"}}"#;
    fixture
        .check("PUT", "/api/exchanges/%2F/x", exchange, 201)
        .await;
    for number in 1..=3 {
        let delay = header("x-delay", 3_600_000 * (4 - number));
        publish_with(&fixture, "", "q", &delay, &number.to_string());
        publish_with(&fixture, "x", "k", &delay, &number.to_string());
    }
    for path in ["/api/queues/%2F/q/delayed", "/api/exchanges/%2F/x/delayed"] {
        let page = fixture
            .check("GET", &format!("{path}?limit=2"), "", 200)
            .await
            .json;
        assert_eq!(
            (payloads(&page), &page["total"]),
            (vec!["3".into(), "2".into()], &json!(3))
        );
        let cursor = page["cursor"].as_str().unwrap();
        let next = format!("{path}?limit=2&cursor={cursor}");
        let rest = fixture.check("GET", &next, "", 200).await.json;
        assert_eq!(
            (payloads(&rest), &rest["cursor"]),
            (vec!["1".into()], &Value::Null)
        );
        let sequence = page["items"][0]["sequence"].as_u64().unwrap();
        let one = format!("{path}/{sequence}");
        fixture.check("DELETE", &one, "", 204).await;
        fixture.check("DELETE", &one, "", 404).await;
        fixture.check("DELETE", &format!("{path}/x"), "", 400).await;
        fixture
            .check("GET", &format!("{path}?cursor=x"), "", 400)
            .await;
        fixture.check("DELETE", path, "", 204).await;
        let page = fixture.check("GET", path, "", 200).await.json;
        assert_eq!((&page["total"], &page["items"]), (&json!(0), &json!([])));
    }
    let none = fixture
        .check("GET", "/api/exchanges/%2F/amq.direct/delayed", "", 200)
        .await;
    assert_eq!(none.json["total"], 0);
    fixture
        .check("GET", "/api/exchanges/%2F/none/delayed", "", 404)
        .await;
}

#[tokio::test]
async fn where_a_message_would_go_is_explained() {
    let fixture = Fixture::start().await;
    let (name, path) = ODD;
    fixture
        .check("PUT", &format!("/api/queues/%2F/{path}"), "", 201)
        .await;
    let default = format!("/api/exchanges/%2F/amq.default/route?routing_key={path}");
    let trace = fixture.check("GET", &default, "", 200).await.json;
    let step = json!({ "type": "queue_name", "destination": name });
    assert_eq!(
        trace,
        json!({ "routed": true, "queues": [name], "steps": [step] })
    );
    let nowhere = fixture
        .check("GET", "/api/exchanges/%2F/amq.topic/route", "", 200)
        .await
        .json;
    assert_eq!(
        nowhere,
        json!({ "routed": false, "queues": [], "steps": [] })
    );
    for (query, part) in [
        ("headers=1", "headers"),
        ("headers=%7B%22a%22:null%7D", "headers"),
    ] {
        let path = format!("/api/exchanges/%2F/amq.headers/route?{query}");
        let refused = fixture.check("GET", &path, "", 400).await.json;
        assert!(refused["reason"].as_str().unwrap().contains(part));
    }
    fixture
        .check("GET", "/api/exchanges/%2F/none/route", "", 404)
        .await;
}

#[tokio::test]
async fn consumers_that_are_not_there_are_not_cancelled() {
    let fixture = Fixture::start().await;
    fixture
        .check("DELETE", "/api/consumers/%2F/c/1/t", "", 404)
        .await;
    fixture
        .check("DELETE", "/api/consumers/%2F/c/x/t", "", 400)
        .await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    let none = fixture
        .check("GET", "/api/queues/%2F/q/unacked", "", 200)
        .await
        .json;
    assert_eq!(none, json!({ "total": 0, "complete": true, "items": [] }));
}

#[tokio::test]
async fn masked_fields_are_shown_to_nobody_and_found_by_no_filter() {
    let fixture = Fixture::start_with(|config| {
        let paths = ["$.card.number".to_owned(), "$..password".to_owned()];
        config.http.masked_fields = Mask::parse(&paths).unwrap();
    })
    .await;
    let delayed = r#"{"arguments":{"x-delayed":true}}"#;
    fixture
        .check("PUT", "/api/queues/%2F/q", delayed, 201)
        .await;
    let mut reader = Reader::open(&fixture, "/api/queues/%2F/q/tail", "").await;
    let secret = r#"{"card":{"number":"4711 0815","name":"A"},"deep":[{"password":1}]}"#;
    let shown = r#"{"card":{"number":"•••","name":"A"},"deep":[{"password":"•••"}]}"#;
    publish(&fixture, "q", [secret.to_owned(), "4711 plain".to_owned()]);
    publish_with(&fixture, "", "q", &header("x-delay", 3_600_000), secret);
    let check = |message: &Value| {
        assert_eq!(message["payload"], json!(shown));
        assert_eq!(message["payload_masked"], json!("fields"));
        assert_eq!(message["payload_bytes"], json!(shown.len()));
    };
    check(&reader.next().await.unwrap().data);
    let get = async |path: &str| fixture.check("GET", path, "", 200).await.json;
    let all = get("/api/queues/%2F/q/browse").await;
    check(&all["items"][0]);
    assert_eq!(all["items"][1]["payload"], json!("4711 plain"));
    assert_eq!(all["items"][1].get("payload_masked"), None);
    let cut = get("/api/queues/%2F/q/browse?truncate=8&offset=8").await;
    assert_eq!(cut["items"][0]["payload"], json!(&shown[8..16]));
    check(&get("/api/queues/%2F/q/messages/1").await);
    check(&get("/api/queues/%2F/q/delayed").await["items"][0]);
    let file = fixture
        .call("GET", "/api/queues/%2F/q/messages/1/payload", "")
        .await;
    assert_eq!(file.text, shown);
    for (filter, matched) in [("4711", 1), ("/0815/", 0), ("json.$.card.name:A", 1)] {
        let found = get(&format!("/api/queues/%2F/q/browse?filter={filter}")).await;
        assert_eq!(found["matched"], json!(matched), "{filter}");
    }
    let asks = "filter=json.$.card.number:4711";
    for place in ["browse", "tail"] {
        let path = format!("/api/queues/%2F/q/{place}?{asks}");
        let refused = fixture.check("GET", &path, "", 400).await.json;
        let reason = refused["reason"].as_str().unwrap();
        assert!(
            reason.contains("is masked by http.masked_fields"),
            "{reason}"
        );
    }
    let order =
        json!({ "vhost": "/", "source": "q", "task": "purge", "filter": "json.$.card.number:1" });
    let refused = fixture
        .check("POST", "/api/jobs", &order.to_string(), 400)
        .await;
    assert!(refused.json["reason"].as_str().unwrap().contains("masked"));
    let get = r#"{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}"#;
    let got = fixture
        .check("POST", "/api/queues/%2F/q/get", get, 200)
        .await;
    check(&got.json[0]);
}

#[tokio::test]
async fn only_what_is_unacked_is_returned_and_only_by_whom_it_concerns() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    let path = "/api/queues/%2F/q/unacked/requeue";
    for (body, status, words) in [
        ("{}", 400, "connection"),
        (
            r#"{"connection":"c","channel":70000}"#,
            400,
            "channel must be",
        ),
        (
            r#"{"connection":"c","delivery_tag":1}"#,
            400,
            "need a channel",
        ),
        (r#"{"connection":"c"}"#, 404, ""),
    ] {
        let reply = fixture.check("POST", path, body, status).await;
        let reason = reply.json["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{body}: {reason}");
    }
    user(&fixture, "writer", ["", ".*", ""], &["management"]);
    let body = r#"{"connection":"c"}"#;
    let refused = fixture.call_as("writer:writer", "POST", path, body).await;
    assert_eq!(refused.status, 401, "{refused:?}");
}

#[tokio::test]
async fn a_tail_shows_what_is_routed_into_its_queue_until_that_goes() {
    let fixture = Fixture::start().await;
    let (name, path) = ODD;
    fixture
        .check("PUT", &format!("/api/queues/%2F/{path}"), "", 201)
        .await;
    let tail = format!("/api/queues/%2F/{path}/tail?rate=1000&filter=header.n:%3E1&truncate=1");
    let mut reader = Reader::open(&fixture, &tail, "").await;
    assert!(reader.head.contains("content-type: text/event-stream"));
    assert!(!reader.head.contains("content-encoding"));
    for number in 0..4 {
        publish_with(
            &fixture,
            "",
            name,
            &header("n", number),
            &format!("{number}!"),
        );
    }
    for number in [2, 3] {
        let event = reader.next().await.unwrap();
        assert_eq!(event.name, "message");
        assert_eq!(event.data["payload"], json!(number.to_string()));
        assert_eq!(
            (&event.data["payload_bytes"], &event.data["dropped"]),
            (&json!(2), &json!(0))
        );
        assert_eq!(event.data["routing_key"], json!(name));
    }
    fixture
        .check("DELETE", &format!("/api/queues/%2F/{path}"), "", 204)
        .await;
    let end = reader.next().await.unwrap();
    assert_eq!(
        (end.name.as_str(), &end.data["reason"]),
        ("end", &json!("gone"))
    );
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_tail_that_is_too_slow_shows_the_latest_and_counts_the_rest() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    let mut reader = Reader::open(&fixture, "/api/queues/%2F/q/tail?rate=2", "").await;
    publish(&fixture, "q", numbers(3000));
    let mut seen = 0;
    loop {
        let event = reader.next().await.unwrap();
        seen += 1 + event.data["dropped"].as_u64().unwrap();
        if event.data["payload"] == json!("2999") {
            break;
        }
    }
    assert_eq!(seen, 3000);
    assert_eq!(queue(&fixture, "q").inspect(Queue::counts).ready, 3000);
}

#[tokio::test]
async fn a_reader_who_loses_the_right_to_read_is_sent_away() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    user(&fixture, "reader", ["", "", ".*"], &["management"]);
    let mut reader = Reader::open_as(&fixture, "reader:reader", "/api/queues/%2F/q/tail", "").await;
    user(&fixture, "reader", ["", "", ""], &["management"]);
    let end = reader.next().await.unwrap();
    assert_eq!(end.data["reason"], json!("not_authorised"));
}

#[tokio::test]
async fn events_are_heard_and_a_reader_goes_on_where_it_was() {
    let fixture = Fixture::start().await;
    let mut reader = Reader::open(&fixture, "/api/events?types=queue&vhost=%2F", "").await;
    for queue in ["a", "b", "c"] {
        fixture
            .check("PUT", &format!("/api/queues/%2F/{queue}"), "", 201)
            .await;
    }
    let first = reader.next().await.unwrap();
    assert_eq!(
        (first.name.as_str(), &first.data["fields"]["name"]),
        ("queue.created", &json!("a"))
    );
    let id = first.id;
    drop(reader);
    let again = format!("Last-Event-ID: {id}\r\n");
    let mut reader = Reader::open(&fixture, "/api/events?types=queue", &again).await;
    for queue in ["b", "c"] {
        let event = reader.next().await.unwrap();
        assert_eq!(event.data["fields"]["name"], json!(queue));
    }
    fixture.broker.begin_shutdown();
    let end = reader.next().await.unwrap();
    assert_eq!(end.data["reason"], json!("shutdown"));
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn there_is_room_for_so_many_streams() {
    let fixture = Fixture::start().await;
    let mut readers = Vec::new();
    for _ in 0..crate::sse::MAX_STREAMS {
        readers.push(Reader::open(&fixture, "/api/events", "").await);
    }
    let refused = fixture.check("GET", "/api/events", "", 503).await.json;
    assert!(
        refused["reason"]
            .as_str()
            .unwrap()
            .contains("event streams")
    );
    drop(readers);
    let again = async {
        loop {
            let reader = Reader::try_open(&fixture, "guest:guest", "/api/events", "").await;
            if reader.is_some() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_batch_is_confirmed_together_and_tells_of_each() {
    let fixture = Fixture::start().await;
    fixture
        .check("PUT", "/api/queues/%2F/q", r#"{"durable":true}"#, 201)
        .await;
    let batch = "/api/exchanges/%2F/amq.default/publish/batch";
    let message = |key: &str, encoding: &str| {
        json!({
            "routing_key": key, "payload": "hi", "payload_encoding": encoding,
            "properties": { "delivery_mode": 2 },
        })
    };
    let messages = [
        message("q", "string"),
        message("none", "string"),
        message("q", "hex"),
    ];
    let body = json!({ "messages": messages }).to_string();
    let sent = fixture.check("POST", batch, &body, 200).await.json;
    assert_eq!(
        (&sent["published"], &sent["routed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(sent["results"][0], json!({ "routed": true }));
    assert_eq!(sent["results"][1], json!({ "routed": false }));
    assert_eq!(sent["results"][2]["error"], "bad_request");
    assert_eq!(queue(&fixture, "q").inspect(Queue::counts).ready, 1);
    let many = json!({ "messages": vec![message("q", "string"); 1001] }).to_string();
    for body in [
        "{}",
        r#"{"messages":{}}"#,
        r#"{"messages":[]}"#,
        r#"{"messages":[1]}"#,
        &many,
    ] {
        fixture.check("POST", batch, body, 400).await;
    }
    let none = "/api/exchanges/%2F/none/publish/batch";
    let body = json!({ "messages": [message("q", "string")] }).to_string();
    fixture.check("POST", none, &body, 404).await;
    user(&fixture, "reader", ["", "", ".*"], &["management"]);
    assert_eq!(
        fixture
            .call_as("reader:reader", "POST", batch, &body)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_vhost_that_no_client_could_open_is_not_made() {
    let fixture = Fixture::start().await;
    let refused = fixture
        .check("PUT", &format!("/api/vhosts/{}", "v".repeat(256)), "", 400)
        .await;
    assert_eq!(
        refused.json["reason"],
        "vhost name has 256 bytes, it may have 255"
    );
    fixture
        .check("PUT", &format!("/api/vhosts/{}", "v".repeat(255)), "", 201)
        .await;
}

#[tokio::test]
async fn looking_at_messages_can_be_forbidden() {
    let fixture = Fixture::start_with(|config| config.http.message_browser = false).await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    for place in ["browse", "tail", "delayed", "messages/1"] {
        let path = format!("/api/queues/%2F/q/{place}");
        let refused = fixture.check("GET", &path, "", 400).await.json;
        assert!(
            refused["reason"]
                .as_str()
                .unwrap()
                .contains("http.message_browser")
        );
    }
}
