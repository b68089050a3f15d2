//! Files, variables and flags; `ferrymq config`.

use std::collections::BTreeMap;

use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, Login, Tuning};

use crate::support::*;

#[test]
fn every_mistake_is_told_with_its_place() {
    let files = directory(&[
        ("a.toml", "[amqp]\nhartbeat = 1\nchannel_max = 0\n"),
        ("b.conf", "# comment\nhartbeat = 1\ndefault_user = 'a\n"),
        ("c.toml", "[amqp\n"),
        ("d.config", "[{rabbit, []}]."),
    ]);
    let check = |file: &str, expected: &[&str]| {
        let path = files.path().join(file);
        let path = path.to_str().expect("UTF-8");
        let said = refused(1, &["config", "check", path], &[]);
        for line in expected {
            assert!(said.contains(line), "{file}: {said}");
        }
        // The broker says the same, and does not start.
        let data = files.path().join("data");
        let data = data.to_str().expect("UTF-8");
        let refusal = refused(1, &["serve", "--config", path, "--data-dir", data], &[]);
        assert_eq!(refusal, format!("ferrymq: {said}"));
    };
    check(
        "a.toml",
        &[
            "a.toml:2). Did you mean `amqp.heartbeat`?",
            "`amqp.channel_max`: 0 (",
            "a.toml:3)",
        ],
    );
    check(
        "b.conf",
        &["b.conf:2). Did you mean `heartbeat`?", "b.conf:3: "],
    );
    check("c.toml", &["c.toml:1 is not valid TOML"]);
    check("d.config", &["d.config: this file holds Erlang terms"]);
    let missing = files.path().join("missing.toml");
    let missing = missing.to_str().expect("UTF-8");
    let said = refused(1, &["config", "check", missing], &[]);
    assert!(said.contains("can't read the configuration file"), "{said}");
    let said = refused(2, &["serve", "--set", "amqp.heartbeat=often"], &[]);
    assert!(said.contains("--set"), "{said}");
}

#[test]
fn sources_are_named() {
    let files = directory(&[
        (
            "ferrymq.toml",
            "[amqp]\nheartbeat = 1\n\n[auth]\ndefault_pass = 'secret'\n",
        ),
        ("conf.d/10.conf", "channel_max = 7\n"),
    ]);
    let place = files.path().to_str().expect("UTF-8");
    let page = printed(
        &[
            "config",
            "print",
            "--sources",
            "--config",
            place,
            "--set",
            "log.level=debug",
        ],
        &[
            ("RABBITMQ_NODE_PORT", "1234"),
            ("FERRYMQ_LOG_FORMAT", "json"),
        ],
    );
    let check = |line: &str, origin: &str| {
        let found = page.lines().find(|found| found.starts_with(line));
        let found = found.unwrap_or_else(|| panic!("no {line} in {page}"));
        assert!(found.ends_with(origin), "{found}");
    };
    check("heartbeat = 1 ", "ferrymq.toml:2");
    check("default_pass = ***", "ferrymq.toml:5");
    check("channel_max = 7 ", "10.conf:1");
    check("listen = \"[::]:1234\" ", "environment");
    check("format = \"json\" ", "FERRYMQ_LOG_FORMAT");
    check("level = \"debug\" ", "--set");
    check("frame_max = 131072 ", "default");
    assert!(!page.contains("secret"), "{page}");
}

#[test]
fn a_file_of_rabbitmq_becomes_ours() {
    let files = directory(&[(
        "rabbitmq.conf",
        "listeners.tcp.default = 5673\ndefault_pass = 'p#1'\nnet_ticktime = 60\n\
         vm_memory_high_watermark.relative = 0.4\nlog.connection.level = debug\n",
    )]);
    let path = files.path().join("rabbitmq.conf");
    let output = run(&["config", "convert", path.to_str().expect("UTF-8")], &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text(&output.stderr).contains("`net_ticktime`"),
        "{output:?}"
    );
    let toml: toml::Table = text(&output.stdout).parse().expect("TOML");
    let value = |section: &str, key: &str| toml[section][key].clone();
    assert_eq!(value("amqp", "listen"), "[::]:5673".into());
    assert_eq!(value("auth", "default_pass"), "p#1".into());
    assert_eq!(value("memory", "high_watermark"), 0.4.into());
    assert_eq!(value("log", "levels"), vec!["connection=debug"].into());
    assert_eq!(toml.len(), 4, "{toml}");
}

#[test]
fn a_broker_runs_on_a_file_of_rabbitmq() {
    let files = directory(&[(
        "rabbitmq.conf",
        "default_user = app\ndefault_pass = secret\nloopback_users = none\nnet_ticktime = 60\n\
         heartbeat = 17\n",
    )]);
    let path = files.path().join("rabbitmq.conf");
    let broker = Options::default()
        .argument("--config")
        .argument(path.to_str().expect("UTF-8"))
        .start();
    broker.wait_for_log("`net_ticktime`");
    broker.wait_for_log("rabbitmq.conf");
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::plain("app", "secret"));
    assert_eq!(tune.heartbeat, 17);
}

#[test]
fn the_first_user_comes_from_the_environment() {
    let secret = directory(&[("password", "secret\n")]);
    let path = secret.path().join("password");
    let broker = Options::default()
        .environment("RABBITMQ_DEFAULT_USER", "app")
        .environment("RABBITMQ_DEFAULT_PASS_FILE", path.to_str().expect("UTF-8"))
        .environment("RABBITMQ_DEFAULT_VHOST", "orders")
        .environment("RABBITMQ_ERLANG_COOKIE", "cookie")
        .start();
    broker.wait_for_log("`RABBITMQ_ERLANG_COOKIE` (environment) has no effect");
    assert!(!broker.log().contains("cookie\""), "{}", broker.log());
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::plain("app", "secret"));
    connection.tune(tune, Tuning::default());
    connection.open_vhost("orders");
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.send_start_ok(&Login::plain("guest", "guest"));
    connection.refused(403, "Login was refused");
}

#[test]
fn several_addresses_can_be_listened_on() {
    let broker = Options::default()
        .amqp_listen("127.0.0.1:0,[::1]:0")
        .start();
    let log = broker.log();
    assert_eq!(log.matches("started TCP listener on ").count(), 2, "{log}");
}

#[test]
fn what_is_printed_is_a_configuration() {
    let page = printed(&["config", "print"], &[]);
    let toml: BTreeMap<String, toml::Value> =
        toml::from_str(&page.replace("***", "\"x\"")).expect("TOML");
    assert!(
        toml.contains_key("amqp") && toml.contains_key("data_dir"),
        "{page}"
    );
    let files = directory(&[("all.toml", &page.replace("***", "\"x\""))]);
    let path = files.path().join("all.toml");
    printed(&["config", "check", path.to_str().expect("UTF-8")], &[]);
}
