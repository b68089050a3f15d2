//! Documents as brokers of several versions write them, small ones for each rule, and round trips.

use std::sync::Arc;

use ferrymq_broker::auth::Hashing;
use ferrymq_broker::limits::Limit;
use ferrymq_broker::policy::PolicyKind;
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::{Broker, Config};
use serde_json::{Value as Json, json};

use super::apply::{dry_run, import};
use super::document::Scope;
use super::export;
use super::start::import_at_start;

/// What a version of a broker would export.
const EXPORTS: [(&str, &str); 5] = [
    ("RabbitMQ 3.8", include_str!("tests/rabbitmq-3.8.json")),
    ("RabbitMQ 3.10", include_str!("tests/rabbitmq-3.10.json")),
    ("RabbitMQ 3.13", include_str!("tests/rabbitmq-3.13.json")),
    ("RabbitMQ 4.2", include_str!("tests/rabbitmq-4.2.json")),
    ("LavinMQ 2", include_str!("tests/lavinmq-2.json")),
];

struct Fixture {
    broker: Arc<Broker>,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config {
            data_dir: directory.path().join("data"),
            password_hashing: Hashing::RabbitSha256,
            ..Config::default()
        };
        change(&mut config);
        Self {
            broker: Broker::open(config).unwrap(),
            directory,
        }
    }

    fn import_into(&self, scope: &Scope, document: &str) -> Result<(), String> {
        let imported = import(&self.broker, document.as_bytes(), scope, "boss");
        imported.map(drop).map_err(|why| why.to_string())
    }

    #[track_caller]
    fn import(&self, document: impl ToString) {
        let imported = self.import_into(&Scope::Broker, &document.to_string());
        imported.unwrap();
    }

    fn diff(&self, document: impl ToString) -> Json {
        let document = document.to_string();
        dry_run(&self.broker, document.as_bytes(), &Scope::Broker).unwrap()
    }

    fn export(&self) -> Json {
        export::broker(&self.broker)
    }

    /// Nothing of the document is there, and the reason says `expected`.
    #[track_caller]
    fn check_refused(&self, document: Json, expected: &str) {
        let before = self.export();
        let refused = self.import_into(&Scope::Broker, &document.to_string());
        let refused = refused.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(self.export(), before);
        assert_eq!(self.diff(document)["can_be_imported"], json!(false));
    }

    fn verifies(&self, user: &str, password: &str) -> bool {
        let user = self.broker.users().user(user).expect("an imported user");
        user.password().verify(password.as_bytes())
    }
}

fn in_vhost(vhost: &str) -> Scope {
    Scope::VHost(vhost.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_of_all_versions_come_back_as_they_are() {
    for (version, document) in EXPORTS {
        let first = Fixture::start();
        first.import(document);
        let exported = first.export();
        // What is imported twice changes nothing, nor does what was exported.
        let counts = &first.diff(document)["counts"];
        assert_eq!(
            (&counts["added"], &counts["changed"]),
            (&json!(0), &json!(0)),
            "{version}"
        );
        first.import(document);
        first.import(&exported);
        assert_eq!(first.export(), exported, "{version}");
        let second = Fixture::start();
        second.import(&exported);
        assert_eq!(second.export(), exported, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_log_in_with_every_kind_of_hash() {
    let fixture = Fixture::start();
    for (_, document) in EXPORTS {
        fixture.import(document);
    }
    assert!(fixture.verifies("guest", "guest"));
    assert!(fixture.verifies("worker", "secret"));
    assert!(fixture.verifies("old", "test12"));
    assert!(fixture.verifies("slow", "secret"));
    assert!(fixture.verifies("ops", "guest"));
    let md5 = "c2FsdNQqD3Qv/Bvk4cwIRcJCnJc=";
    fixture.import(json!({"rabbit_version": "3.5.7", "users": [
        {"name": "old", "password_hash": md5, "administrator": "true"},
        {"name": "plain", "password": "secret", "tags": " management , policymaker"},
        {"name": "nobody", "tags": []},
        {"name": "empty", "password_hash": "", "tags": ""},
    ]}));
    assert!(fixture.verifies("old", "secret"));
    assert!(fixture.verifies("plain", "secret"));
    assert!(!fixture.verifies("nobody", ""));
    assert!(!fixture.verifies("empty", ""));
    let users = fixture.broker.users();
    assert_eq!(users.user("old").unwrap().tags(), ["administrator"]);
    assert_eq!(
        users.user("plain").unwrap().tags(),
        ["management", "policymaker"]
    );
    let again = json!({"users": [{"name": "plain", "password": "secret", "tags": "management,policymaker"}]});
    assert_eq!(fixture.diff(again)["counts"]["unchanged"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_versions_say_differently_means_the_same() {
    let fixture = Fixture::start();
    for (_, document) in EXPORTS {
        fixture.import(document);
    }
    let vhost = |name: &str| fixture.broker.vhost(name).unwrap();
    let shop = vhost("shop");
    assert_eq!(shop.limits().max_queues, Limit(Some(100)));
    assert!(shop.policies().get(PolicyKind::Operator, "cap").is_some());
    assert!(shop.policies().get(PolicyKind::User, "ha").is_some());
    assert!(
        shop.snapshot()
            .queues
            .get("amq.gen-aaaaaaaaaaaaaaaaaaaaaa")
            .is_none()
    );
    assert_eq!(shop.snapshot().topology.bindings_from("select").count(), 1);
    let metadata = vhost("q").metadata();
    assert_eq!(metadata.description, "quorum by default");
    assert_eq!(metadata.tags, ["a", "b"]);
    assert_eq!(metadata.default_queue_type, Some(QueueType::Quorum));
    let queue_type = |name: &str| {
        let snapshot = vhost("q");
        let snapshot = snapshot.snapshot();
        snapshot
            .queues
            .get(name)
            .unwrap()
            .declared
            .arguments
            .queue_type
    };
    assert_eq!(queue_type("plain"), QueueType::Quorum);
    assert_eq!(queue_type("classic"), QueueType::Classic);
    assert!(vhost("/").metadata().protected_from_deletion);
    let set = ("federation-upstream-set".to_owned(), "set".to_owned());
    assert_eq!(vhost("/").parameters()[&set], json!([{"upstream": "up"}]));
    assert!(
        fixture
            .broker
            .global_parameter("internal_cluster_id")
            .is_none()
    );
    let worker = fixture.broker.users().user("worker").unwrap();
    assert_eq!(worker.limits().max_connections, Limit(Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_vhost_goes_to_another() {
    let fixture = Fixture::start();
    fixture.import(EXPORTS[0].1);
    let shop = fixture.broker.vhost("shop").unwrap();
    let exported = export::vhost(&fixture.broker, &shop);
    assert!(exported["queues"][0].get("vhost").is_none());
    fixture.import(json!({"vhosts": [{"name": "copy"}]}));
    fixture
        .import_into(&in_vhost("copy"), &exported.to_string())
        .unwrap();
    let copy = fixture.broker.vhost("copy").unwrap();
    let mut copied = export::vhost(&fixture.broker, &copy);
    for key in ["original_vhost_name", "metadata", "description"] {
        copied[key] = exported[key].clone();
    }
    assert_eq!(copied, exported);
    fixture.check_refused(exported, "/api/definitions/{vhost}");

    // Of a document of the whole broker the same sections count, whatever vhost they name.
    fixture.import(json!({"vhosts": [{"name": "other"}]}));
    fixture
        .import_into(&in_vhost("other"), EXPORTS[3].1)
        .unwrap();
    let other = fixture.broker.vhost("other").unwrap();
    assert!(other.snapshot().queues.contains_key("orders"));
    assert!(fixture.broker.users().permissions("app", "other").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_holds_when_anything_is_refused() {
    let fixture = Fixture::start();
    let queue = |more: Json| {
        let mut queue = json!({"name": "q", "vhost": "/"});
        queue
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"vhosts": [{"name": "new"}], "queues": [{"name": "first", "vhost": "/"}, queue]})
    };
    let check = |document: Json, expected: &str| fixture.check_refused(document, expected);
    check(
        queue(json!({"vhost": "nowhere"})),
        "queues[1] 'q' in vhost 'nowhere': vhost 'nowhere' does not exist",
    );
    check(
        queue(json!({"durable": 5})),
        "queues[1] 'q' in vhost '/': durable: must be a boolean",
    );
    check(
        queue(json!({"arguments": {"x-message-ttl": "soon"}})),
        "invalid arg 'x-message-ttl'",
    );
    check(
        queue(json!({"arguments": {"a": [null]}})),
        "arguments: 'a[0]' is null",
    );
    check(
        queue(json!({"arguments": 5})),
        "arguments: must be an object",
    );
    check(queue(json!({"name": 5})), "name: invalid type");
    check(
        queue(json!({"name": "n".repeat(256)})),
        "name: longer than 255 bytes",
    );
    check(
        json!({"queues": [{"vhost": "/"}]}),
        "queues[0] '' in vhost '/': missing field `name`",
    );
    check(
        json!({"queues": [{"name": "q"}]}),
        "it has no field `vhost`",
    );
    check(
        json!({"exchanges": [{"name": "e", "vhost": "/", "type": "x-none"}]}),
        "unknown exchange type 'x-none'",
    );
    check(
        json!({"users": [{"name": "u"}]}),
        "users[0] 'u': missing field `tags`",
    );
    check(
        json!({"users": [{"name": "", "tags": []}]}),
        "user name cannot be blank",
    );
    check(
        json!({"users": [{"name": "u", "tags": vec!["t"; 33]}]}),
        "33 tags",
    );
    check(
        json!({"users": [{"name": "u", "tags": [], "password_hash": "!"}]}),
        "password_hash: ",
    );
    check(
        json!({"users": [{"name": "u", "tags": [], "limits": {"max-cats": 1}}]}),
        "limits: unknown field `max-cats`",
    );
    check(
        json!({"users": [{"name": "u", "tags": [], "permissions": {"x": {"configure": "", "write": "", "read": ""}}}]}),
        "permissions: vhost 'x' does not exist",
    );
    check(
        json!({"vhosts": [{"name": ""}]}),
        "vhost name cannot be blank",
    );
    check(
        json!({"vhosts": [{"name": "v", "default_queue_type": "fast"}]}),
        "default_queue_type: expected one of",
    );
    check(
        json!({"permissions": [{"user": "guest", "vhost": "x", "configure": "", "write": "", "read": ""}]}),
        "vhost 'x' does not exist",
    );
    check(
        json!({"permissions": [{"user": "x", "vhost": "/", "configure": "", "write": "", "read": ""}]}),
        "permissions[0] 'x' in vhost '/': no user 'x'",
    );
    check(
        json!({"permissions": [{"user": "guest", "vhost": "/", "configure": "(", "write": "", "read": ""}]}),
        "invalid regular expression '('",
    );
    check(
        json!({"policies": [{"name": "p", "vhost": "/", "pattern": "", "definition": {"max-cats": 1}}]}),
        "max-cats are not recognised policy settings",
    );
    check(
        json!({"policies": [{"name": "p", "vhost": "/", "pattern": "", "definition": {"max-length": 1}, "apply-to": "cats"}]}),
        "apply-to 'cats' unrecognised",
    );
    check(
        json!({"parameters": [{"component": "policy", "vhost": "/", "name": "p", "value": {}}]}),
        "policies may not be set using this method",
    );
    check(
        json!({"parameters": [{"component": "vhost-limits", "vhost": "/", "name": "limits", "value": {"max-cats": 1}}]}),
        "value: max-cats: unknown field",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_need_their_ends() {
    let fixture = Fixture::start();
    let binding = |source: &str, destination: &str, kind: &str| {
        json!({"queues": [{"name": "q", "vhost": "/"}], "bindings": [{"source": source, "vhost": "/",
            "destination": destination, "destination_type": kind, "routing_key": "k"}]})
    };
    fixture.check_refused(
        binding("none", "q", "queue"),
        "bindings[0] 'none -> q' in vhost '/': no exchange 'none'",
    );
    fixture.check_refused(binding("amq.topic", "none", "queue"), "no queue 'none'");
    fixture.check_refused(
        binding("amq.topic", "none", "exchange"),
        "no exchange 'none'",
    );
    fixture.check_refused(binding("amq.topic", "", "exchange"), "default exchange");
    fixture.check_refused(
        binding("amq.topic", "q", "cat"),
        "destination_type: unknown variant `cat`",
    );
    fixture.import(binding("amq.topic", "q", "queue"));
    assert_eq!(fixture.export()["bindings"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vhosts_limit_counts_before_anything_is_declared() {
    let fixture = Fixture::start();
    let limits = json!([{"component": "vhost-limits", "vhost": "/", "name": "limits", "value": {"max-queues": 2}}]);
    let queues: Vec<Json> = (0..3)
        .map(|n| json!({"name": n.to_string(), "vhost": "/"}))
        .collect();
    let document = json!({"queues": queues, "parameters": limits});
    fixture.check_refused(document, "queue limit in vhost '/' (2) would be passed");
    fixture.import(json!({"queues": queues[..2], "parameters": limits}));
    fixture.check_refused(
        json!({"queues": queues}),
        "there are 2 queues, this is new one number 1",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_leniently() {
    let fixture = Fixture::start();
    let before = fixture.export();
    for nothing in [
        "",
        " ",
        "{}",
        "null",
        "\u{feff}{}",
        r#"{"queues": {}, "cats": [1]}"#,
    ] {
        fixture.import(nothing);
    }
    assert_eq!(fixture.export(), before);
    fixture.import("\u{feff}{\"queues\": [{\"name\": \"q\", \"vhost\": \"/\", \"durable\": \"false\", \"arguments\": [], \"colour\": 1}]}");
    let vhost = fixture.broker.vhost("/").unwrap();
    let queue = Arc::clone(&vhost.snapshot().queues["q"]);
    assert!(!queue.declared.flags.durable);
    for bad in ["{", "[]", "1", "\"{}\""] {
        let refused = fixture.import_into(&Scope::Broker, bad).unwrap_err();
        assert!(refused.starts_with("failed_to_parse_json"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_overwritten_or_left_alone() {
    let fixture = Fixture::start();
    fixture.import(EXPORTS[3].1);
    let document = json!({
        "users": [{"name": "app", "tags": ["management"], "password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"}],
        "vhosts": [{"name": "/", "description": "ours"}],
        "permissions": [{"user": "app", "vhost": "/", "configure": "", "write": "", "read": ".*"}],
        "queues": [{"name": "orders", "vhost": "/", "durable": false, "arguments": {"x-max-length": 1}}],
        "exchanges": [{"name": "dlx", "vhost": "/", "type": "direct"}],
    });
    let diff = fixture.diff(&document);
    assert_eq!(
        diff["counts"],
        json!({"added": 0, "changed": 3, "unchanged": 2, "skipped": 0, "refused": 0})
    );
    assert_eq!(
        diff["changed"][0]["before"]["metadata"]["description"],
        "Default virtual host"
    );
    assert_eq!(
        diff["changed"][0]["after"]["metadata"]["description"],
        "ours"
    );
    assert_eq!(
        diff["changed"][0]["after"]["metadata"]["default_queue_type"],
        "classic"
    );
    fixture.import(&document);
    assert!(fixture.verifies("app", "test12"));
    let vhost = fixture.broker.vhost("/").unwrap();
    let orders = Arc::clone(&vhost.snapshot().queues["orders"]);
    assert_eq!(orders.declared.arguments.queue_type, QueueType::Quorum);
    assert!(vhost.metadata().protected_from_deletion);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_everything_and_changes_nothing() {
    let fixture = Fixture::start();
    let before = fixture.export();
    let diff = fixture.diff(json!({
        "queues": [{"name": "q", "vhost": "/"}, {"name": "amq.x", "vhost": "/"}, {"name": "r", "vhost": "none"}],
        "users": [{"name": "guest", "tags": "administrator"}],
    }));
    assert_eq!(
        diff["added"],
        json!([{"section": "queues", "index": 0, "name": "q", "vhost": "/"}])
    );
    assert_eq!(diff["skipped"][0]["name"], "amq.x");
    assert_eq!(diff["refused"][0]["reason"], "vhost 'none' does not exist");
    assert_eq!(diff["changed"][0]["after"]["password_hash"], "");
    assert_eq!(fixture.export(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_nobody_reads_are_kept() {
    let fixture = Fixture::start();
    fixture.import(
        json!({"parameters": [{"component": "acme", "vhost": "/", "name": "x", "value": 5}]}),
    );
    assert_eq!(fixture.export()["parameters"][0]["value"], json!(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_all_sections_and_no_secrets_of_the_brokers_own() {
    let fixture = Fixture::start();
    fixture.broker.set_global_parameter("internal_x", json!(1));
    let exported = fixture.export();
    for section in [
        "users",
        "vhosts",
        "permissions",
        "topic_permissions",
        "parameters",
        "global_parameters",
        "policies",
        "queues",
        "exchanges",
        "bindings",
    ] {
        assert!(exported[section].is_array(), "{section}");
    }
    assert_eq!(exported["global_parameters"], json!([]));
    assert_eq!(exported["rabbit_version"], exported["rabbitmq_version"]);
    assert_eq!(exported["vhosts"][0]["limits"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queues_are_one_import() {
    let fixture = Fixture::start();
    let queues: Vec<Json> = (0..10_000)
        .map(|n| json!({"name": format!("q{n}"), "vhost": "/"}))
        .collect();
    let bindings: Vec<Json> = (0..10_000)
        .map(|n| json!({"source": "amq.direct", "vhost": "/", "destination": format!("q{n}"), "destination_type": "queue", "routing_key": "k"}))
        .collect();
    let groups = fixture.broker.store().statistics().groups;
    let document = json!({"queues": queues, "bindings": bindings}).to_string();
    fixture.import(&document);
    assert!(fixture.broker.store().statistics().groups <= groups + 2);
    assert_eq!(
        fixture.diff(&document)["counts"]["unchanged"],
        json!(20_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_broker_that_imports_has_only_what_it_imported() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("b.json"),
        r#"{"queues": [{"name": "q", "vhost": "main"}]}"#,
    )
    .unwrap();
    std::fs::write(
        directory.path().join("a.json"),
        r#"{"vhosts": [{"name": "main"}]}"#,
    )
    .unwrap();
    std::fs::write(directory.path().join("c.txt"), "no definitions").unwrap();
    let fixture = Fixture::start_with(|config| {
        config.definitions_file = Some(directory.path().into());
        config.skip_unchanged_definitions = true;
    });
    import_at_start(&fixture.broker).await.unwrap();
    let vhosts = fixture.broker.vhosts();
    assert_eq!(
        vhosts.keys().map(|name| &**name).collect::<Vec<_>>(),
        ["main"]
    );
    assert!(fixture.broker.users().users().is_empty());

    // What was imported last is not imported again, until it is something else.
    let delete = |name: &str| {
        fixture
            .broker
            .delete_vhost(name, "boss", ferrymq_broker::clock::now())
    };
    delete("main").unwrap();
    import_at_start(&fixture.broker).await.unwrap();
    assert!(fixture.broker.vhosts().is_empty());
    std::fs::write(
        directory.path().join("a.json"),
        r#"{"vhosts": [{"name": "main"}, {"name": "more"}]}"#,
    )
    .unwrap();
    import_at_start(&fixture.broker).await.unwrap();
    assert_eq!(fixture.broker.vhosts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_its_definitions_fails() {
    let fixture =
        Fixture::start_with(|config| config.definitions_file = Some("/nowhere/d.json".into()));
    let missing = import_at_start(&fixture.broker)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("can't read the definitions in /nowhere/d.json: "),
        "{missing}"
    );
    let file = fixture.directory.path().join("d.json");
    std::fs::write(
        &file,
        r#"{"vhosts": [{"name": "v"}], "queues": [{"name": "q"}]}"#,
    )
    .unwrap();
    let fixture = Fixture::start_with(|config| config.definitions_file = Some(file));
    let refused = import_at_start(&fixture.broker)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("queues[0] 'q': it has no field `vhost`"),
        "{refused}"
    );
    assert!(fixture.broker.vhosts().is_empty());
}
