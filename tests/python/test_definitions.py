"""Definitions of a real RabbitMQ, imported into FerryMQ and compared object by object, and the other way."""

import json

import pytest

from harness import Broker
from management import Management, encoded
from rabbitmq import RabbitMQ

# Ours beside what every vhost of RabbitMQ begins with.
OWN_EXCHANGES = {"amq.rabbitmq.event"}


@pytest.fixture
def rabbitmq():
    node = RabbitMQ()
    try:
        yield node.start()
    finally:
        node.remove()


@pytest.fixture
def ferrymq(own_broker):
    return Management(f"http://127.0.0.1:{own_broker.http_port}")


def declare(api):
    """One of everything, by the HTTP API."""
    for vhost in ("shop", "with / and é"):
        api.put(f"/vhosts/{encoded(vhost)}", {"description": f"of {vhost}", "tags": "a,b"})
    api.put("/vhost-limits/shop/max-connections", {"value": 50})
    users = {
        "app": {"password": "secret", "tags": ""},
        "ops": {"password": "o:p:s", "tags": "monitoring,policymaker"},
        "nobody": {"password_hash": "", "tags": "management"},
    }
    for name, user in users.items():
        api.put(f"/users/{name}", user)
    api.put("/user-limits/app/max-channels", {"value": 7})
    patterns = {"configure": "^(?!amq\\.).*", "write": "", "read": ".*"}
    api.put("/permissions/shop/app", patterns)
    api.put("/permissions/%2F/ops", {"configure": "^a|b$", "write": ".*", "read": ".*"})
    topic = {"exchange": "amq.topic", "write": "^{username}\\.", "read": ".*"}
    api.put("/topic-permissions/shop/app", topic)
    declare_queues(api)
    declare_policies(api)


def declare_queues(api):
    durable = {"durable": True}
    exchanges = {
        "events": ("topic", {"alternate-exchange": "dead"}),
        "dead": ("fanout", {}),
        "select": ("headers", {}),
    }
    for name, (kind, arguments) in exchanges.items():
        exchange = {"type": kind, "arguments": arguments, **durable}
        api.put(f"/exchanges/shop/{name}", exchange)
    queues = {
        "plain": {},
        "jobs": {"x-queue-type": "quorum", "x-delivery-limit": 3, "x-dead-letter-exchange": "dead"},
        "lazy": {"x-queue-mode": "lazy", "x-message-ttl": 60000, "x-max-priority": 5},
        "short": {"x-max-length": 10, "x-overflow": "reject-publish", "x-expires": 3600000},
        "free": {"app": {"list": [1, 2.5, True, "s", {"deep": -1}]}},
        "a/b +?#\"'%é🐇": {},
    }
    for name, arguments in queues.items():
        queue = {"arguments": arguments, **durable}
        api.put(f"/queues/shop/{encoded(name)}", queue)
    api.put("/queues/shop/going", {"durable": True, "auto_delete": True})
    bindings = [
        ("e/amq.topic/q/plain", "order.#", {}),
        ("e/amq.topic/q/plain", "other", {}),
        ("e/events/e/dead", "#", {}),
        ("e/select/q/lazy", "", {"x-match": "all", "format": "pdf", "pages": 5}),
        ("e/select/q/lazy", "", {"x-match": "any", "format": "txt"}),
        (f"e/amq.direct/q/{encoded('a/b +?#' + chr(34) + chr(39) + '%é🐇')}", "a b~", {}),
    ]
    for path, key, arguments in bindings:
        api.post(f"/bindings/shop/{path}", {"routing_key": key, "arguments": arguments})


def declare_policies(api):
    expiring = {"pattern": "^tmp", "definition": {"message-ttl": 1000}, "apply-to": "queues"}
    api.put("/policies/shop/expire", {"priority": 7, **expiring})
    mirrored = {"ha-mode": "all", "ha-sync-mode": "automatic", "max-length": 5}
    api.put("/policies/shop/old%20one", {"pattern": "", "definition": mirrored})
    cap = {"pattern": ".*", "definition": {"max-length": 100}, "priority": 1, "apply-to": "queues"}
    api.put("/operator-policies/shop/cap", cap)
    upstream = {"uri": "amqp://localhost:1", "prefetch-count": 5}
    api.put("/parameters/federation-upstream/shop/up", {"value": upstream})
    upstreams = [{"upstream": "up"}]
    api.put("/parameters/federation-upstream-set/shop/all", {"value": upstreams})
    api.put("/global-parameters/colour", {"value": {"red": [1, None, "x"]}})


def objects(api):
    """Everything that definitions are about, as the API shows it, in what both brokers show of it."""
    shown = {
        "users": ["name", "password_hash", "hashing_algorithm", "tags", "limits"],
        "vhosts": ["name", "description", "tags"],
        "vhost-limits": ["vhost", "value"],
        "permissions": ["user", "vhost", "configure", "write", "read"],
        "topic-permissions": ["user", "vhost", "exchange", "write", "read"],
        "policies": ["vhost", "name", "pattern", "apply-to", "priority", "definition"],
        "operator-policies": ["vhost", "name", "pattern", "apply-to", "priority", "definition"],
        "parameters": ["vhost", "component", "name", "value"],
        "global-parameters": ["name", "value"],
        "exchanges": ["vhost", "name", "type", "durable", "auto_delete", "internal", "arguments"],
        "queues": ["vhost", "name", "type", "durable", "auto_delete", "arguments"],
        "bindings": [
            "vhost",
            "source",
            "destination",
            "destination_type",
            "routing_key",
            "arguments",
        ],
    }
    found = {}
    for path, fields in shown.items():
        rows = [{field: row[field] for field in fields} for row in api.get(f"/{path}")]
        found[path] = sorted((row for row in rows if is_common(path, row)), key=repr)
    return found


def is_common(path, row):
    """What each broker has for itself is not compared."""
    if path == "global-parameters":
        return row["name"] != "cluster_name" and not row["name"].startswith("internal")
    return not (path == "exchanges" and row["name"] in OWN_EXCHANGES)


def check_same(source, target, unsaid=()):
    """`unsaid`: what the source's documents don't tell."""
    expected, found = objects(source), objects(target)
    for path in unsaid:
        del expected[path]
    for path, rows in expected.items():
        assert found[path] == rows, path


@pytest.mark.timeout(600)
def test_what_rabbitmq_exports_is_imported_unchanged(rabbitmq, ferrymq):
    declare(rabbitmq.api)
    exported = rabbitmq.api.get("/definitions")
    ferrymq.post("/definitions", exported)
    # RabbitMQ 3.10 exports nothing of a vhost but its name.
    check_same(rabbitmq.api, ferrymq, unsaid=["vhosts"])
    names = [vhost["name"] for vhost in ferrymq.get("/vhosts")]
    assert names == sorted(vhost["name"] for vhost in exported["vhosts"])
    for user, password in (("ops", "o:p:s"), ("guest", "guest")):
        assert Management(ferrymq.url, user, password).get("/whoami")["name"] == user
    # Once more changes nothing.
    plan = ferrymq.call("POST", "/definitions?dry_run=true", exported)[1]
    assert (plan["counts"]["added"], plan["counts"]["changed"]) == (0, 0), plan
    one = rabbitmq.api.get("/definitions/shop")
    ferrymq.put("/vhosts/copy", {})
    ferrymq.post("/definitions/copy", one)
    assert len(ferrymq.get("/queues/copy")) == len(rabbitmq.api.get("/queues/shop"))


@pytest.mark.timeout(600)
def test_what_ferrymq_exports_is_imported_by_rabbitmq(rabbitmq, ferrymq, own_broker):
    declare(ferrymq)
    status, _ = ferrymq.call("GET", "/users/app")
    assert status == 200
    rabbitmq.api.post("/definitions", ferrymq.get("/definitions"))
    check_same(ferrymq, rabbitmq.api)
    one = ferrymq.get("/definitions/shop")
    rabbitmq.api.put("/vhosts/copy", {})
    rabbitmq.api.post("/definitions/copy", one)
    assert len(rabbitmq.api.get("/queues/copy")) == len(ferrymq.get("/queues/shop"))
    # Passwords that are hashed as RabbitMQ does are good there; see docs/definitions.md.
    hashed = rabbitmq.api.get("/users/guest")
    assert hashed["hashing_algorithm"] == "rabbit_password_hashing_sha256"
    assert Management(rabbitmq.api.url).get("/whoami")["name"] == "guest"


@pytest.fixture
def importing(tmp_path):
    """Starts brokers that import a document."""
    brokers = []

    def start(document):
        file = tmp_path / "definitions.json"
        file.write_text(json.dumps(document))
        brokers.append(Broker(FERRYMQ_DEFINITIONS_FILE=str(file)))
        return brokers[-1].start()

    yield start
    for broker in brokers:
        broker.remove()


def test_definitions_are_there_when_clients_connect(importing):
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    broker = importing(
        {
            "users": [{"name": "boss", "password": "secret", "tags": "administrator"}],
            "vhosts": [{"name": "main"}],
            "permissions": [{"user": "boss", "vhost": "main", **everything}],
            "queues": [{"name": "q", "vhost": "main"}],
        }
    )
    url = f"http://127.0.0.1:{broker.http_port}"
    boss = Management(url, "boss", "secret")
    assert [queue["name"] for queue in boss.get("/queues")] == ["q"]
    # Neither the default user nor the default vhost.
    assert [vhost["name"] for vhost in boss.get("/vhosts")] == ["main"]
    assert Management(url).call("GET", "/whoami")[0] == 401


def test_a_start_without_its_definitions_fails(importing):
    with pytest.raises(AssertionError, match="can't import the definitions in .*queues\\[0\\] 'q'"):
        importing({"queues": [{"name": "q"}]})
