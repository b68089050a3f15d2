"""aio-pika: robust connections, confirms, and its patterns."""

import asyncio
import datetime

import aio_pika
import aiormq
import pytest
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.patterns import RPC, Master


def persistent(body):
    return Message(body, delivery_mode=DeliveryMode.PERSISTENT)


@pytest.fixture
async def connection(broker):
    async with await aio_pika.connect_robust(broker.url) as connection:
        yield connection


@pytest.fixture
async def channel(connection):
    return await connection.channel()


async def take(queue, count):
    """The next `count` messages of the queue, acked."""
    taken = []
    async with asyncio.timeout(60), queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                taken.append(message)
            if len(taken) == count:
                return taken


def bodies(taken):
    return [message.body for message in taken]


async def test_a_first_message(channel, name):
    queue = await channel.declare_queue(name, durable=True)
    confirmation = await channel.default_exchange.publish(persistent(b"hello"), name)
    assert isinstance(confirmation, aiormq.spec.Basic.Ack)
    (message,) = await take(queue, 1)
    assert (message.body, message.redelivered) == (b"hello", False)
    await queue.delete()


async def test_concurrent_publishes_are_all_confirmed_and_in_order(channel):
    queue = await channel.declare_queue(exclusive=True)
    sent = [str(number).encode() for number in range(1_000)]
    publish = channel.default_exchange.publish
    await asyncio.gather(*(publish(Message(body), queue.name) for body in sent))
    assert bodies(await take(queue, 1_000)) == sent


async def test_unroutable_mandatory_messages_raise(connection, name):
    channel = await connection.channel(on_return_raises=True)
    exchange = await channel.get_exchange("amq.direct")
    with pytest.raises(aio_pika.exceptions.DeliveryError):
        await exchange.publish(Message(b"back"), name, mandatory=True)
    await exchange.publish(Message(b"dropped"), name, mandatory=False)


async def test_properties_and_header_types(channel):
    queue = await channel.declare_queue(exclusive=True)
    headers = {
        "boolean": True,
        "i8": -3,
        "i16": 30_000,
        "i32": -2_000_000_000,
        "i64": 2**62,
        "float": 2.5,
        "text": "grün",
        "list": [1, "two", [3.5, None], {"four": 4}],
        "table": {"nested": {"deeper": True}},
        "nothing": None,
        "bytes": bytearray(b"\x00\xff"),
        "time": datetime.datetime(2024, 2, 29, 12, 30, 15, tzinfo=datetime.UTC),
    }
    message = Message(
        b"all",
        headers=headers,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=DeliveryMode.PERSISTENT,
        priority=9,
        correlation_id="correlation",
        reply_to="somewhere",
        expiration=3600,
        message_id="message",
        timestamp=1_700_000_000,
        type="kind",
        user_id="guest",
        app_id="application",
    )
    await channel.default_exchange.publish(message, queue.name)
    (received,) = await take(queue, 1)
    fields = [
        *("content_type", "content_encoding", "delivery_mode", "priority", "correlation_id"),
        *("reply_to", "expiration", "message_id", "timestamp", "type", "user_id", "app_id"),
    ]
    for field in fields:
        assert getattr(received, field) == getattr(message, field), field
    assert dict(received.headers) == headers


@pytest.mark.parametrize("kind", list(ExchangeType)[:4])
async def test_exchange_types(channel, name, kind):
    exchange = await channel.declare_exchange(name, kind, auto_delete=True)
    queue = await channel.declare_queue(exclusive=True)
    key = "a.*" if kind == ExchangeType.TOPIC else "a.b"
    arguments = {"x-match": "all", "kind": "x"} if kind == ExchangeType.HEADERS else None
    await queue.bind(exchange, key, arguments=arguments)
    await exchange.publish(Message(b"in", headers={"kind": "x"}), "a.b", mandatory=True)
    assert bodies(await take(queue, 1)) == [b"in"]
    await queue.unbind(exchange, key, arguments=arguments)


async def test_prefetch_and_nack(channel):
    await channel.set_qos(prefetch_count=2)
    queue = await channel.declare_queue(exclusive=True)
    for number in range(4):
        await channel.default_exchange.publish(Message(str(number).encode()), queue.name)
    received = asyncio.Queue()
    await queue.consume(received.put)
    first, second = [await asyncio.wait_for(received.get(), 60) for _ in range(2)]
    assert (await queue.declare()).message_count == 2
    await first.nack(requeue=True)
    await second.ack()
    again, third = [await asyncio.wait_for(received.get(), 60) for _ in range(2)]
    assert {again.body, third.body} == {b"0", b"2"}
    assert received.empty()


async def test_get(channel):
    queue = await channel.declare_queue(exclusive=True)
    assert await queue.get(fail=False) is None
    with pytest.raises(aio_pika.exceptions.QueueEmpty):
        await queue.get()
    await channel.default_exchange.publish(Message(b"got"), queue.name)
    message = await queue.get()
    await message.ack()
    assert message.body == b"got"


async def test_transactions(connection):
    async with await connection.channel(publisher_confirms=False) as channel:
        queue = await channel.declare_queue(exclusive=True)
        async with channel.transaction():
            await channel.default_exchange.publish(Message(b"kept"), queue.name)
            assert (await queue.declare()).message_count == 0
        with pytest.raises(ZeroDivisionError):
            async with channel.transaction():
                await channel.default_exchange.publish(Message(b"lost"), queue.name)
                raise ZeroDivisionError
        assert bodies(await take(queue, 1)) == [b"kept"]
        assert await queue.get(fail=False) is None


async def test_rpc_pattern(connection, name):
    async def multiply(*, x, y):
        return x * y

    async def divide(*, x, y):
        return x / y

    server = await RPC.create(await connection.channel())
    await server.register(f"{name}.multiply", multiply, auto_delete=True)
    await server.register(f"{name}.divide", divide, auto_delete=True)
    client = await RPC.create(await connection.channel())
    calls = (client.call(f"{name}.multiply", {"x": number, "y": 2}) for number in range(50))
    answers = await asyncio.wait_for(asyncio.gather(*calls), 60)
    assert answers == [number * 2 for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        await client.call(f"{name}.divide", {"x": 1, "y": 0})
    await client.close()
    await server.close()


async def test_master_and_workers(connection, name):
    done, all_done = [], asyncio.Event()

    async def work(*, number):
        done.append(number)
        if len(done) == 30:
            all_done.set()

    workers = []
    for _ in range(3):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        workers.append(await Master(channel).create_worker(name, work, auto_delete=True))
    master = Master(await connection.channel())
    for number in range(30):
        await master.create_task(name, {"number": number})
    await asyncio.wait_for(all_done.wait(), 60)
    assert sorted(done) == list(range(30))
    for worker in workers:
        await worker.close()


async def test_channel_errors_leave_the_connection(connection, name):
    channel = await connection.channel()
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await channel.get_queue(name, ensure=True)
    assert await (await connection.channel()).declare_queue(exclusive=True)


async def test_large_messages(channel):
    queue = await channel.declare_queue(exclusive=True)
    body = bytes(range(256)) * 40_000
    await channel.default_exchange.publish(Message(body), queue.name)
    assert bodies(await take(queue, 1)) == [body]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_robust_connection_goes_on_after_a_restart(own_broker, name, end):
    connection = await aio_pika.connect_robust(own_broker.url, reconnect_interval=0.1)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(name, "direct", durable=True)
        queue = await channel.declare_queue(name, durable=True)
        temporary = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "key")
        await temporary.bind(exchange, "key")
        await exchange.publish(persistent(b"before"), "key")

        reconnected = asyncio.Event()
        connection.reconnect_callbacks.add(lambda *_: reconnected.set())
        await asyncio.to_thread(getattr(own_broker, end))
        await asyncio.to_thread(own_broker.start)
        await asyncio.wait_for(reconnected.wait(), 60)

        await asyncio.wait_for(connection.ready(), 60)
        await exchange.publish(persistent(b"after"), "key")
        assert bodies(await take(queue, 2)) == [b"before", b"after"]
        assert bodies(await take(temporary, 1)) == [b"after"]


async def test_a_robust_consumer_goes_on_after_a_restart(own_broker, name):
    connection = await aio_pika.connect_robust(own_broker.url, reconnect_interval=0.1)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(name, durable=True)
        received = asyncio.Queue()

        async def on_message(message):
            await received.put(message.body)
            await message.ack()

        await queue.consume(on_message)
        await channel.default_exchange.publish(persistent(b"before"), name)
        assert await asyncio.wait_for(received.get(), 60) == b"before"

        reconnected = asyncio.Event()
        connection.reconnect_callbacks.add(lambda *_: reconnected.set())
        await asyncio.to_thread(own_broker.stop)
        await asyncio.to_thread(own_broker.start)
        await asyncio.wait_for(reconnected.wait(), 60)
        await asyncio.wait_for(connection.ready(), 60)
        await channel.default_exchange.publish(persistent(b"after"), name)
        assert await asyncio.wait_for(received.get(), 60) == b"after"
