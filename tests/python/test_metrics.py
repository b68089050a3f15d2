"""Prometheus's own parser for Python reads every page of metrics after some traffic."""

import re
import urllib.request

import pika
import pytest
from prometheus_client.parser import text_string_to_metric_families

PATHS = [
    "/metrics",
    "/metrics/per-object",
    "/metrics/memory-breakdown",
    "/metrics/detailed?family=queue_metrics&family=channel_metrics&family=exchange_bindings",
]


@pytest.fixture
def address(own_broker):
    """Where the metrics are, after a message went through a queue with an odd name."""
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare('a"b\\c', durable=True)
    channel.basic_publish("", 'a"b\\c', b"body")
    assert channel.basic_get('a"b\\c', auto_ack=True)[2] == b"body"
    line = next(line for line in own_broker.log if "started metrics listener on " in line)
    yield re.search(r"started metrics listener on (\S+)", line)[1]
    connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_well_formed(address, path):
    with urllib.request.urlopen(f"http://{address}{path}") as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert family.documentation and family.type, family
        for sample in family.samples:
            assert sample.name.startswith(family.name), sample
    if path != "/metrics/memory-breakdown":
        queues = {sample.labels.get("queue") for family in families for sample in family.samples}
        assert 'a"b\\c' in queues or path == "/metrics"


def test_what_passed_is_counted(address):
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = {
        (sample.name, sample.labels.get("queue_type")): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["rabbitmq_global_messages_received_total", None] == 1
    assert samples["rabbitmq_global_messages_confirmed_total", None] == 1
    name = "rabbitmq_global_messages_delivered_get_auto_ack_total"
    assert samples[name, "rabbit_classic_queue"] == 1
    assert samples[name, "rabbit_quorum_queue"] == 0
