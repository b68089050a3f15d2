//! Health checks: what they answer when all is well, and when it is not.

use ferrymq_broker::alarms::Alarms;
use ferrymq_broker::limits::Limit;
use serde_json::{Value, json};

use crate::http::fixture::Fixture;

/// All checks that are below `/api/health/checks`, as long as all is well.
const CHECKS: [&str; 16] = [
    "alarms",
    "local-alarms",
    "virtual-hosts",
    "node-is-quorum-critical",
    "certificate-expiration/1/days",
    "certificate-expiration/2/years",
    "is-in-service",
    "ready-to-serve-clients",
    "below-node-connection-limit",
    "reached-target-cluster-size",
    "metadata-store/initialized",
    "metadata-store/initialized/with-data",
    "quorum-queues-without-elected-leaders/all-vhosts",
    "quorum-queues-without-elected-leaders/all-vhosts/pattern/%5Eq",
    "quorum-queues-without-elected-leaders/vhost/%2F",
    "quorum-queues-without-elected-leaders/vhost/%2F/pattern/%5Eq",
];

async fn check(fixture: &Fixture, name: &str, status: u16) -> Value {
    let path = format!("/api/health/checks/{name}");
    fixture.check("GET", &path, "", status).await.json
}

#[tokio::test]
async fn all_is_well_at_first() {
    let fixture = Fixture::start().await;
    for name in CHECKS {
        assert_eq!(check(&fixture, name, 200).await["status"], "ok", "{name}");
        let open = [
            "is-in-service",
            "ready-to-serve-clients",
            "below-node-connection-limit",
            "reached-target-cluster-size",
        ];
        let path = format!("/api/health/checks/{name}");
        let nobody = fixture.call_with("", "GET", &path, "").await.status;
        let expected = if open.contains(&name) { 200 } else { 401 };
        assert_eq!(nobody, expected, "{name}");
    }
    let critical = check(&fixture, "node-is-quorum-critical", 200).await;
    assert_eq!(critical["reason"], "single node cluster");
    for path in [
        "/api/aliveness-test/%2F",
        "/api/healthchecks/node/ferrymq@%3Cb%3E",
    ] {
        let answer = fixture.check("GET", path, "", 200).await;
        assert_eq!(answer.json, json!({ "status": "ok" }));
    }
    for path in [
        "/api/aliveness-test/nowhere",
        "/api/healthchecks/node/nobody",
    ] {
        fixture.check("GET", path, "", 404).await;
    }
    assert_eq!(
        fixture.call_with("", "GET", "/healthz", "").await.status,
        200
    );
    assert_eq!(
        fixture.call_with("", "GET", "/readyz", "").await.status,
        200
    );
}

#[tokio::test]
async fn alarms_name_their_resources() {
    let fixture = Fixture::start().await;
    fixture.broker.set_alarms(Alarms {
        memory: true,
        disk: true,
    });
    for name in ["alarms", "local-alarms"] {
        let body = check(&fixture, name, 503).await;
        let row = |resource| json!({ "node": "ferrymq@<b>", "resource": resource });
        assert_eq!(body["status"], "failed");
        assert!(body["reason"].is_string());
        assert_eq!(body["alarms"], json!([row("memory"), row("disk")]));
    }
    check(&fixture, "is-in-service", 200).await;
}

#[tokio::test]
async fn listeners_are_found_by_port_and_by_protocol() {
    let fixture = Fixture::start().await;
    let own = fixture.address.port();
    let found = check(&fixture, &format!("port-listener/{own}"), 200).await;
    assert_eq!(found, json!({ "status": "ok", "port": own }));
    let missing = check(&fixture, "port-listener/1", 503).await;
    assert_eq!(
        missing,
        json!({
            "status": "failed", "reason": "No active listener", "missing": 1, "ports": [5672, own],
        })
    );
    check(&fixture, "port-listener/amqp", 400).await;
    check(&fixture, "port-listener/70000", 400).await;

    let found = check(&fixture, "protocol-listener/amqp091", 200).await;
    let expected = json!({ "status": "ok", "protocols": ["amqp"], "protocol": "amqp" });
    assert_eq!(found, expected);
    let both = check(&fixture, "protocol-listener/amqp,management", 200).await;
    assert_eq!(both["protocols"], json!(["amqp", "http"]));
    let missing = check(&fixture, "protocol-listener/amqp,mqtts", 503).await;
    assert_eq!(
        missing,
        json!({
            "status": "failed", "reason": "No active listener", "missing": ["mqtt/ssl"],
            "protocols": ["amqp", "http"],
        })
    );
}

#[tokio::test]
async fn questions_must_make_sense() {
    let fixture = Fixture::start().await;
    for name in [
        "certificate-expiration/1/fortnights",
        "certificate-expiration/soon/days",
        "quorum-queues-without-elected-leaders/all-vhosts/pattern/(",
        "quorum-queues-without-elected-leaders/vhost/%2F/pattern/(",
    ] {
        check(&fixture, name, 400).await;
    }
    check(
        &fixture,
        "quorum-queues-without-elected-leaders/vhost/nowhere",
        404,
    )
    .await;
    check(&fixture, "no-such-check", 404).await;
}

#[tokio::test]
async fn a_full_node_is_not_ready() {
    let full = Fixture::start_with(|config| config.limits.connections = Limit(Some(0))).await;
    for name in ["below-node-connection-limit", "ready-to-serve-clients"] {
        let body = check(&full, name, 503).await;
        assert_eq!(body["connections"], 0);
        assert!(body["reason"].is_string());
    }
    check(&full, "is-in-service", 200).await;
}
