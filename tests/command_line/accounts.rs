//! Users, permissions and vhosts.

use ferrymq_tests::harness::Broker;
use serde_json::json;

use crate::runner::{ctl, ctl_over_http};

#[test]
fn users_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("add_user app secret");
    let twice = ctl().fails("add_user app secret", 65);
    assert_eq!(twice, "Error:\nUser \"app\" already exists\n");
    assert_eq!(
        ctl().ok("list_users -q"),
        "user\ttags\napp\t[]\nguest\t[administrator]\n"
    );
    ctl().ok("set_user_tags app monitoring management");
    let tags = ctl().json("list_users");
    assert_eq!(
        tags[0],
        json!({"user": "app", "tags": ["monitoring", "management"]})
    );
    ctl().ok("authenticate_user app secret");
    ctl().fails("authenticate_user app wrong", 65);
    ctl().ok("change_password app other");
    ctl().fails("authenticate_user app secret", 65);
    ctl().ok("authenticate_user app other");
    ctl().ok("clear_password app");
    ctl().fails("authenticate_user app other", 65);
    ctl().ok("delete_user app");
    let gone = "Error:\nUser \"app\" does not exist\n";
    for command in [
        "delete_user app",
        "change_password app x",
        "clear_password app",
        "set_user_tags app x",
        "set_permissions app a b c",
        "list_user_permissions app",
        "set_topic_permissions app amq.topic a b",
        "set_user_limits app {\"max-channels\":1}",
    ] {
        assert_eq!(ctl().fails(command, 67), gone, "{command}");
    }
}

#[test]
fn passwords_need_not_stand_in_the_command_line() {
    let broker = Broker::start();
    ctl(&broker).input("secret\n").ok("add_user app");
    ctl(&broker).input("secret\n").ok("authenticate_user app");
    ctl(&broker).input("").fails("add_user other", 64);
    let hash = ctl(&broker).input("secret\n").ok("hash_password -q");
    ctl(&broker).ok(&format!(
        "add_user hashed {} --pre-hashed-password",
        hash.trim()
    ));
    ctl(&broker).ok("authenticate_user hashed secret");
}

#[test]
fn permissions_open_vhosts() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("add_vhost shop --description Orders --tags a,b --default-queue-type quorum");
    ctl().ok("add_user app secret");
    ctl().ok("set_user_tags app management");
    let app = || ctl_over_http(&broker, "app:secret");
    app().fails("list_queues -p shop", 65);
    ctl().ok("set_permissions -p shop app ^a ^b ^c");
    assert_eq!(app().ok("list_queues -s -p shop"), "");
    app().fails("declare_queue q -p shop", 69);
    app().ok("declare_queue a -p shop");
    assert_eq!(ctl().ok("list_permissions -s -p shop"), "app\t^a\t^b\t^c\n");
    assert_eq!(
        ctl().ok("list_user_permissions app -s"),
        "shop\t^a\t^b\t^c\n"
    );
    ctl().ok("set_permissions_globally app .* .* .*");
    assert_eq!(
        ctl().ok("list_user_permissions app -s"),
        "/\t.*\t.*\t.*\nshop\t.*\t.*\t.*\n"
    );
    ctl().ok("clear_permissions app");
    ctl().ok("clear_permissions app");
    assert_eq!(
        ctl().ok("list_user_permissions app -s"),
        "shop\t.*\t.*\t.*\n"
    );
    ctl().ok("set_topic_permissions -p shop app amq.topic ^w ^r");
    assert_eq!(
        ctl().ok("list_topic_permissions -s -p shop"),
        "app\tamq.topic\t^w\t^r\n"
    );
    assert_eq!(
        ctl().ok("list_user_topic_permissions app -s"),
        "shop\tamq.topic\t^w\t^r\n"
    );
    ctl().ok("clear_topic_permissions -p shop app amq.topic");
    assert_eq!(ctl().ok("list_topic_permissions -s -p shop"), "");
    let bad = ctl().fails("set_permissions app ( .* .*", 65);
    assert!(bad.contains('('), "{bad}");
    let nowhere = ctl().fails("set_permissions -p none app .* .* .*", 65);
    assert_eq!(nowhere, "Error:\nVirtual host 'none' does not exist\n");
}

#[test]
fn vhosts_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("add_vhost shop --description Orders --tags a,b --default-queue-type quorum");
    let columns = "name description tags default_queue_type tracing";
    let listed = ctl().ok(&format!("list_vhosts -s {columns}"));
    assert!(
        listed.ends_with("shop\tOrders\t[a, b]\tquorum\tfalse\n"),
        "{listed}"
    );
    ctl().ok("update_vhost_metadata shop --description Sales");
    ctl().ok("set_vhost_tags shop c");
    ctl().ok("trace_on -p shop");
    let listed = ctl().ok(&format!("list_vhosts -s {columns}"));
    assert!(
        listed.ends_with("shop\tSales\t[c]\tquorum\ttrue\n"),
        "{listed}"
    );
    ctl().ok("trace_off -p shop");
    ctl().ok("declare_queue q -p shop");
    assert_eq!(ctl().ok("list_queues -s -p shop name type"), "q\tquorum\n");
    ctl().ok("enable_vhost_deletion_protection shop");
    ctl().fails("delete_vhost shop", 65);
    ctl().ok("disable_vhost_deletion_protection shop");
    ctl().ok("restart_vhost -p shop");
    ctl().ok("delete_vhost shop");
    let gone = "Error:\nVirtual host 'shop' does not exist\n";
    for command in [
        "delete_vhost shop",
        "list_queues -p shop",
        "list_bindings -p shop",
        "list_permissions -p shop",
        "list_policies -p shop",
        "list_parameters -p shop",
        "list_consumers -p shop",
        "list_vhost_limits -p shop",
        "declare_queue q -p shop",
        "delete_queue q -p shop",
        "trace_on -p shop",
        "export_definitions -p shop",
    ] {
        assert_eq!(ctl().fails(command, 65), gone, "{command}");
    }
}
