"""Celery 5: real workers, acks_late, results over reply queues, remote control."""

import datetime
import importlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from celery import chain, group

from harness import eventually

PATIENCE_SECONDS = 60
HERE = Path(__file__).parent


class Project:
    """A Celery application with queues of its own, and its workers."""

    def __init__(self, broker, directory):
        self.marks, self.workers = directory, []
        self.prefix = f"celery-{uuid.uuid4().hex[:8]}"
        self.environment = {
            "TEST_PREFIX": self.prefix,
            "TEST_MARKS": str(directory),
            "TEST_BROKER_URL": broker.url.removesuffix("%2f") + "/",
        }
        os.environ.update(self.environment)
        sys.modules.pop("celery_app", None)
        self.tasks = importlib.import_module("celery_app")
        self.app = self.tasks.app

    def start_worker(self, *arguments, ready=" ready."):
        """Starts a worker and waits until its log says that it is ready."""
        name = f"{self.prefix}-{len(self.workers)}@localhost"
        log = open(self.marks / f"{name}.log", "w+")
        command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-n", name]
        worker = subprocess.Popen(
            [*command, "--loglevel=info", "--without-mingle", *arguments],
            cwd=HERE,
            env=os.environ | self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        worker.name, worker.log = name, Path(log.name)
        self.workers.append(worker)
        eventually(lambda: ready in worker.log.read_text(), f"{name} is ready")
        return worker

    def stop_workers(self):
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait(PATIENCE_SECONDS)
        self.app.close()

    def began(self, name):
        return list(self.marks.glob(f"{name}.began.*"))

    def let_go(self, name):
        (self.marks / f"{name}.let-go").touch()


@pytest.fixture(scope="module")
def project(broker, tmp_path_factory):
    """One application with a worker of two processes, for all tests which do not end it."""
    project = Project(broker, tmp_path_factory.mktemp("celery"))
    project.start_worker("--concurrency=2")
    yield project
    project.stop_workers()


@pytest.fixture
def own_project(broker, tmp_path):
    project = Project(broker, tmp_path)
    yield project
    project.stop_workers()


def result(pending):
    return pending.get(timeout=PATIENCE_SECONDS)


def test_a_task_and_its_result(project):
    assert result(project.tasks.add.delay(2, 3)) == 5


def test_many_tasks(project):
    pending = [project.tasks.add.delay(number, number) for number in range(200)]
    assert [result(one) for one in pending] == [2 * number for number in range(200)]


def test_failures_come_back_as_exceptions(project):
    with pytest.raises(ValueError, match="as asked"):
        result(project.tasks.fail.delay())


def test_retries(project):
    assert result(project.tasks.succeed_at_last.delay()) == 2


def test_chains(project):
    add = project.tasks.add
    assert result(chain(add.s(1, 2), add.s(3), add.s(4)).apply_async()) == 10


def test_groups(project):
    add = project.tasks.add
    pending = group(add.s(number, 1) for number in range(20)).apply_async()
    assert result(pending) == [number + 1 for number in range(20)]


def test_a_chain_of_a_starmap(project):
    add, total = project.tasks.add, project.tasks.total
    assert result(chain(add.starmap([(1, 2), (3, 4)]), total.s()).apply_async()) == 10


def test_priorities_arrive(project):
    ranked = project.tasks.ranked
    pending = [ranked.apply_async((number,), priority=number) for number in range(10)]
    assert [result(one) for one in pending] == [[number, number] for number in range(10)]


def test_countdown_and_eta(project):
    start = time.time()
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    pending = [
        project.tasks.now.apply_async(countdown=1),
        project.tasks.now.apply_async(eta=soon),
    ]
    for one in pending:
        assert result(one) - start >= 0.95


def test_an_eta_by_a_delayed_exchange(project):
    start = time.time()
    later = {"exchange": f"{project.prefix}.later", "routing_key": "later"}
    pending = project.tasks.now.apply_async(headers={"x-delay": 1000}, **later)
    at_once = project.tasks.now.apply_async(**later)
    # The worker does not know of the delay: it runs what comes.
    assert result(at_once) < result(pending)
    assert result(pending) - start >= 0.95


def test_a_refused_task_is_dead_lettered(project):
    with project.app.connection() as connection:
        with connection.SimpleQueue(f"{project.prefix}.graves") as graves:
            refused = project.tasks.refuse.delay()
            letter = graves.get(timeout=PATIENCE_SECONDS)
            letter.ack()
            assert letter.headers["id"] == refused.id
            (death,) = letter.headers["x-death"]
            assert death["reason"] == "rejected"
            assert death["queue"] == f"{project.prefix}.mortal"


def test_large_arguments(project):
    assert result(project.tasks.add.delay("x" * 2_000_000, "y"))[-2:] == "xy"


def test_inspect_ping(project):
    worker = project.workers[0].name
    answers = project.app.control.inspect(timeout=20, limit=1).ping()
    assert answers == {worker: {"ok": "pong"}}


def test_inspect_more(project):
    inspect = project.app.control.inspect([project.workers[0].name], timeout=20)
    (queues,) = inspect.active_queues().values()
    names = ["", ".ranked", ".later", ".mortal"]
    assert {queue["name"] for queue in queues} == {project.prefix + name for name in names}
    (registered,) = inspect.registered().values()
    assert "celery_app.add" in registered


def test_the_command_line_pings(project):
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "inspect", "ping", "-t", "20"]
    answer = subprocess.run(
        [*command, "-d", project.workers[0].name],
        cwd=HERE,
        env=os.environ | project.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert answer.returncode == 0 and "pong" in answer.stdout, answer.stdout + answer.stderr


def test_events(project):
    seen = []
    with project.app.connection() as connection:
        receiver = project.app.events.Receiver(connection, {"*": seen.append})
        with receiver.consumer_context() as (consuming, _, _):
            pending = project.tasks.add.delay(1, 1)
            while ("task-succeeded", pending.id) not in [
                (event["type"], event.get("uuid")) for event in seen
            ]:
                consuming.drain_events(timeout=PATIENCE_SECONDS)
    assert result(pending) == 2


def test_revoked_tasks_do_not_run(project):
    task_id = str(uuid.uuid4())
    project.app.control.revoke(task_id, reply=True, timeout=20, limit=1)
    pending = project.tasks.mark.apply_async(("revoked",), task_id=task_id)
    with pytest.raises(Exception, match="revoked"):
        result(pending)
    assert not (project.marks / "revoked").exists()


def test_acks_late_gives_a_killed_workers_task_to_another(own_project):
    first = own_project.start_worker("--pool=solo")
    pending = own_project.tasks.block.delay("late")
    eventually(lambda: own_project.began("late"), "the first worker began")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(PATIENCE_SECONDS)
    own_project.start_worker("--pool=solo", ready="Connected to")
    eventually(lambda: len(own_project.began("late")) == 2, "the second worker began")
    own_project.let_go("late")
    assert result(pending) is True, "the second time it is flagged as redelivered"


def test_warm_shutdown_finishes_the_task(own_project):
    worker = own_project.start_worker("--concurrency=1")
    pending = own_project.tasks.block.delay("warm")
    eventually(lambda: own_project.began("warm"), "the worker began")
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: "Warm shutdown" in worker.log.read_text(), "the worker stops")
    own_project.let_go("warm")
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert result(pending) is False
    assert len(own_project.began("warm")) == 1


def test_tasks_wait_for_a_worker(own_project):
    with own_project.app.connection() as connection:
        for queue in own_project.app.amqp.queues.values():
            queue(connection).declare()
    pending = [own_project.tasks.add.delay(number, 0) for number in range(20)]
    own_project.start_worker("--concurrency=1")
    assert [result(one) for one in pending] == list(range(20))


def test_urgent_tasks_run_first(own_project):
    with own_project.app.connection() as connection:
        for queue in own_project.app.amqp.queues.values():
            queue(connection).declare()
    ranked_now = own_project.tasks.ranked_now
    pending = [ranked_now.apply_async(priority=priority) for priority in [1, 9, 5, 0, 7]]
    own_project.start_worker("--pool=solo")
    times = [result(one) for one in pending]
    by_time = sorted(range(5), key=lambda index: times[index])
    assert by_time == [1, 4, 2, 0, 3]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_workers_come_back_after_a_restart(own_broker, tmp_path, end):
    project = Project(own_broker, tmp_path)
    try:
        worker = project.start_worker("--concurrency=1")
        assert result(project.tasks.add.delay(1, 1)) == 2
        getattr(own_broker, end)()
        eventually(lambda: "Trying again" in worker.log.read_text(), "the worker noticed")
        own_broker.start()
        project.tasks.mark.delay("after")
        eventually((tmp_path / "after").exists, "the task ran after the restart")
    finally:
        project.stop_workers()
