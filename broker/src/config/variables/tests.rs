//! What variables of Docker images set, and which ones are passed over.

use super::*;
use crate::config::{Loaded, Watermark, load};

fn loaded(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(None, variables.iter().map(owned), &[]).map_err(|problems| problems.to_string())
}

#[test]
fn variables_of_the_images_set_what_they_set_there() {
    let check = |name: &str, value: &str, setting: &str, expected: &str| {
        let loaded = loaded(&[(name, value)]).unwrap();
        let key = keys().iter().find(|key| key.name == setting).unwrap();
        assert_eq!(key.toml(&loaded.config), expected, "{name}");
        assert!(loaded.origins.contains_key(setting), "{name}");
    };
    check(
        "RABBITMQ_DEFAULT_USER",
        "app",
        "auth.default_user",
        "\"app\"",
    );
    check("RABBITMQ_DEFAULT_PASS", "p", "auth.default_pass", "\"p\"");
    check("RABBITMQ_DEFAULT_VHOST", "v", "auth.default_vhost", "\"v\"");
    check("RABBITMQ_USERNAME", "app", "auth.default_user", "\"app\"");
    check("RABBITMQ_PASSWORD", "p", "auth.default_pass", "\"p\"");
    check("RABBITMQ_VHOST", "v", "auth.default_vhost", "\"v\"");
    check("RABBITMQ_NODENAME", "rabbit@h", "node.name", "\"rabbit@h\"");
    check("RABBITMQ_NODE_PORT", "5", "amqp.listen", "\"[::]:5\"");
    check(
        "RABBITMQ_NODE_PORT_NUMBER",
        "5",
        "amqp.listen",
        "\"[::]:5\"",
    );
    check(
        "RABBITMQ_NODE_IP_ADDRESS",
        "::1",
        "amqp.listen",
        "\"[::1]:5672\"",
    );
    check(
        "RABBITMQ_MANAGEMENT_PORT_NUMBER",
        "5",
        "http.listen",
        "\"[::]:5\"",
    );
    check(
        "RABBITMQ_MANAGEMENT_BIND_IP",
        "1.2.3.4",
        "http.listen",
        "\"1.2.3.4:15672\"",
    );
    check(
        "RABBITMQ_MANAGEMENT_ALLOW_WEB_ACCESS",
        "yes",
        "auth.loopback_users",
        "[]",
    );
    check("RABBITMQ_MNESIA_BASE", "/d", "data_dir", "\"/d\"");
    check("RABBITMQ_LOGS", "/l", "log.file", "\"/l\"");
    check("RABBITMQ_LOGS", "-", "log.file", "\"none\"");
    check(
        "RABBITMQ_DEFINITIONS_FILE",
        "/d.json",
        "definitions.file",
        "\"/d.json\"",
    );
    check(
        "RABBITMQ_LOAD_DEFINITIONS",
        "yes",
        "definitions.file",
        "\"/app/load_definition.json\"",
    );
    check(
        "RABBITMQ_LOAD_DEFINITIONS",
        "no",
        "definitions.file",
        "\"none\"",
    );
    check("RABBITMQ_LOG", "debug", "log.level", "\"debug\"");
    check("RABBITMQ_PID_FILE", "/p", "node.pid_file", "\"/p\"");
    check(
        "RABBITMQ_DISK_FREE_ABSOLUTE_LIMIT",
        "1GB",
        "disk.free_limit",
        "\"1GB\"",
    );
    check(
        "RABBITMQ_VM_MEMORY_HIGH_WATERMARK",
        "40%",
        "memory.high_watermark",
        "0.4",
    );
    check(
        "RABBITMQ_VM_MEMORY_HIGH_WATERMARK",
        "0.4",
        "memory.high_watermark",
        "0.4",
    );
    check(
        "RABBITMQ_VM_MEMORY_HIGH_WATERMARK",
        "1GiB",
        "memory.high_watermark",
        "\"1GiB\"",
    );
}

#[test]
fn our_own_names_win() {
    let variables = [
        ("FERRYMQ_AUTH_DEFAULT_USER", "ours"),
        ("RABBITMQ_DEFAULT_USER", "theirs"),
    ];
    assert_eq!(loaded(&variables).unwrap().config.default_user, "ours");
}

#[test]
fn a_named_user_may_come_from_anywhere() {
    let loopback = |name: &str| {
        let loaded = loaded(&[("RABBITMQ_DEFAULT_USER", name)]).unwrap();
        loaded.config.loopback_users
    };
    assert_eq!(loopback("app"), ["guest"]);
    assert_eq!(loopback("guest"), Vec::<String>::new());
}

#[test]
fn one_variable_says_everything_about_the_log() {
    let config = loaded(&[("RABBITMQ_LOG", "connection=debug,notice,ra=info,+json")])
        .unwrap()
        .config;
    assert_eq!(config.log_level, LogLevel::Warning);
    assert_eq!(config.log_levels.len(), 1);
    assert_eq!(config.log_levels["connection"], LogLevel::Debug);
    assert_eq!(config.log_format, LogFormat::Json);
    assert!(loaded(&[("RABBITMQ_LOG", "loud")]).is_err());
}

#[test]
fn values_can_stand_in_files() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "secret\n").unwrap();
    let path = file.path().to_str().unwrap();
    for name in [
        "RABBITMQ_DEFAULT_PASS_FILE",
        "FERRYMQ_AUTH_DEFAULT_PASS_FILE",
    ] {
        assert_eq!(
            loaded(&[(name, path)]).unwrap().config.default_pass,
            "secret"
        );
    }
    let error = loaded(&[("RABBITMQ_DEFAULT_PASS_FILE", "/no/such")]).unwrap_err();
    assert!(
        error.starts_with("RABBITMQ_DEFAULT_PASS_FILE: can't read /no/such"),
        "{error}"
    );
    assert_eq!(
        loaded(&[("FERRYMQ_LOG_FILE", "/l")])
            .unwrap()
            .config
            .log_file,
        Some("/l".into())
    );
}

#[test]
fn what_does_nothing_is_said_once() {
    let check = |name: &str, value: &str, warnings: usize| {
        assert_eq!(
            loaded(&[(name, value)]).unwrap().warnings.len(),
            warnings,
            "{name}"
        );
    };
    check("RABBITMQ_ERLANG_COOKIE", "x", 1);
    check("RABBITMQ_ENABLED_PLUGINS_FILE", "x", 1);
    check("RABBITMQ_SAILS", "x", 1);
    check("RABBITMQ_CONFIG_FILE", "x", 0);
    check("RABBITMQ_PORT_5672_TCP", "tcp://10.0.0.1:5672", 0);
    check("RABBITMQ_SERVICE_HOST", "10.0.0.1", 0);
    check("RABBITMQ_NODE_PORT", "tcp://10.0.0.1:5672", 0);
}

#[test]
fn bad_values_name_their_variable() {
    let check = |name: &str, value: &str, expected: &str| {
        assert_eq!(loaded(&[(name, value)]).unwrap_err(), expected);
    };
    check(
        "RABBITMQ_NODE_PORT",
        "amqp",
        "bad value for setting `RABBITMQ_NODE_PORT`: \"amqp\" (environment). Allowed: a port",
    );
    check(
        "RABBITMQ_DEFAULT_PASS",
        " ",
        "bad value for setting `RABBITMQ_DEFAULT_PASS`: *** (environment). Allowed: a password",
    );
    let mark = loaded(&[("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "0")]).unwrap();
    assert_eq!(mark.config.memory_high_watermark, Watermark::Relative(0.0));
}
