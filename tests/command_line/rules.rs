//! Policies, parameters, limits and definitions.

use std::fs;

use ferrymq_tests::harness::Broker;
use serde_json::{Value, json};

use crate::runner::ctl;

#[test]
fn policies_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue orders");
    ctl().ok("set_policy p ^o {\"max-length\":5} --priority 3 --apply-to queues");
    ctl().ok("set_operator_policy op ^o {\"max-length\":4}");
    let header = "vhost\tname\tpattern\tapply-to\tdefinition\tpriority\n";
    assert_eq!(
        ctl().ok("list_policies -q"),
        format!("{header}/\tp\t^o\tqueues\t{{\"max-length\":5}}\t3\n")
    );
    let operator = ctl().json("list_operator_policies");
    assert_eq!(operator[0]["definition"], json!({"max-length": 4}));
    assert_eq!(
        ctl().ok("list_queues -s name policy operator_policy"),
        "orders\tp\top\n"
    );
    let matching = ctl().json("list_policies_that_match orders");
    assert_eq!(matching.as_array().map(Vec::len), Some(2));
    let wrong = ctl().fails("set_policy q ^o {\"max-lengt\":5}", 65);
    assert!(wrong.contains("max-lengt"), "{wrong}");
    ctl().fails("set_policy q ^o {", 65);
    ctl().fails("set_policy q ( {\"max-length\":5}", 65);
    ctl().fails("set_policy q ^o {\"max-length\":5} --apply-to ships", 65);
    ctl().ok("clear_policy p");
    ctl().ok("clear_operator_policy op");
    assert_eq!(ctl().ok("list_policies -q"), "");
    let gone = ctl().fails("clear_policy p", 65);
    assert_eq!(gone, "Error:\nthere is no policy 'p' in virtual host '/'\n");
}

#[test]
fn parameters_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("set_global_parameter g {\"a\":1}");
    let listed = ctl().ok("list_global_parameters -s");
    assert!(listed.contains("g\t{\"a\":1}\n"), "{listed}");
    ctl().ok("clear_global_parameter g");
    ctl().fails("clear_global_parameter g", 65);
    ctl().fails("set_parameter nonsense a {}", 65);
    assert_eq!(ctl().ok("list_parameters -s"), "");
}

#[test]
fn limits_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("set_vhost_limits {\"max-queues\":1,\"max-connections\":10}");
    let limits = "{\"max-connections\":10,\"max-queues\":1}\n";
    assert_eq!(ctl().ok("list_vhost_limits -q"), limits);
    assert_eq!(
        ctl().ok("list_vhost_limits -s --global"),
        format!("/\t{limits}")
    );
    ctl().ok("declare_queue a");
    ctl().fails("declare_queue b", 65);
    ctl().ok("clear_vhost_limits");
    assert_eq!(ctl().ok("list_vhost_limits -q"), "{}\n");
    ctl().ok("declare_queue b");
    ctl().fails("set_vhost_limits {\"max-ships\":1}", 65);
    ctl().fails("set_vhost_limits many", 65);
    ctl().ok("set_user_limits guest {\"max-channels\":7,\"max-connections\":8}");
    ctl().ok("clear_user_limits guest max-connections");
    assert_eq!(
        ctl().ok("list_user_limits -q --user guest"),
        "{\"max-channels\":7}\n"
    );
    ctl().ok("clear_user_limits guest all");
    assert_eq!(ctl().ok("list_user_limits -q"), "");
}

#[test]
fn definitions_go_from_broker_to_broker() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("definitions.json");
    let file = file.display().to_string();
    let one = Broker::start();
    ctl(&one).ok("declare_queue orders --type quorum");
    ctl(&one).ok("bind amq.topic orders -k o.#");
    ctl(&one).ok("set_policy p ^o {\"max-length\":5}");
    ctl(&one).ok(&format!("export_definitions {file}"));
    let other = Broker::start();
    let changes = ctl(&other).json(&format!("import_definitions {file} --dry-run"));
    let added = changes.as_array().into_iter().flatten();
    let added: Vec<_> = added.filter(|change| change["change"] == "added").collect();
    let sections: Vec<_> = added.iter().map(|change| &change["section"]).collect();
    assert_eq!(sections, ["policies", "queues", "bindings"], "{changes}");
    assert_eq!(ctl(&other).ok("list_queues -s"), "");
    ctl(&other).ok(&format!("import_definitions {file}"));
    assert_eq!(
        ctl(&other).ok("list_queues -s name type policy"),
        "orders\tquorum\tp\n"
    );
    let again = ctl(&other).ok(&format!("import_definitions {file} --skip-if-unchanged -q"));
    assert!(again.contains("Nothing to import"), "{again}");
    let printed: Value = serde_json::from_str(&ctl(&other).ok("export_definitions")).unwrap();
    assert_eq!(printed["queues"][0]["name"], "orders");
    let of_vhost = ctl(&other).json("export_definitions - -p /");
    assert!(of_vhost.get("users").is_none());
}

#[test]
fn bad_definitions_change_nothing() {
    let broker = Broker::start();
    let import = |text: &str, code| ctl(&broker).input(text).fails("import_definitions -", code);
    import("{", 65);
    let refused = import(r#"{"queues": [{"name": "q", "vhost": "none"}]}"#, 65);
    assert!(refused.contains("none"), "{refused}");
    let dry = ctl(&broker).input(r#"{"queues": [{"name": "q", "vhost": "none"}]}"#);
    dry.fails("import_definitions - --dry-run", 65);
    ctl(&broker).fails("import_definitions /no/such/file", 65);
    ctl(&broker).fails("export_definitions /no/such/file", 65);
    assert_eq!(ctl(&broker).ok("list_queues -s"), "");
    let empty = tempfile::NamedTempFile::new().unwrap();
    fs::write(empty.path(), "").unwrap();
    let file = empty.path().display().to_string();
    ctl(&broker).fails(&format!("import_definitions {file}"), 65);
}
