//! Files as they are found in the wild.

use std::io::Write as _;

use super::super::keys::find;
use super::super::{Config, Loaded, load};

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".conf").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn loaded(text: &str) -> Result<Loaded, String> {
    let file = file(text);
    let variables = [("BROKER_USER".to_owned(), "from-env".to_owned())];
    let path = file.path().display().to_string();
    load(Some(file.path()), variables, &[])
        .map_err(|problems| problems.to_string().replace(&path, "FILE"))
        .map(|mut loaded| {
            for warning in &mut loaded.warnings {
                *warning = warning.replace(&path, "FILE");
            }
            loaded
        })
}

fn value(config: &Config, setting: &str) -> String {
    find(setting).unwrap().toml(config)
}

#[test]
fn keys_set_what_they_mean() {
    let check = |line: &str, setting: &str, expected: &str| {
        let loaded = loaded(line).unwrap();
        assert_eq!(value(&loaded.config, setting), expected, "{line}");
        assert_eq!(loaded.warnings, Vec::<String>::new(), "{line}");
        assert!(loaded.origins.contains_key(setting), "{line}");
    };
    check(
        "listeners.tcp.default = 5673",
        "amqp.listen",
        "\"[::]:5673\"",
    );
    check("listeners.tcp.1 = :::5673", "amqp.listen", "\"[::]:5673\"");
    check(
        "listeners.tcp.local = 127.0.0.1:1\nlisteners.tcp.local_v6 = ::1:1",
        "amqp.listen",
        "[\"127.0.0.1:1\", \"[::1]:1\"]",
    );
    check(
        "handshake_timeout = 5000",
        "amqp.handshake_timeout",
        "\"5s\"",
    );
    check("heartbeat = 30", "amqp.heartbeat", "30");
    check("frame_max = 0", "amqp.frame_max", "\"16MiB\"");
    check("channel_max = 0", "amqp.channel_max", "65535");
    check(
        "max_message_size = 16777216",
        "amqp.max_message_size",
        "\"16MiB\"",
    );
    check("connection_max = 100", "limits.connection_max", "100");
    check(
        "connection_max = infinity",
        "limits.connection_max",
        "\"none\"",
    );
    check(
        "vm_memory_high_watermark.relative = 0.4",
        "memory.high_watermark",
        "0.4",
    );
    check(
        "vm_memory_high_watermark.absolute = 2GB",
        "memory.high_watermark",
        "\"2GB\"",
    );
    check(
        "total_memory_available_override_value = 1GiB",
        "memory.total",
        "\"1GiB\"",
    );
    check(
        "disk_free_limit.absolute = 1GB",
        "disk.free_limit",
        "\"1GB\"",
    );
    check(
        "total_memory_available_override_value = 1GB\ndisk_free_limit.relative = 1.5",
        "disk.free_limit",
        "\"1500MB\"",
    );
    check(
        "consumer_timeout = undefined",
        "queues.consumer_timeout",
        "\"off\"",
    );
    check(
        "consumer_timeout = 3600000",
        "queues.consumer_timeout",
        "\"1h\"",
    );
    check(
        "default_queue_type = quorum",
        "queues.default_queue_type",
        "\"quorum\"",
    );
    check(
        "default_user_tags.administrator = false",
        "auth.default_user_tags",
        "[]",
    );
    check(
        "default_permissions.read = ^a",
        "auth.default_permissions",
        "[\".*\", \".*\", \"^a\"]",
    );
    check("loopback_users = none", "auth.loopback_users", "[]");
    check("loopback_users.guest = false", "auth.loopback_users", "[]");
    check(
        "loopback_users.app = true",
        "auth.loopback_users",
        "[\"guest\", \"app\"]",
    );
    check(
        "auth_mechanisms.1 = PLAIN",
        "auth.mechanisms",
        "[\"PLAIN\"]",
    );
    check("log.console.level = critical", "log.level", "\"error\"");
    check(
        "log.connection.level = debug",
        "log.levels",
        "[\"connection=debug\"]",
    );
    check(
        "log.dir = /var/log\nlog.file = f.log",
        "log.file",
        "\"/var/log/f.log\"",
    );
    check("log.file = false", "log.file", "\"none\"");
    check("log.console.formatter = json", "log.format", "\"json\"");
    check("management.tcp.port = 8080", "http.listen", "\"[::]:8080\"");
    check(
        "management.tcp.ip = 127.0.0.1",
        "http.listen",
        "\"127.0.0.1:15672\"",
    );
    check(
        "management.path_prefix = /mq",
        "http.path_prefix",
        "\"/mq\"",
    );
    check(
        "management.cors.allow_origins.1 = https://a\nmanagement.cors.allow_origins.2 = https://b",
        "http.cors.allow_origins",
        "[\"https://a\", \"https://b\"]",
    );
    check(
        "load_definitions = /d.json",
        "definitions.file",
        "\"/d.json\"",
    );
    check(
        "management.load_definitions = /d.json",
        "definitions.file",
        "\"/d.json\"",
    );
    check("definitions.local.path = /d", "definitions.file", "\"/d\"");
    check(
        "definitions.skip_if_unchanged = true",
        "definitions.skip_if_unchanged",
        "true",
    );
    check(
        "password_hashing_module = rabbit_password_hashing_sha256",
        "auth.password_hashing",
        "\"rabbit_sha256\"",
    );
    check(
        "management.cors.max_age = 60",
        "http.cors.max_age",
        "\"1min\"",
    );
    check(
        "management.login_session_timeout = 60",
        "http.session_timeout",
        "\"1h\"",
    );
    check(
        "management.rates_mode = none",
        "statistics.rates_mode",
        "\"none\"",
    );
    check(
        "management.rates_mode = detailed",
        "statistics.rates_mode",
        "\"detailed\"",
    );
    check(
        "collect_statistics_interval = 10000",
        "statistics.interval",
        "\"10s\"",
    );
    check("prometheus.path = /m", "metrics.path", "\"/m\"");
    check(
        "prometheus.tcp.port = 9419",
        "metrics.listen",
        "\"[::]:9419\"",
    );
}

#[test]
fn values_have_comments_quotes_and_variables() {
    let check = |line: &str, expected: &str| {
        assert_eq!(
            loaded(line).unwrap().config.default_user,
            expected,
            "{line}"
        );
    };
    check("default_user = app", "app");
    check("  default_user=app  # the application", "app");
    check("default_user = 'with # inside' # outside", "with # inside");
    check("default_user = x-$(BROKER_USER)-y", "x-from-env-y");
    check(
        "default_user = a\n# default_user = b\n\ndefault_user = c",
        "c",
    );
}

#[test]
fn a_line_is_in_the_way() {
    let check = |text: &str, expected: &str| assert_eq!(loaded(text).unwrap_err(), expected);
    check(
        "heartbeat\n",
        "FILE:1: 'heartbeat' is no line of the form key = value",
    );
    check(
        "\ndefault_user = 'a",
        "FILE:2: `default_user`: a quote is not closed",
    );
    check(
        "default_user = $(NOBODY)",
        "FILE:1: `default_user`: the environment has no variable NOBODY",
    );
    check(
        "default_pass = encrypted:abc",
        "FILE:1: `default_pass`: encrypted values can't be read here",
    );
    check(
        "heartbeat = often",
        "bad value for setting `heartbeat`: \"often\" (FILE:1). Allowed: seconds from 0 (none) to \
         65535",
    );
    check(
        "hartbeat = 1",
        "unknown setting `hartbeat` = \"1\" (FILE:1). Did you mean `heartbeat`?",
    );
    check(
        "listenrs.tcp.default = 1",
        "unknown setting `listenrs.tcp.default` = \"1\" (FILE:1). Did you mean `listeners.tcp.default`?",
    );
    check(
        "sails = 1",
        "unknown setting `sails` = \"1\" (FILE:1). docs/rabbitmq-conf.md lists the keys that are \
         known",
    );
    let error = loaded("listeners.tcp = none").unwrap_err();
    assert!(error.contains("TLS is not supported"), "{error}");
    let error = loaded("default_passs = secret").unwrap_err();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn what_has_no_effect_is_said_once() {
    let warnings = loaded(
        "net_ticktime = 120\n\
         cluster_formation.peer_discovery_backend = k8s\n\
         cluster_formation.k8s.host = h\n\
         queue_master_locator = min-masters\n\
         auth_mechanisms.1 = PLAIN\n\
         auth_mechanisms.2 = EXTERNAL\n",
    )
    .unwrap()
    .warnings;
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert_eq!(
        warnings[0],
        "`net_ticktime` (FILE:1) has no effect: a node on its own has no cluster"
    );
    assert_eq!(
        warnings[2],
        "`queue_master_locator` (FILE:4) has no effect: RabbitMQ has removed it"
    );
}
