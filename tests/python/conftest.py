"""Fixtures: a broker for all tests, and one to stop and start.

With FERRYMQ_TEST_AMQP=host:port the first is a running broker; the second is always the built program.
"""

import os
import re
import uuid

import pytest

from harness import Broker, RunningBroker


@pytest.fixture(scope="session")
def broker():
    if address := os.environ.get("FERRYMQ_TEST_AMQP"):
        yield RunningBroker(address)
        return
    own = Broker().start()
    yield own
    own.remove()
    panics = [line for line in own.log if "panicked" in line]
    assert not panics, "".join(own.log)


@pytest.fixture
def own_broker():
    """A broker that the test may stop, kill and start again."""
    own = Broker().start()
    yield own
    own.remove()
    panics = [line for line in own.log if "panicked" in line]
    assert not panics, "".join(own.log)


@pytest.fixture
def name(request):
    """A name that no other test uses, also on a broker that lives longer than the tests."""
    test = re.sub(r"\W+", "-", request.node.name).strip("-")
    return f"python.{test}.{uuid.uuid4().hex[:8]}"
