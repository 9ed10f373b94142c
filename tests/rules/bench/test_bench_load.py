"""What the load generator promises: nothing repeated, nothing left out, and latency counted from when a request was due."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench.echo import BODY
from bench.load import (
    LOST,
    NO_CODE,
    Plan,
    ProtocolError,
    Request,
    WhenLost,
    carry_out,
    compile_request,
    latency_of,
    measure,
    order_request,
    percentile,
    read_captured,
)
from bench.serve import HOST, serving, uvicorn_command

ORDER = order_request(run="sale", event_id="evt_1", ticket_type_id="tty_1", quantity=2)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as a server saw it."""

    number: int
    head: str
    body: bytes


Script = Callable[[Seen], Awaitable[Iterable[bytes]]]
"""What a server does with a request: the pieces of its answer, each written on its own; none closes the connection."""


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(*pieces: bytes) -> Script:
    async def script(_seen: Seen) -> Iterable[bytes]:
        return pieces

    return script


@asynccontextmanager
async def listening(script: Script) -> AsyncIterator[tuple[int, list[Seen]]]:
    """A server that answers by a script, its port, and what it has seen so far."""
    seen: list[Seen] = []
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
                body = await reader.readexactly(length)
                number = int(head.partition("Idempotency-Key: sale-")[2].split("\r\n")[0])
                request = Seen(number, head, body)
                seen.append(request)
                pieces = list(await script(request))
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if not pieces or b"Connection: close" in pieces[0]:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(converse, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations)


def plan(port: int, *, connections: int = 4, seconds: float = 20.0, requests_max: int | None = None) -> Plan:
    return Plan(
        name="sale",
        host=HOST,
        port=port,
        requests=(ORDER,),
        connections=connections,
        seconds=seconds,
        requests_max=requests_max,
    )


def test_each_order_has_a_key_and_a_customer_of_its_own_and_a_length_that_is_true() -> None:
    render = compile_request(ORDER, host="shop:8000")

    head, _, body = render(42).partition(b"\r\n\r\n")

    assert b"POST /v1/orders HTTP/1.1\r\nHost: shop:8000\r\n" in head
    assert b"Idempotency-Key: sale-0000000042" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["customer"]["email"] == "buyer-sale-0000000042@example.com"
    assert json.loads(body)["lines"] == [{"ticket_type_id": "tty_1", "quantity": 2}]
    assert len(render(1)) == len(render(9_999_999_999))


def test_a_request_without_a_number_is_sent_as_it_stands_signs_of_percent_too() -> None:
    render = compile_request(Request(method="GET", path="/v1/events?q=100%25"), host="shop")

    assert render(7) == b"GET /v1/events?q=100%25 HTTP/1.1\r\nHost: shop\r\n\r\n"


async def test_a_number_of_requests_is_sent_exactly_each_once() -> None:
    async with listening(always(answer(201, BODY))) as (port, seen):
        result = await carry_out(plan(port, connections=7, requests_max=100))

    assert sorted(request.number for request in seen) == list(range(100))
    assert (result.sent, result.answered, result.answered_in_time, result.lost) == (100, 100, 100, 0)
    assert result.statuses == {"201": 100}
    assert result.latency.count == 100


async def test_several_requests_are_sent_in_turn() -> None:
    other = replace(ORDER, path="/v1/other")
    async with listening(always(answer(200, b"{}"))) as (port, seen):
        await carry_out(replace(plan(port, requests_max=10), requests=(ORDER, other)))

    assert {request.number % 2 for request in seen if " /v1/other " in request.head} == {1}
    assert sum(" /v1/other " in request.head for request in seen) == 5


async def test_numbers_go_on_where_an_earlier_plan_stopped() -> None:
    async with listening(always(answer(201, BODY))) as (port, seen):
        first = await carry_out(plan(port, requests_max=5))
        await carry_out(replace(plan(port, requests_max=5), first_number=first.next_number))

    assert sorted(request.number for request in seen) == list(range(10))


async def test_a_closed_loop_ends_after_its_seconds_and_its_last_answers_are_still_counted() -> None:
    async with listening(always(answer(201, BODY))) as (port, seen):
        result = await carry_out(plan(port, seconds=0.2))

    assert result.answered == len(seen)
    assert result.answered_in_time <= result.answered
    assert result.seconds >= 0.2
    assert result.per_second == pytest.approx(result.answered_in_time / result.seconds, rel=0.01)


async def test_what_happens_while_warming_up_is_left_out() -> None:
    async with listening(always(answer(201, BODY))) as (port, seen):
        result = await carry_out(replace(plan(port, seconds=0.1), warmup_seconds=0.2))

    assert 0 < result.answered < len(seen)
    assert result.latency.count == result.answered
    assert result.next_number == len(seen)


async def test_refusals_are_counted_by_their_code() -> None:
    async def script(seen: Seen) -> Iterable[bytes]:
        if seen.number < 3:
            return [answer(409, b'{"errors":[{"code":"nested"}],"code":"sold_out"}')]
        return [answer(503, b'{"code": "busy"}', "Retry-After: 1")] if seen.number < 8 else [answer(201, BODY)]

    async with listening(script) as (port, _):
        result = await carry_out(plan(port, requests_max=10))

    assert result.statuses == {"201": 2, "409": 3, "503": 5}
    assert result.codes == {"busy": 5, "sold_out": 3}
    assert result.busy_without_retry_after == 0
    assert {status: latency.count for status, latency in result.latency_by_status.items()} == result.statuses


@pytest.mark.parametrize("body", [b"<h1>Bad Gateway</h1>", b"[]", b"{}", b""])
async def test_a_refusal_without_a_code_is_counted_as_such(body: bytes) -> None:
    async with listening(always(answer(502, body))) as (port, _):
        result = await carry_out(plan(port, requests_max=2))

    assert result.codes == {NO_CODE: 2}


async def test_a_503_that_does_not_say_when_to_try_again_is_noticed() -> None:
    async with listening(always(answer(503, b'{"code":"busy"}'))) as (port, _):
        result = await carry_out(plan(port, requests_max=3))

    assert result.busy_without_retry_after == 3


async def test_who_heeds_retry_after_comes_again_when_told_and_not_all_at_once() -> None:
    came: list[float] = []

    async def script(_seen: Seen) -> Iterable[bytes]:
        came.append(asyncio.get_running_loop().time())
        return [answer(503, b'{"code":"busy"}', "Retry-After: 1")]

    async with listening(script) as (port, _):
        await carry_out(replace(plan(port, requests_max=8), heeds_retry_after=True))
    first, again = came[:4], came[4:]
    assert min(again) - max(first) > 0.95
    assert max(again) - min(again) > 0.1


async def test_an_answer_may_come_in_any_pieces() -> None:
    whole = answer(201, b'{"order_id":"ord_1"}')
    async with listening(always(*(whole[at : at + 1] for at in range(len(whole))))) as (port, _):
        result = await carry_out(plan(port, requests_max=8))

    assert result.statuses == {"201": 8}


async def test_an_answer_without_content_may_lack_its_length() -> None:
    async with listening(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, _):
        result = await carry_out(plan(port, requests_max=4))

    assert result.statuses == {"204": 4}


async def test_an_answer_that_cannot_be_read_ends_the_measurement() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    async with listening(always(chunked)) as (port, _):
        with pytest.raises(ProtocolError, match="content-length"):
            await carry_out(plan(port, requests_max=4))


async def test_two_answers_to_one_request_end_the_measurement() -> None:
    async with listening(always(answer(201, BODY) * 2)) as (port, _):
        with pytest.raises(ProtocolError, match="more answers than requests"):
            await carry_out(plan(port, requests_max=4))


async def test_a_request_whose_connection_ends_is_lost_and_not_repeated() -> None:
    async def script(seen: Seen) -> Iterable[bytes]:
        return [] if seen.number in (3, 5) else [answer(201, BODY)]

    async with listening(script) as (port, seen):
        result = await carry_out(plan(port, requests_max=20))

    assert sorted(request.number for request in seen) == list(range(20))
    assert (result.answered, result.lost, result.sent) == (18, 2, 20)


async def test_an_answer_that_closes_its_connection_loses_nothing() -> None:
    async with listening(always(answer(503, b'{"code":"busy"}', "Connection: close", "Retry-After: 1"))) as (
        port,
        seen,
    ):
        result = await carry_out(plan(port, connections=3, requests_max=30))

    assert (len(seen), result.answered, result.lost) == (30, 30, 0)


async def test_a_measurement_may_stop_at_the_first_lost_connection() -> None:
    async def script(seen: Seen) -> Iterable[bytes]:
        return [] if seen.number >= 50 else [answer(201, BODY)]

    async with listening(script) as (port, seen):
        result = await carry_out(replace(plan(port, connections=4), when_lost=WhenLost.STOP))

    assert result.lost >= 1
    assert result.answered + result.lost == len(seen) < 60


async def test_in_an_open_loop_requests_that_wait_for_a_slow_answer_count_from_when_they_were_due() -> None:
    async def script(seen: Seen) -> Iterable[bytes]:
        if seen.number == 0:
            await asyncio.sleep(0.4)
        return [answer(201, BODY)]

    async with listening(script) as (port, _):
        result = await carry_out(
            replace(plan(port, connections=1, seconds=0.5), rate_per_second=100, backlog_max=1_000),
        )

    # Forty requests fell due while the first was under way. A generator that counts from the sending sees one slow answer.
    assert result.latency.p50_ms > 100
    assert result.not_sent == 0
    assert 40 <= result.answered <= 100  # the machine may be busy, and its second long


async def test_an_open_loop_counts_what_it_could_not_send() -> None:
    never = asyncio.Event()

    async def script(_seen: Seen) -> Iterable[bytes]:
        await never.wait()
        return []

    async with listening(script) as (port, _):
        result = await carry_out(
            replace(
                plan(port, connections=2, seconds=0.3), rate_per_second=100, backlog_max=20, drain_seconds_max=0.05
            ),
        )

    assert (result.sent, result.unanswered, result.answered) == (2, 2, 0)
    assert 20 <= result.not_sent <= 80  # the machine may be busy, and its third of a second long


async def test_an_open_loop_keeps_its_rate() -> None:
    async with listening(always(answer(201, BODY))) as (port, seen):
        result = await carry_out(
            replace(plan(port, connections=8, seconds=0.5), rate_per_second=400, backlog_max=400),
        )

    assert len(seen) == result.answered
    assert result.answered + result.not_sent == pytest.approx(400 * result.seconds, rel=0.2)


async def test_every_answer_is_captured_and_every_lost_request_too(tmp_path: Path) -> None:
    async def script(seen: Seen) -> Iterable[bytes]:
        return [] if seen.number == 4 else [answer(201, b'{"order_id":\n"ord_%d"}' % seen.number)]

    captured = tmp_path / "answers"
    async with listening(script) as (port, _):
        with captured.open("wb") as capture:
            await carry_out(plan(port, requests_max=6), capture=capture)

    answers = {answer.number: answer for answer in read_captured(captured)}
    assert sorted(answers) == list(range(6))
    assert (answers[4].status, answers[4].body) == (LOST, b"")
    assert json.loads(answers[5].body) == {"order_id": "ord_5"}
    assert all(answer.sent_at <= answer.answered_at for answer in answers.values())


async def test_one_field_of_each_answer_may_be_captured() -> None:
    capture = io.BytesIO()
    async with listening(always(answer(201, b'{"event_id":"evt_9","order_id": "ord_7","x":1}'))) as (port, _):
        await carry_out(replace(plan(port, requests_max=2), capture_field="order_id"), capture=capture)

    assert [line.split(b" ")[4] for line in capture.getvalue().splitlines()] == [b"ord_7", b"ord_7"]


async def test_where_no_server_listens_nothing_is_measured() -> None:
    async with listening(always(answer(201, BODY))) as (port, _):
        pass

    with pytest.raises(OSError, match=r"refused|failed"):
        await carry_out(plan(port, requests_max=2))


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 5.0), (0.51, 6.0), (0.95, 10.0), (0.99, 10.0), (1.0, 10.0)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(1, 11)], share) == expected


def test_latencies_are_told_in_milliseconds() -> None:
    latency = latency_of([0.003, 0.001, 0.002])

    assert (latency.count, latency.mean_ms, latency.p50_ms, latency.p99_ms, latency.max_ms) == (3, 2.0, 2.0, 3.0, 3.0)


def test_without_an_answer_there_is_no_latency() -> None:
    assert latency_of([]).count == 0


def test_a_generator_in_its_own_process_measures_a_real_server_and_what_it_used(tmp_path: Path) -> None:
    with serving(uvicorn_command("bench.echo:app"), stderr_path=tmp_path / "stderr") as server:
        result = measure(
            replace(
                plan(server.port, connections=16, requests_max=2_000),
                server_pid=server.pid,
                capture_path=str(tmp_path / "answers"),
                capture_field="order_id",
            )
        )

    assert result.statuses == {"201": 2_000}
    assert result.server_cpu_seconds is not None
    assert result.server_cpu_seconds > 0
    assert result.server_resident_bytes_after is not None
    assert result.server_resident_bytes_after > 10_000_000
    assert sum(1 for answer in read_captured(tmp_path / "answers") if answer.body.startswith(b"ord_")) == 2_000
