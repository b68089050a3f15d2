"""The Celery application that the workers run: tasks which leave marks in a directory."""

import os
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import Reject
from kombu import Exchange, Queue

PREFIX = os.environ["TEST_PREFIX"]
MARKS = Path(os.environ["TEST_MARKS"])

app = Celery(PREFIX, broker=os.environ["TEST_BROKER_URL"], backend="rpc://")
app.conf.update(
    task_acks_late=True,
    task_default_queue=PREFIX,
    task_queues=[
        Queue(PREFIX, Exchange(PREFIX), PREFIX),
        Queue(f"{PREFIX}.ranked", Exchange(PREFIX), "ranked", queue_arguments={"x-max-priority": 10}),
        Queue(
            f"{PREFIX}.later",
            Exchange(
                f"{PREFIX}.later", "x-delayed-message", arguments={"x-delayed-type": "direct"}
            ),
            "later",
        ),
        Queue(
            f"{PREFIX}.mortal",
            Exchange(PREFIX),
            "mortal",
            queue_arguments={
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": f"{PREFIX}.graves",
            },
        ),
    ],
    task_default_exchange=PREFIX,
    task_default_routing_key=PREFIX,
    task_routes={
        "celery_app.ranked": {"queue": f"{PREFIX}.ranked", "routing_key": "ranked"},
        "celery_app.ranked_now": {"queue": f"{PREFIX}.ranked", "routing_key": "ranked"},
        "celery_app.refuse": {"queue": f"{PREFIX}.mortal", "routing_key": "mortal"},
    },
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    result_expires=600,
    control_queue_expires=60,
    event_queue_expires=60,
)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fail():
    raise ValueError("as asked")


@app.task(bind=True, max_retries=3)
def succeed_at_last(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(bind=True)
def ranked(self, number):
    return [number, self.request.delivery_info["priority"]]


@app.task
def now():
    return time.time()


@app.task
def ranked_now():
    return time.time()


@app.task
def refuse():
    raise Reject("as asked", requeue=False)


@app.task(bind=True)
def block(self, name):
    """Marks that it began, and ends when there is a mark that lets it."""
    began = MARKS / f"{name}.began.{os.getpid()}"
    began.touch()
    while not (MARKS / f"{name}.let-go").exists():
        time.sleep(0.02)
    return self.request.delivery_info["redelivered"]


@app.task
def mark(name):
    (MARKS / name).touch()
