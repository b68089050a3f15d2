//! Which queues get a message: every exchange type, seen from outside.

use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ExchangeKind};

use crate::support::*;

/// A fresh exchange, and channels to declare and to publish on.
struct Bench {
    _server: Server,
    connection: Connection,
    channel: Channel,
    publisher: Channel,
}

impl Bench {
    async fn new() -> Self {
        let server = Server::start();
        let (connection, channel) = server.channel().await;
        let publisher = open_confirming(&connection).await;
        Self {
            _server: server,
            connection,
            channel,
            publisher,
        }
    }

    async fn exchange(&self, kind: ExchangeKind) -> String {
        self.exchange_with(
            kind,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
    }

    async fn exchange_with(
        &self,
        kind: ExchangeKind,
        mut options: ExchangeDeclareOptions,
        arguments: FieldTable,
    ) -> String {
        let name = unique("exchange");
        options.auto_delete = true;
        let declared =
            self.channel
                .exchange_declare(name.as_str().into(), kind, options, arguments);
        within(declared).await.expect("declare an exchange");
        name
    }

    /// A new queue, bound to `exchange`.
    async fn bound(&self, exchange: &str, key: &str, arguments: FieldTable) -> String {
        let queue = temporary_queue(&self.channel).await;
        self.bind(&queue, exchange, key, arguments).await;
        queue
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str, arguments: FieldTable) {
        let options = QueueBindOptions::default();
        let (queue, exchange) = (queue.into(), exchange.into());
        let bound = self
            .channel
            .queue_bind(queue, exchange, key.into(), options, arguments);
        within(bound).await.expect("bind");
    }

    async fn bind_exchange(&self, target: &str, source: &str, key: &str) {
        let (options, arguments): (ExchangeBindOptions, _) = Default::default();
        let (target, source) = (target.into(), source.into());
        let bound = self
            .channel
            .exchange_bind(target, source, key.into(), options, arguments);
        within(bound).await.expect("bind exchanges");
    }

    async fn publish(&self, exchange: &str, key: &str, body: &str) {
        publish(&self.publisher, exchange, key, body.as_bytes()).await;
    }

    async fn publish_with_headers(&self, exchange: &str, body: &str, headers: FieldTable) {
        let properties = BasicProperties::default().with_headers(headers);
        publish_with(&self.publisher, exchange, "", body.as_bytes(), properties).await;
    }

    async fn received(&self, queue: &str) -> Vec<String> {
        drain(&self.channel, queue).await
    }
}

#[tokio::test]
async fn the_default_exchange_routes_by_queue_name() {
    let bench = Bench::new().await;
    let queue = temporary_queue(&bench.channel).await;
    bench.publish("", &queue, "by name").await;
    assert_eq!(bench.received(&queue).await, ["by name"]);
}

#[tokio::test]
async fn direct_routes_by_equal_keys() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Direct).await;
    let red = bench.bound(&exchange, "red", FieldTable::default()).await;
    let both = bench.bound(&exchange, "red", FieldTable::default()).await;
    bench
        .bind(&both, &exchange, "green", FieldTable::default())
        .await;
    for key in ["red", "green", "blue", "RED", ""] {
        bench.publish(&exchange, key, key).await;
    }
    assert_eq!(bench.received(&red).await, ["red"]);
    assert_eq!(bench.received(&both).await, ["red", "green"]);
}

#[tokio::test]
async fn fanout_ignores_the_key() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Fanout).await;
    let first = bench
        .bound(&exchange, "ignored", FieldTable::default())
        .await;
    let second = bench.bound(&exchange, "", FieldTable::default()).await;
    bench.publish(&exchange, "any", "to all").await;
    assert_eq!(bench.received(&first).await, ["to all"]);
    assert_eq!(bench.received(&second).await, ["to all"]);
}

#[tokio::test]
async fn topic_matches_words_stars_and_hashes() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Topic).await;
    let keys = ["a", "a.b", "a.b.c", "a..c", "x.b", "", "."];
    let cases: &[(&str, &[&str])] = &[
        ("#", &keys),
        ("a", &["a"]),
        ("a.*", &["a.b"]),
        ("a.#", &["a", "a.b", "a.b.c", "a..c"]),
        ("*.b", &["a.b", "x.b"]),
        ("#.c", &["a.b.c", "a..c"]),
        ("a.*.c", &["a.b.c", "a..c"]),
        ("#.b.#", &["a.b", "a.b.c", "x.b"]),
        ("*", &["a"]),
        ("*.*", &["a.b", "x.b", "."]),
        ("", &[""]),
    ];
    let mut queues = Vec::new();
    for (pattern, _) in cases {
        queues.push(bench.bound(&exchange, pattern, FieldTable::default()).await);
    }
    for key in keys {
        bench.publish(&exchange, key, key).await;
    }
    for ((pattern, expected), queue) in cases.iter().zip(&queues) {
        assert_eq!(&bench.received(queue).await, expected, "{pattern}");
    }
}

#[tokio::test]
async fn headers_match_all_or_any() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Headers).await;
    let matching = |form: &str| {
        let mut arguments = table([
            ("format", long_string("pdf")),
            ("pages", AMQPValue::LongInt(3)),
            ("x-secret", long_string("s")),
        ]);
        arguments.insert("x-match".into(), long_string(form));
        arguments
    };
    let all = bench.bound(&exchange, "", matching("all")).await;
    let any = bench.bound(&exchange, "", matching("any")).await;
    let pdf = ("format", long_string("pdf"));
    let three = ("pages", AMQPValue::LongLongInt(3));
    bench
        .publish_with_headers(&exchange, "pdf", table([pdf.clone()]))
        .await;
    bench
        .publish_with_headers(&exchange, "pdf 3", table([pdf.clone(), three.clone()]))
        .await;
    bench
        .publish_with_headers(&exchange, "text", table([("format", long_string("text"))]))
        .await;
    bench
        .publish_with_headers(&exchange, "secret", table([("x-secret", long_string("s"))]))
        .await;
    bench.publish(&exchange, "pdf", "no headers").await;
    assert_eq!(bench.received(&all).await, ["pdf 3"]);
    assert_eq!(bench.received(&any).await, ["pdf", "pdf 3"]);
}

#[tokio::test]
async fn headers_match_with_x_headers_too_when_asked() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Headers).await;
    let matching = |form| {
        table([
            ("x-match", long_string(form)),
            ("x-kind", long_string("a")),
            ("n", AMQPValue::Void),
        ])
    };
    let all = bench.bound(&exchange, "", matching("all-with-x")).await;
    let any = bench.bound(&exchange, "", matching("any-with-x")).await;
    let kind = ("x-kind", long_string("a"));
    let number = ("n", AMQPValue::LongInt(1));
    bench
        .publish_with_headers(&exchange, "kind", table([kind.clone()]))
        .await;
    bench
        .publish_with_headers(&exchange, "both", table([kind, number.clone()]))
        .await;
    bench
        .publish_with_headers(&exchange, "number", table([number]))
        .await;
    assert_eq!(
        bench.received(&all).await,
        ["both"],
        "a void argument asks only for the header"
    );
    assert_eq!(bench.received(&any).await, ["kind", "both", "number"]);
}

#[tokio::test]
async fn a_queue_reached_twice_gets_one_copy() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Topic).await;
    let queue = bench.bound(&exchange, "a.#", FieldTable::default()).await;
    bench
        .bind(&queue, &exchange, "#.b", FieldTable::default())
        .await;
    let through = bench.exchange(ExchangeKind::Fanout).await;
    bench.bind_exchange(&through, &exchange, "a.b").await;
    bench
        .bind(&queue, &through, "", FieldTable::default())
        .await;
    bench.publish(&exchange, "a.b", "once").await;
    assert_eq!(bench.received(&queue).await, ["once"]);
}

#[tokio::test]
async fn exchanges_bound_to_exchanges_route_on_even_in_a_circle() {
    let bench = Bench::new().await;
    let first = bench.exchange(ExchangeKind::Topic).await;
    let second = bench.exchange(ExchangeKind::Direct).await;
    bench.bind_exchange(&second, &first, "orders.#").await;
    bench.bind_exchange(&first, &second, "orders.new").await;
    let queue = bench
        .bound(&second, "orders.new", FieldTable::default())
        .await;
    for key in ["orders.new", "orders.old", "other"] {
        bench.publish(&first, key, key).await;
    }
    assert_eq!(bench.received(&queue).await, ["orders.new"]);
}

#[tokio::test]
async fn the_alternate_exchange_gets_what_is_unroutable() {
    let bench = Bench::new().await;
    let alternate = bench.exchange(ExchangeKind::Fanout).await;
    let arguments = table([("alternate-exchange", long_string(&alternate))]);
    let options = ExchangeDeclareOptions::default();
    let exchange = bench
        .exchange_with(ExchangeKind::Direct, options, arguments)
        .await;
    let routed = bench.bound(&exchange, "known", FieldTable::default()).await;
    let rest = bench.bound(&alternate, "", FieldTable::default()).await;
    bench.publish(&exchange, "known", "known").await;
    bench.publish(&exchange, "unknown", "unknown").await;
    assert_eq!(bench.received(&routed).await, ["known"]);
    assert_eq!(bench.received(&rest).await, ["unknown"]);
}

#[tokio::test]
async fn nobody_publishes_to_an_internal_exchange() {
    let bench = Bench::new().await;
    let options = ExchangeDeclareOptions {
        internal: true,
        ..Default::default()
    };
    let internal = bench
        .exchange_with(ExchangeKind::Fanout, options, FieldTable::default())
        .await;
    let outside = bench.exchange(ExchangeKind::Fanout).await;
    bench.bind_exchange(&internal, &outside, "").await;
    let queue = bench.bound(&internal, "", FieldTable::default()).await;
    bench.publish(&outside, "", "through").await;
    assert_eq!(bench.received(&queue).await, ["through"]);

    let channel = open_confirming(&bench.connection).await;
    let (options, properties) = Default::default();
    let sent = channel.basic_publish((&*internal).into(), "".into(), options, b"", properties);
    let result = within(async { sent.await?.await }).await;
    let words = format!("cannot publish to internal exchange '{internal}' in vhost '/'");
    assert_refused(result, 403, &words);
}

#[tokio::test]
async fn cc_and_bcc_add_routing_keys_and_bcc_is_hidden() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Direct).await;
    let mut queues = Vec::new();
    for key in ["to", "copied", "hidden"] {
        queues.push(bench.bound(&exchange, key, FieldTable::default()).await);
    }
    let list = |key| AMQPValue::FieldArray(FieldArray::from(vec![long_string(key)]));
    let headers = table([("CC", list("copied")), ("BCC", list("hidden"))]);
    let properties = BasicProperties::default().with_headers(headers);
    publish_with(&bench.publisher, &exchange, "to", b"mail", properties).await;
    for queue in queues {
        let message = get(&bench.channel, &queue).await.expect("a copy");
        assert_eq!(message.routing_key.as_str(), "to");
        let headers = message.properties.headers().as_ref().expect("headers");
        assert!(headers.contains_key("CC") && !headers.contains_key("BCC"));
    }
}

#[tokio::test]
async fn deleting_and_rebinding_changes_routes_at_once() {
    let bench = Bench::new().await;
    let exchange = bench.exchange(ExchangeKind::Direct).await;
    let keeper = bench.bound(&exchange, "other", FieldTable::default()).await;
    let queue = bench.bound(&exchange, "key", FieldTable::default()).await;
    for round in 0..20 {
        bench.publish(&exchange, "key", &round.to_string()).await;
        let (name, key) = (queue.as_str().into(), "key".into());
        let arguments = FieldTable::default();
        let unbound = bench
            .channel
            .queue_unbind(name, (&*exchange).into(), key, arguments);
        within(unbound).await.expect("unbind");
        bench.publish(&exchange, "key", "lost").await;
        bench
            .bind(&queue, &exchange, "key", FieldTable::default())
            .await;
    }
    assert_eq!(bench.received(&queue).await, numbers(0..20));
    assert!(bench.received(&keeper).await.is_empty());
}
