"""`rabbitmqadmin` as RabbitMQ 4 has it, a program, does its everyday work on FerryMQ."""

import json

import pika
import pytest

from harness import eventually
from rabbitmqadmin import Program


@pytest.fixture
def admin(own_broker):
    return Program(own_broker)


def test_vhosts(admin):
    described = ["--description", "of it", "--default-queue-type", "quorum", "--tracing"]
    admin("declare", "vhost", "--name", "shop", *described)
    default, shop = admin.rows("list", "vhosts")
    assert (default["name"], default["default_queue_type"]) == ("/", "classic")
    expected = {"name": "shop", "description": "of it", "default_queue_type": "quorum"}
    assert expected.items() < shop.items(), shop
    admin("-V", "shop", "declare", "vhost_limit", "--name", "max-queues", "--value", "50")
    limits = [{"vhost": "shop", "limits": "max-queues: 50"}]
    assert admin.rows("-V", "shop", "list", "vhost_limits") == limits
    admin("-V", "shop", "delete", "vhost_limit", "--name", "max-queues")
    assert admin.rows("-V", "shop", "list", "vhost_limits") == []
    admin("vhosts", "enable_deletion_protection", "--name", "shop")
    assert admin.column("protected_from_deletion", "list", "vhosts") == ["false", "true"]
    assert "protected from deletion" in admin.fails("delete", "vhost", "--name", "shop")
    admin("vhosts", "disable_deletion_protection", "--name", "shop")
    admin("delete", "vhost", "--name", "shop")
    many = ["vhosts", "delete_multiple", "--name-pattern", "^many", "--approve"]
    for number in range(3):
        admin("declare", "vhost", "--name", f"many.{number}")
    admin(*many)
    assert admin.column("name", "list", "vhosts") == ["/"]


def test_accounts(admin):
    patterns = ["--configure", ".*", "--write", "", "--read", "^a"]
    admin("declare", "user", "--name", "ann", "--password", "secret", "--tags", "monitoring,other")
    admin("declare", "permissions", "--user", "ann", *patterns)
    users = {row["name"]: row["tags"] for row in admin.rows("list", "users")}
    assert users == {"ann": "monitoring, other", "guest": "administrator"}
    expected = {"user": "ann", "vhost": "/", "configure": ".*", "write": "", "read": "^a"}
    assert expected in admin.rows("list", "permissions")
    admin("declare", "user_limit", "--user", "ann", "--name", "max-channels", "--value", "5")
    limits = [{"username": "ann", "limits": "max-channels: 5"}]
    assert admin.rows("list", "user_limits") == limits
    admin("delete", "user_limit", "--user", "ann", "--name", "max-channels")
    assert admin.rows("list", "user_limits") == []
    admin("delete", "permissions", "--user", "ann")
    admin("delete", "user", "--name", "ann")
    assert admin.column("user", "list", "permissions") == ["guest"]
    assert "404" in admin.fails("delete", "user", "--name", "ann")
    admin("delete", "user", "--name", "ann", "--idempotently")


def test_queues_exchanges_and_bindings(admin):
    alternate = ["--arguments", '{"alternate-exchange":"amq.fanout"}']
    passing = ["--durable", "false", "--auto-delete", "true"]
    admin("declare", "exchange", "--name", "a/b x", "--type", "topic", *alternate)
    admin("declare", "queue", "--name", "jobs", "--type", "quorum")
    expiring = ["--arguments", '{"x-expires":60000}']
    admin("declare", "queue", "--name", "short", "--type", "classic", *passing, *expiring)
    refused = admin.fails("declare", "queue", "--name", "jobs", "--type", "classic")
    assert "inequivalent arg 'x-queue-type' for queue 'jobs' in vhost '/'" in refused
    exchanges = {row["name"]: row for row in admin.rows("list", "exchanges")}
    assert exchanges["a/b x"]["exchange_type"] == "topic"
    assert "amq.fanout" in exchanges["a/b x"]["arguments"]
    jobs, short = admin.rows("list", "queues")
    expected = {"queue_type": "quorum", "durable": "true", "state": "running"}
    assert expected.items() < jobs.items()
    expected = {"queue_type": "classic", "durable": "false", "auto_delete": "true"}
    assert expected.items() < short.items()

    of_jobs = ["--source", "a/b x", "--destination-type", "queue", "--destination", "jobs"]
    of_jobs += ["--routing-key", "k.#"]
    exchange = ["--source", "amq.headers", "--destination-type", "exchange"]
    exchange += ["--destination", "a/b x", "--routing-key", "", "--arguments", '{"a":1}']
    for binding in (of_jobs, exchange):
        admin("declare", "binding", *binding)
    bindings = {row["source"]: row for row in admin.rows("list", "bindings")}
    expected = {"destination": "jobs", "destination_type": "queue", "routing_key": "k.#"}
    assert expected.items() < bindings["a/b x"].items()
    expected = {"destination": "a/b x", "destination_type": "exchange", "routing_key": ""}
    assert expected.items() < bindings["amq.headers"].items()
    for binding in (of_jobs, exchange):
        admin("delete", "binding", *binding)
    assert admin.column("source", "list", "bindings") == ["", ""]
    admin("delete", "exchange", "--name", "a/b x")
    admin("delete", "queue", "--name", "jobs")
    assert "404" in admin.fails("delete", "queue", "--name", "jobs")
    assert admin.column("name", "list", "queues") == ["short"]


def test_policies_and_parameters(admin):
    rule = ["--pattern", "^q", "--definition", '{"max-length":5}', "--priority", "3"]
    rule += ["--apply-to", "quorum_queues"]
    upstream = ["--component", "federation-upstream", "--name", "up"]
    admin("declare", "parameter", *upstream, "--value", '{"uri":"amqp://localhost:1"}')
    for kind, kinds in (("policy", "policies"), ("operator_policy", "operator_policies")):
        admin("declare", kind, "--name", "p", *rule)
        [found] = admin.rows("list", kinds)
        expected = {"name": "p", "vhost": "/", "pattern": "^q", "priority": "3"}
        assert expected.items() < found.items()
        assert found["apply_to"] == "quorum_queues"
    admin("declare", "queue", "--name", "q", "--type", "quorum")
    [queue] = admin.rows("list", "queues")
    assert (queue["policy"], queue["operator_policy"]) == ("p", "p")
    parameters = admin.rows("list", "parameters", "--component", "federation-upstream")
    assert [row["name"] for row in parameters] == ["up"]
    admin("delete", "policy", "--name", "p")
    admin("delete", "operator_policy", "--name", "p")
    admin("delete", "parameter", *upstream)
    for kinds in ("policies", "operator_policies", "parameters"):
        assert admin.rows("list", kinds) == []


def test_messages(admin):
    admin("declare", "queue", "--name", "q", "--type", "classic")
    properties = ["--properties", '{"delivery_mode":2,"headers":{"a":1}}']
    routed = admin("publish", "message", "--routing-key", "q", "--payload", "first", *properties)
    assert routed == "Message published and routed successfully\n"
    admin("publish", "message", "-k", "q", "--payload-file", "-", input="from the input")
    lost = admin("publish", "message", "--exchange", "amq.topic", "--routing-key", "k")
    assert "NOT routed" in lost
    get = ["get", "messages", "--queue", "q"]
    [first] = admin.rows(*get, "--ack-mode", "ack_requeue_true")
    assert (first["payload"], first["redelivered"]) == ("first", "false")
    assert "delivery_mode: 2" in first["properties"]
    taken = admin.rows(*get, "--count", "5")
    assert [row["payload"] for row in taken] == ["first", "from the input"]
    assert [row["redelivered"] for row in taken] == ["true", "false"]
    admin("publish", "message", "--routing-key", "q")
    admin("purge", "queue", "--name", "q")
    assert admin.rows(*get) == []


def test_definitions(admin, tmp_path):
    everything, one = (str(tmp_path / name) for name in ("everything.json", "one.json"))
    admin("declare", "queue", "--name", "q", "--arguments", '{"x-max-length":7}')
    admin("definitions", "export", "--file", everything)
    admin("definitions", "export_from_vhost", "--file", one)
    admin("delete", "queue", "--name", "q")
    admin("definitions", "import", "--file", everything)
    admin("declare", "vhost", "--name", "copy")
    admin("-V", "copy", "definitions", "import_into_vhost", "--file", one)
    for vhost in ("/", "copy"):
        [queue] = admin.rows("-V", vhost, "list", "queues")
        assert (queue["name"], "x-max-length: 7" in queue["arguments"]) == ("q", True)
    strange = ["--transformations", "obfuscate_usernames,prepare_for_quorum_queue_migration"]
    changed = json.loads(admin("definitions", "export", "--stdout", *strange))
    assert [user["name"] for user in changed["users"]] != ["guest"]


def test_connections(admin, own_broker):
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    channel = connection.channel()
    channel.queue_declare("q")
    channel.basic_consume("q", lambda *_: None, consumer_tag="mine")
    [shown] = eventually(lambda: admin.rows("list", "connections"), "the connection is shown")
    assert (shown["username"], shown["state"]) == ("guest", "running")
    name = shown["name"]
    of_user = ["list", "user_connections", "--username", "guest"]
    assert admin.column("name", *of_user) == [name]
    assert admin.column("name", "list", "channels") == [f"{name} (1)"]
    assert admin.column("consumer_tag", "list", "consumers") == ["mine"]
    admin("close", "connection", "--name", name)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker):
        connection.process_data_events(time_limit=None)
    eventually(lambda: admin.rows("list", "connections") == [], "the connection is gone")
    assert "404" in admin.fails("close", "connection", "--name", name)
    admin("close", "user_connections", "--username", "guest")


def test_the_node(admin):
    overview = admin.facts(admin("show", "overview"))
    assert overview["Product name"] == "FerryMQ"
    assert overview["RabbitMQ version"].startswith("4.")
    churn = admin.facts(admin("show", "churn"))
    assert churn["Queues and streams created"] == "0"
    [node] = admin.column("name", "list", "nodes")
    memory = admin.facts(admin("show", "memory_breakdown_in_bytes", "--node", node))
    total = int(memory.pop("Total (RSS)"))
    assert total == int(memory.pop("Total (allocated by the runtime)"))
    # What it leaves out is small.
    assert 0.95 * total < sum(map(int, memory.values())) <= total
    shares = admin.facts(admin("show", "memory_breakdown_in_percent", "--node", node))
    assert shares["total"] == "100%"
    assert "quorum_queue" in admin.column("name", "list", "feature_flags")
    assert "global_qos" in admin.column("name", "list", "deprecated_features")
    admin("list", "deprecated_features_in_use")
    admin("rebalance", "queues")


def test_health_checks(admin, own_broker):
    for check in ("local_alarms", "cluster_wide_alarms", "node_is_quorum_critical"):
        assert "health check passed" in admin("health_check", check)
    admin("health_check", "port_listener", "--port", str(own_broker.port))
    admin("health_check", "protocol_listener", "--protocol", "amqp")
    nobody = admin.facts(admin.fails("health_check", "port_listener", "--port", "1"))
    assert (nobody["reason"], nobody["inactive port"]) == ("No active listener", "1")
    nobody = admin.fails("health_check", "protocol_listener", "--protocol", "mqtt")
    assert admin.facts(nobody)["inactive protocols"] == "mqtt"


def test_refusals(admin):
    assert "404" in admin.fails("-V", "nowhere", "list", "queues")
    bad = ["--name", "x", "--type", "direct", "--arguments", '{"alternate-exchange":5}']
    assert "alternate" in admin.fails("declare", "exchange", *bad)

