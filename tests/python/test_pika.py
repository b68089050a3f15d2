"""pika: BlockingConnection and SelectConnection."""

import datetime
import decimal
import functools
import threading

import pika
import pika.exceptions
import pytest

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def connect(broker, **options):
    parameters = pika.ConnectionParameters(broker.host, broker.port, **options)
    return pika.BlockingConnection(parameters)


@pytest.fixture
def connection(broker):
    connection = connect(broker)
    yield connection
    if connection.is_open:
        connection.close()


@pytest.fixture
def channel(connection):
    return connection.channel()


def declare_temporary(channel):
    return channel.queue_declare("", exclusive=True).method.queue


def take(channel, queue, count):
    """The next `count` messages of the queue, acked."""
    taken = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=20):
        assert method, f"only {len(taken)} of {count} messages came"
        channel.basic_ack(method.delivery_tag)
        taken.append((method, properties, body))
        if len(taken) == count:
            break
    channel.cancel()
    return taken


def bodies(taken):
    return [body for _, _, body in taken]


def test_a_first_message(channel, name):
    channel.queue_declare(name, durable=True)
    channel.basic_publish("", name, b"Hello World!", PERSISTENT)
    (method, properties, body), = take(channel, name, 1)
    assert (body, method.routing_key, method.exchange) == (b"Hello World!", name, "")
    assert properties.delivery_mode == 2 and not method.redelivered
    assert channel.queue_delete(name).method.message_count == 0


def test_messages_come_in_order(channel):
    queue = declare_temporary(channel)
    sent = [str(number).encode() for number in range(1_000)]
    for body in sent:
        channel.basic_publish("", queue, body)
    assert bodies(take(channel, queue, 1_000)) == sent


def test_callbacks_consume_until_cancelled(channel):
    queue = declare_temporary(channel)
    received = []

    def on_message(channel, method, properties, body):
        received.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(received) == 10:
            channel.basic_cancel(method.consumer_tag)

    channel.basic_qos(prefetch_count=3)
    tag = channel.basic_consume(queue, on_message)
    assert tag
    for number in range(15):
        channel.basic_publish("", queue, str(number))
    channel.start_consuming()
    assert received == [str(number).encode() for number in range(10)]
    assert take(channel, queue, 5)[0][2] == b"10"


def test_get(channel):
    queue = declare_temporary(channel)
    assert channel.basic_get(queue) == (None, None, None)
    for body in (b"one", b"two"):
        channel.basic_publish("", queue, body)
    method, _, body = channel.basic_get(queue)
    assert (body, method.message_count, method.delivery_tag) == (b"one", 1, 1)
    channel.basic_reject(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue, auto_ack=True)
    assert (body, method.redelivered) == (b"one", True)


def test_confirms(channel, name):
    channel.confirm_delivery()
    channel.queue_declare(name, durable=True)
    for _ in range(100):
        channel.basic_publish("", name, b"kept", PERSISTENT, mandatory=True)
    assert channel.queue_declare(name, passive=True).method.message_count == 100
    channel.queue_delete(name)


def test_unroutable_mandatory_messages_come_back(channel, name):
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError) as error:
        channel.basic_publish("amq.direct", name, b"back", mandatory=True)
    (returned,) = error.value.messages
    assert returned.body == b"back"
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    channel.basic_publish("amq.direct", name, b"dropped and confirmed")


def test_returns_without_confirms(connection, channel, name):
    returned = []
    channel.add_on_return_callback(lambda *arguments: returned.append(arguments))
    channel.basic_publish("amq.direct", name, b"back", mandatory=True)
    while not returned:
        connection.process_data_events(time_limit=20)
    assert returned[0][3] == b"back"


def test_prefetch(channel):
    queue = declare_temporary(channel)
    for number in range(10):
        channel.basic_publish("", queue, str(number))
    channel.basic_qos(prefetch_count=4)
    seen = []
    channel.basic_consume(queue, lambda _c, method, _p, body: seen.append((method, body)))
    ready = channel.queue_declare(queue, passive=True).method.message_count
    channel.connection.process_data_events(time_limit=0)
    assert (len(seen), ready) == (4, 6)
    channel.basic_ack(seen[1][0].delivery_tag, multiple=True)
    while len(seen) < 6:
        channel.connection.process_data_events(time_limit=20)
    assert [body for _, body in seen] == [str(number).encode() for number in range(6)]


def test_nack_requeues_to_the_original_place(channel):
    queue = declare_temporary(channel)
    for number in range(4):
        channel.basic_publish("", queue, str(number))
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(3)]
    channel.basic_nack(tags[1], multiple=True, requeue=True)
    channel.basic_ack(tags[2])
    taken = take(channel, queue, 3)
    assert bodies(taken) == [b"0", b"1", b"3"]
    assert [method.redelivered for method, _, _ in taken] == [True, True, False]


def test_properties_and_every_header_type(channel):
    queue = declare_temporary(channel)
    headers = {
        "boolean": True,
        "false": False,
        "small": 1,
        "negative": -5,
        "i32": 2**31 - 1,
        "i64": 2**62,
        "lowest": -(2**63),
        "decimal": decimal.Decimal("3.14"),
        "text": "grün \U0001f680",
        "empty": "",
        "bytes": b"\x00\xff",
        "time": datetime.datetime(2024, 2, 29, 12, 30, 15, tzinfo=datetime.UTC),
        "list": [1, "two", [3, None], {"four": 4}],
        "table": {"nested": {"deeper": [True]}},
        "nothing": None,
        "k" * 255: "a long name",
    }
    properties = pika.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        headers=headers,
        delivery_mode=2,
        priority=200,
        correlation_id="correlation",
        reply_to="somewhere",
        expiration="3600000",
        message_id="message",
        timestamp=1_700_000_000,
        type="kind",
        user_id="guest",
        app_id="application",
        cluster_id="cluster",
    )
    channel.basic_publish("", queue, b"all", properties)
    channel.basic_publish("", queue, b"none")
    (_, all_of_them, _), (_, none, _) = take(channel, queue, 2)
    assert all_of_them.headers == headers
    assert all_of_them == properties
    assert none == pika.BasicProperties()


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 1_000_000, 10_000_000])
def test_bodies_of_any_size(channel, size):
    queue = declare_temporary(channel)
    body = bytes(at % 251 for at in range(min(size, 65_536))) * (size // 65_536 + 1)
    body = body[:size]
    channel.basic_publish("", queue, body)
    assert bodies(take(channel, queue, 1)) == [body]


def test_exchanges_and_bindings(channel, name):
    channel.exchange_declare(f"{name}.topic", "topic", auto_delete=True)
    channel.exchange_declare(f"{name}.fanout", "fanout", auto_delete=True)
    channel.exchange_bind(f"{name}.fanout", f"{name}.topic", "orders.#")
    queue = declare_temporary(channel)
    channel.queue_bind(queue, f"{name}.fanout")
    for key in ("orders.new", "invoices.new", "orders"):
        channel.basic_publish(f"{name}.topic", key, key)
    assert bodies(take(channel, queue, 2)) == [b"orders.new", b"orders"]
    channel.exchange_unbind(f"{name}.fanout", f"{name}.topic", "orders.#")
    channel.basic_publish(f"{name}.fanout", "", b"direct")
    assert bodies(take(channel, queue, 1)) == [b"direct"]
    channel.queue_unbind(queue, f"{name}.fanout")


def test_purge_and_delete(channel, name):
    channel.queue_declare(name)
    for _ in range(3):
        channel.basic_publish("", name, b"")
    assert channel.queue_purge(name).method.message_count == 3
    channel.basic_publish("", name, b"")
    assert channel.queue_delete(name).method.message_count == 1


@pytest.mark.parametrize(
    ("code", "words", "action"),
    [
        (404, "no queue", lambda channel, name: channel.queue_declare(name, passive=True)),
        (404, "no exchange", lambda channel, name: channel.queue_bind("", name)),
        (403, "reserved prefix", lambda channel, name: channel.queue_declare("amq.mine")),
        (406, "inequivalent", lambda channel, name: channel.exchange_declare("amq.direct", "topic")),
        (406, "unknown delivery tag", lambda channel, name: ack_nothing(channel)),
    ],
)
def test_refusals_close_the_channel(connection, name, code, words, action):
    channel = connection.channel()
    if words == "no exchange":
        declare_temporary(channel)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as error:
        action(channel, name)
    assert error.value.reply_code == code
    assert words in error.value.reply_text
    assert channel.is_closed
    assert declare_temporary(connection.channel())


def ack_nothing(channel):
    channel.basic_ack(17)
    declare_temporary(channel)


def test_wrong_passwords(broker):
    wrong = pika.PlainCredentials("guest", "wrong")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError, match="ACCESS_REFUSED"):
        connect(broker, credentials=wrong)


def test_unknown_vhost(broker):
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError, match="530.*elsewhere not found"):
        connect(broker, virtual_host="elsewhere")


def test_deleting_the_queue_cancels_the_consumer(connection, channel, name):
    channel.queue_declare(name)
    cancelled = []
    channel.add_on_cancel_callback(cancelled.append)
    tag = channel.basic_consume(name, lambda *_: None)
    connection.channel().queue_delete(name)
    while not cancelled:
        connection.process_data_events(time_limit=20)
    assert cancelled[0].method.consumer_tag == tag


def test_exclusive_queues_are_locked_and_go_with_the_connection(broker, connection, channel):
    queue = declare_temporary(channel)
    other = connect(broker)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as error:
        other.channel().queue_declare(queue, passive=True)
    assert error.value.reply_code == 405
    connection.close()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as error:
        other.channel().queue_declare(queue, passive=True)
    assert error.value.reply_code == 404
    other.close()


def test_transactions(channel):
    queue = declare_temporary(channel)
    channel.tx_select()
    channel.basic_publish("", queue, b"forgotten")
    channel.tx_rollback()
    channel.basic_publish("", queue, b"kept")
    assert channel.queue_declare(queue, passive=True).method.message_count == 0
    channel.tx_commit()
    assert channel.basic_get(queue)[2] == b"kept"


def test_direct_reply_to(broker, connection, channel):
    queue = declare_temporary(channel)

    def answer(channel, method, properties, body):
        channel.basic_publish("", properties.reply_to, body.upper())
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, answer)
    client = connect(broker)
    requests = client.channel()
    replies = []
    requests.basic_consume(
        "amq.rabbitmq.reply-to", lambda *delivery: replies.append(delivery[3]), auto_ack=True
    )
    reply_to = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to")
    for question in (b"one", b"two"):
        requests.basic_publish("", queue, question, reply_to)
    client.process_data_events(time_limit=0)
    while len(replies) < 2:
        connection.process_data_events(time_limit=0.01)
        client.process_data_events(time_limit=0.01)
    assert replies == [b"ONE", b"TWO"]
    client.close()


def test_acks_from_another_thread(connection, channel):
    queue = declare_temporary(channel)
    threads = []

    def on_message(channel, method, properties, body):
        ack = functools.partial(channel.basic_ack, method.delivery_tag)
        work = threading.Thread(target=connection.add_callback_threadsafe, args=(ack,))
        work.start()
        threads.append(work)
        if len(threads) == 20:
            connection.add_callback_threadsafe(channel.stop_consuming)

    channel.basic_qos(prefetch_count=5)
    channel.basic_consume(queue, on_message)
    for _ in range(20):
        channel.basic_publish("", queue, b"work")
    channel.start_consuming()
    assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_heartbeats_keep_an_idle_connection(broker):
    connection = connect(broker, heartbeat=1)
    channel = connection.channel()
    connection.process_data_events(time_limit=4)
    assert declare_temporary(channel)
    connection.close()


def test_a_small_frame_max_is_agreed_on(broker):
    connection = connect(broker, frame_max=4096, channel_max=3)
    channel = connection.channel()
    queue = declare_temporary(channel)
    channel.basic_publish("", queue, b"x" * 100_000)
    assert len(channel.basic_get(queue)[2]) == 100_000
    connection.close()


def test_update_secret(connection):
    connection.update_secret("guest", "a test")
    assert declare_temporary(connection.channel())


def test_stopping_the_broker_closes_with_320(own_broker):
    connection = connect(own_broker)
    stopped = threading.Thread(target=own_broker.stop)
    stopped.start()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as error:
        while True:
            connection.process_data_events(time_limit=20)
    stopped.join()
    assert error.value.reply_code == 320
    assert "CONNECTION_FORCED" in error.value.reply_text


def test_durable_things_outlive_a_restart(own_broker, name):
    channel = connect(own_broker).channel()
    channel.confirm_delivery()
    channel.exchange_declare(name, "topic", durable=True)
    channel.queue_declare(name, durable=True)
    channel.queue_bind(name, name, "a.#")
    channel.basic_publish(name, "a.b", b"persistent", PERSISTENT)
    channel.basic_publish(name, "a.b", b"transient")
    assert own_broker.stop() == 0
    own_broker.start()
    channel = connect(own_broker).channel()
    channel.basic_publish(name, "a.c", b"after")
    assert bodies(take(channel, name, 2)) == [b"persistent", b"after"]


class AsynchronousRound:
    """SelectConnection from open to close: declare, publish with confirms, consume, ack."""

    def __init__(self, broker, count):
        self.count, self.confirmed, self.received = count, set(), []
        self.channel, self.queue, self.error = None, None, None
        self.connection = pika.SelectConnection(
            pika.ConnectionParameters(broker.host, broker.port),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.declare),
            on_open_error_callback=self.fail,
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
        )

    def fail(self, connection, error):
        self.error = error
        connection.ioloop.stop()

    def declare(self, channel):
        self.channel = channel
        channel.queue_declare("", exclusive=True, callback=self.publish)

    def publish(self, declared):
        self.queue = declared.method.queue
        self.channel.confirm_delivery(self.on_confirm)
        for number in range(self.count):
            self.channel.basic_publish("", self.queue, str(number))
        self.channel.basic_qos(prefetch_count=100)
        self.channel.basic_consume(self.queue, self.on_message)

    def on_confirm(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        tag = frame.method.delivery_tag
        self.confirmed |= set(range(1, tag + 1)) if frame.method.multiple else {tag}
        self.close_when_done()

    def on_message(self, channel, method, properties, body):
        self.received.append(int(body))
        channel.basic_ack(method.delivery_tag)
        self.close_when_done()

    def close_when_done(self):
        if len(self.confirmed) == self.count == len(self.received):
            self.connection.close()


def test_select_connection(broker):
    work = AsynchronousRound(broker, 1_000)
    work.connection.ioloop.start()
    assert work.error is None
    assert work.received == list(range(1_000))
