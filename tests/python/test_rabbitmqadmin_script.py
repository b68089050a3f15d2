"""`rabbitmqadmin` as RabbitMQ 3 has it, a script, does its everyday work on FerryMQ."""

import json

import pika
import pytest

from harness import eventually
from rabbitmqadmin import Script


@pytest.fixture
def admin(own_broker):
    return Script(own_broker)


def test_accounts(admin):
    everything = ["configure=.*", "write=", "read=^a|b$"]
    assert admin("declare", "vhost", "name=shop", "tracing=true") == "vhost declared\n"
    admin("declare", "user", "name=ann", "password=secret", "tags=management")
    admin("declare", "user", "name=bob", "password_hash=", "tags=")
    admin("declare", "permission", "vhost=shop", "user=ann", *everything)
    admin("declare", "vhost_limit", "vhost=shop", "name=max-queues", "value=50")
    assert admin.column("name", "list", "vhosts") == ["/", "shop"]
    assert admin.rows("list", "vhosts", "name", "tracing")[1] == {"name": "shop", "tracing": "True"}
    users = admin.rows("list", "users", "name", "tags")
    assert users[:2] == [{"name": "ann", "tags": "management"}, {"name": "bob", "tags": ""}]
    permissions = {"configure": ".*", "write": "", "read": "^a|b$"}
    found = json.loads(admin("-f", "raw_json", "list", "permissions"))
    assert {"vhost": "shop", "user": "ann", **permissions} in found
    limits = [{"vhost": "shop", "value": '{"max-queues": 50}'}]
    assert admin.rows("list", "vhost_limits") == limits
    assert admin("-u", "ann", "-p", "secret", "-f", "bash", "list", "vhosts") == "shop\n"

    admin("delete", "vhost_limit", "vhost=shop", "name=max-queues")
    admin("delete", "permission", "vhost=shop", "user=ann")
    admin("delete", "user", "name=ann")
    assert admin("delete", "vhost", "name=shop") == "vhost deleted\n"
    assert admin("list", "vhost_limits") == "No items\n"
    assert admin("-f", "bash", "list", "users") == "bob guest\n"


def test_queues_exchanges_and_bindings(admin):
    alternate = 'arguments={"alternate-exchange":"amq.fanout"}'
    passing = ["durable=false", "auto_delete=true"]
    admin("declare", "exchange", "name=a/b x", "type=topic")
    admin("declare", "exchange", "name=own", "type=fanout", "internal=true", alternate, *passing)
    assert admin("declare", "queue", "name=jobs", "queue_type=quorum") == "queue declared\n"
    admin("declare", "queue", "name=short", 'arguments={"x-expires":60000}', *passing)
    refused = admin.fails("declare", "queue", "name=jobs")
    assert "inequivalent arg 'x-queue-type' for queue 'jobs' in vhost '/'" in refused
    admin("declare", "binding", "source=a/b x", "destination=jobs", "routing_key=k.#")
    headers = ["source=amq.headers", "destination=own", "destination_type=exchange"]
    admin("declare", "binding", *headers, 'arguments={"format":"pdf"}')

    columns = ["name", "type", "durable", "auto_delete", "internal"]
    exchanges = admin("-f", "tsv", "-q", "list", "exchanges", *columns).splitlines()
    assert {"a/b x\ttopic\tTrue\tFalse\tFalse", "own\tfanout\tFalse\tTrue\tTrue"} < set(exchanges)
    assert admin.rows("list", "queues", "name", "type", "durable", "auto_delete") == [
        {"name": "jobs", "type": "quorum", "durable": "True", "auto_delete": "False"},
        {"name": "short", "type": "classic", "durable": "False", "auto_delete": "True"},
    ]
    assert admin.column("name", "-S", "name", "-R", "list", "queues") == ["short", "jobs"]
    bindings = {row["source"]: row for row in admin.rows("list", "bindings")}
    jobs = {"source": "a/b x", "destination": "jobs", "routing_key": "k.#"}
    assert bindings["a/b x"] == jobs
    assert bindings["amq.headers"]["destination"] == "own"

    keys = dict(
        line.split("\t")
        for line in admin("-f", "tsv", "list", "bindings", "source", "properties_key").splitlines()
    )
    of_jobs = ["source=a/b x", "destination=jobs", "destination_type=queue"]
    for binding, source in ((of_jobs, "a/b x"), (headers, "amq.headers")):
        admin("delete", "binding", *binding, f"properties_key={keys[source]}")
    admin("delete", "queue", "name=jobs")
    admin("delete", "exchange", "name=a/b x")
    assert admin.column("source", "list", "bindings") == [""]
    assert admin("-f", "bash", "list", "queues") == "short\n"


def test_policies_and_parameters(admin):
    rule = ["pattern=^q", 'definition={"max-length":5}', "priority=3", "apply-to=queues"]
    admin("declare", "policy", "name=short", *rule)
    admin("declare", "operator_policy", "name=cap", *rule)
    upstream = ["component=federation-upstream", "name=up"]
    admin("declare", "parameter", *upstream, 'value={"uri":"amqp://localhost:1"}')
    for kind, name in (("policies", "short"), ("operator_policies", "cap")):
        expected = {"vhost": "/", "name": name, "pattern": "^q", "priority": "3"}
        expected |= {"apply-to": "queues", "definition": '{"max-length": 5}'}
        assert admin.rows("list", kind) == [expected]
    parameters = admin.rows("list", "parameters", "name", "value")
    assert {"name": "up", "value": '{"uri": "amqp://localhost:1"}'} in parameters
    admin("delete", "policy", "name=short")
    admin("delete", "operator_policy", "name=cap")
    admin("delete", "parameter", *upstream)
    for kind in ("policies", "operator_policies", "parameters"):
        assert admin("list", kind) == "No items\n"


def test_messages(admin, tmp_path):
    admin("declare", "queue", "name=q")
    properties = 'properties={"delivery_mode":2,"headers":{"list":[1,2]}}'
    assert admin("publish", "routing_key=q", "payload=first", properties) == "Message published\n"
    admin("publish", "routing_key=q", input="from the input")
    unrouted = admin("publish", "exchange=amq.topic", "routing_key=k", "payload=lost")
    assert unrouted == "Message published but NOT routed\n"
    taken = admin.rows("get", "queue=q", "count=5")
    assert [row["payload"] for row in taken] == ["first", "from the input"]
    assert [row["redelivered"] for row in taken] == ["False", "False"]
    [kept] = json.loads(admin("-f", "raw_json", "get", "queue=q"))
    assert kept["properties"] == {"delivery_mode": 2, "headers": {"list": [1, 2]}}
    assert kept["redelivered"]
    file = tmp_path / "payload"
    admin("get", "queue=q", "ackmode=ack_requeue_false", f"payload_file={file}")
    assert file.read_text() == "first"
    assert admin("purge", "queue", "name=q") == "queue purged\n"
    assert admin("get", "queue=q") == "No items\n"


def test_definitions(admin, tmp_path):
    everything, one = (str(tmp_path / name) for name in ("everything.json", "one.json"))
    admin("declare", "queue", "name=q", 'arguments={"x-max-length":7}')
    admin("declare", "binding", "source=amq.direct", "destination=q", "routing_key=k")
    admin("export", everything)
    admin("-V", "/", "export", one)
    admin("delete", "queue", "name=q")
    admin("import", everything)
    admin("declare", "vhost", "name=copy")
    admin("-V", "copy", "import", one)
    for vhost in ("/", "copy"):
        [queue] = json.loads(admin("-V", vhost, "-f", "raw_json", "list", "queues"))
        assert queue["arguments"]["x-max-length"] == 7
        bindings = admin.rows("-V", vhost, "list", "bindings")
        assert {"source": "amq.direct", "destination": "q", "routing_key": "k"} in bindings


def test_connections(admin, own_broker):
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    channel = connection.channel()
    channel.queue_declare("q")
    channel.basic_consume("q", lambda *_: None, consumer_tag="mine")
    [shown] = eventually(lambda: admin.rows("list", "connections"), "the connection is shown")
    assert (shown["user"], shown["channels"]) == ("guest", "1")
    name = shown["name"]
    assert admin.rows("list", "channels") == [{"name": f"{name} (1)", "user": "guest"}]
    assert admin.column("consumer_tag", "list", "consumers") == ["mine"]
    assert admin("close", "connection", f"name={name}") == "connection closed\n"
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="management"):
        connection.process_data_events(time_limit=None)
    eventually(lambda: admin("list", "connections") == "No items\n", "the connection is gone")
    assert "Not found" in admin.fails("close", "connection", f"name={name}")


def test_the_node(admin):
    [overview] = admin.rows("show", "overview")
    assert overview["rabbitmq_version"].startswith("4.")
    assert overview["object_totals.queues"] == "0"
    [node] = admin.rows("list", "nodes")
    assert node["name"] == overview["cluster_name"]
    assert int(node["mem_used"]) > 1 << 20
    [whole] = json.loads(admin("-f", "pretty_json", "show", "overview"))
    assert whole["object_totals"]["exchanges"] == 8
    assert "rates_mode: basic\n" in admin("-f", "long", "-d", "3", "list", "nodes")


def test_refusals(admin):
    assert "Access refused: /api/users" in admin.fails("-p", "wrong", "list", "users")
    assert "Not found: /api/queues/nowhere" in admin.fails("-V", "nowhere", "list", "queues")
    assert "Not found" in admin.fails("delete", "queue", "name=nothing")
    assert "alternate" in admin.fails(
        "declare", "exchange", "name=x", "type=direct", 'arguments={"alternate-exchange":5}'
    )
