//! Settings that change while the broker runs.

use ferrymq_tests::harness::Broker;

use crate::runner::ctl;

#[test]
fn settings_change_until_the_next_start() {
    let mut broker = Broker::start();
    let level = |broker: &Broker| {
        let settings = ctl(broker).json("environment");
        settings["log.level"].clone()
    };
    assert_eq!(level(&broker), "\"info\"");
    ctl(&broker).ok("set_log_level debug");
    assert_eq!(level(&broker), "\"debug\"");
    ctl(&broker).ok("set_disk_free_limit 2GB");
    ctl(&broker).ok("set_vm_memory_high_watermark 0.5");
    ctl(&broker).ok("set_vm_memory_high_watermark absolute 2GiB");
    broker.restart();
    assert_eq!(level(&broker), "\"info\"");
}

#[test]
fn settings_that_do_not_do_are_refused() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    let error = ctl().fails("set_disk_free_limit plenty", 65);
    assert!(error.contains("disk.free_limit"), "{error}");
    let error = ctl().fails("set_setting amqp.listen [::]:1", 65);
    assert!(error.contains("needs a restart"), "{error}");
    let error = ctl().fails("set_setting log.levle debug", 65);
    assert!(error.contains("log.level"), "{error}");
    ctl().fails("set_log_level loud", 64);
    ctl().fails("set_vm_memory_high_watermark relative 2", 64);
}

#[test]
fn secrets_are_not_shown() {
    let broker = Broker::start();
    let settings = ctl(&broker).ok("environment");
    assert!(settings.contains("auth.default_pass = ***"), "{settings}");
}
