"""The load generator: sends requests to a server from a process of its own, and counts each answer and each lack of one.

It is written for a machine whose few cores it shares with the server: protocols on keep-alive HTTP/1.1 connections,
request bytes rendered from one format, and a parser that knows a status line, `content-length` and nothing more. One
request is under way per connection; none is ever repeated.

*Closed loop*: each connection sends its next request when the answer has come. *Open loop*: requests fall due at a
fixed rate, whether or not the server keeps up; latency counts from the moment when a request was due, so that waiting
for a slow server is in the figures. A request that was due and found neither a free connection nor room in the backlog
is counted as not sent.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import subprocess
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from bench.serve import Usage, machine_cpu_seconds, usage_of

NUMBER = "{number}"  # Stands for the request's own number, ten digits, wherever it occurs in a request.
NUMBER_DIGITS = 10
ANSWERS_MAX = 5_000_000  # Bounds the memory of one measurement: ten bytes an answer, set aside before it starts.
CONNECTIONS_MAX = 4_096
CONNECTING_AT_ONCE = 64  # Fewer than any server's listen backlog, so that no connection is refused for haste.
CONNECT_SECONDS_MAX = 10.0
RECONNECT_SECONDS = 0.01
TICK_SECONDS = 0.001  # The step of the event loop's timers: due requests leave at most about this late.
GOLDEN_SHARE = 0.618_034  # Multiples of it, without their whole part, are spread evenly.
BUSY_GENERATOR_SHARE = 0.9  # A generator that uses more of its core than this measures itself.
CAPTURE_BUFFER_BYTES = 1 << 20
LOST = 0  # Stands for a status where the connection ended before the answer: its outcome is unknown.
NO_CODE = "(no code)"


class WhenLost(StrEnum):
    """What to do when the server closes a connection that waits for an answer."""

    RECONNECT = "reconnect"
    STOP = "stop"


class ProtocolError(Exception):
    """The server answered something that this generator cannot read, such as a chunked body."""


class MeasurementFailed(Exception):
    """The generator's process ended without a result; says what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to render again and again; `{number}` in any part becomes the number of the request."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One measurement.

    Closed loop unless `rate_per_second` is given. It ends after `seconds`, or once `requests_max` were answered.
    With `heeds_retry_after` (closed loop), a connection that is told to come again does so once the time told has passed, and up
    to as much again later, spread evenly, as well-behaved clients do. `requests` are sent in turn. Numbers count up from
    `first_number`, so that a later plan can go on, or send the same
    requests again. What happens in the first `warmup_seconds` is left out of the result (but not out of the capture).
    `capture_path` takes every answer, for `read_captured`; with `capture_field`, only that string field of each body.
    """

    name: str
    host: str
    port: int
    requests: tuple[Request, ...]
    connections: int
    seconds: float
    warmup_seconds: float = 0.0
    rate_per_second: float | None = None
    requests_max: int | None = None
    backlog_max: int = 0
    heeds_retry_after: bool = False
    first_number: int = 0
    when_lost: WhenLost = WhenLost.RECONNECT
    drain_seconds_max: float = 10.0
    server_pid: int | None = None
    capture_path: str | None = None
    capture_field: str | None = None

    def __post_init__(self) -> None:
        assert self.requests, "a plan without a request"
        assert 1 <= self.connections <= CONNECTIONS_MAX, f"connections: 1 to {CONNECTIONS_MAX}"
        assert self.seconds > 0
        assert self.requests_max is None or not self.warmup_seconds, (
            "a warm-up would use up the requests that are counted"
        )
        assert self.requests_max is None or 1 <= self.requests_max <= ANSWERS_MAX, f"requests_max: 1 to {ANSWERS_MAX}"
        assert not (self.heeds_retry_after and self.rate_per_second), "in an open loop requests fall due at their rate"
        assert (
            self.rate_per_second is None
            or 0 < self.rate_per_second * (self.warmup_seconds + self.seconds) <= ANSWERS_MAX
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long answers took, in milliseconds; percentiles are the nearest rank. All zero where there was no answer."""

    count: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one plan measured.

    Rates count the answers that came within `seconds`; counts and latencies also take in those that were under way at
    its end. `sent` is the sum of `answered`, `lost` (the connection ended first) and `unanswered` (nothing came within
    the time to drain); `not_sent` fell due, but was never sent. `codes` counts refusals by the `code` of their problem
    body. Processor time is that of the same `seconds`; `others_cpu_seconds` is what the rest of the machine took or the
    hypervisor withheld, and should be near nothing.
    `late_max_ms` says by how much the generator itself was behind its timetable at worst (open loop).
    """

    name: str
    connections: int
    rate_per_second: float | None
    seconds: float
    sent: int
    answered: int
    answered_in_time: int
    lost: int
    unanswered: int
    not_sent: int
    connections_failed: int
    first_number: int
    next_number: int
    per_second: float
    per_second_by_status: Mapping[str, float]
    statuses: Mapping[str, int]
    codes: Mapping[str, int]
    busy_without_retry_after: int
    latency: Latency
    latency_by_status: Mapping[str, Latency]
    late_max_ms: float
    generator_cpu_seconds: float
    generator_cpu_us_per_answer: float
    server_cpu_seconds: float | None
    server_cpu_us_per_answer: float | None
    others_cpu_seconds: float
    server_resident_bytes_before: int | None
    server_resident_bytes_after: int | None
    server_resident_peak_bytes: int | None

    @property
    def generator_is_the_limit(self) -> bool:
        """Whether the generator had hardly any time left on its core, so that the server may be faster than this."""
        return self.generator_cpu_seconds > BUSY_GENERATOR_SHARE * self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One captured answer. Times are those of `time.monotonic`, thus comparable among processes of one machine.

    `status` is `LOST` and `body` empty where no answer came.
    """

    number: int
    status: int
    sent_at: float
    answered_at: float
    body: bytes


def order_request(
    *, run: str, event_id: str, ticket_type_id: str, quantity: int = 1, headers: Mapping[str, str] | None = None
) -> Request:
    """An order for one ticket type, each with a customer and an idempotency key of its own; `run` keeps runs apart."""
    body = {
        "event_id": event_id,
        "lines": [{"ticket_type_id": ticket_type_id, "quantity": quantity}],
        "customer": {"email": f"buyer-{run}-{NUMBER}@example.com", "first_name": "Ada", "last_name": "Lovelace"},
    }
    fixed = {"Content-Type": "application/json", "Idempotency-Key": f"{run}-{NUMBER}", **(headers or {})}
    return Request(method="POST", path="/v1/orders", headers=fixed, body=json.dumps(body, separators=(",", ":")))


def measure(plan: Plan) -> Result:
    """The plan was carried out by a process of its own. Raises `MeasurementFailed`."""
    seconds_max = plan.warmup_seconds + plan.seconds + plan.drain_seconds_max + 3 * CONNECT_SECONDS_MAX
    finished = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(plan)).encode(),
        capture_output=True,
        timeout=seconds_max,
        cwd=Path(__file__).resolve().parent.parent,
        check=False,
    )
    if finished.returncode != 0:
        raise MeasurementFailed(finished.stderr.decode(errors="replace"))
    return result_from_json(json.loads(finished.stdout))


def plan_from_json(values: Mapping[str, Any]) -> Plan:
    """The plan whose `asdict` went through JSON."""
    requests = tuple(Request(**request) for request in values["requests"])
    return Plan(**{**values, "requests": requests, "when_lost": WhenLost(values["when_lost"])})


def result_from_json(values: Mapping[str, Any]) -> Result:
    """The result whose `asdict` went through JSON."""
    by_status = {status: Latency(**latency) for status, latency in values["latency_by_status"].items()}
    return Result(**{**values, "latency": Latency(**values["latency"]), "latency_by_status": by_status})


def read_captured(path: Path) -> Iterator[Answer]:
    """What a measurement captured, in the order of answering; requests without an answer come last."""
    with path.open("rb") as lines:
        for line in lines:
            number, status, sent_at, answered_at, body = line.rstrip(b"\n").split(b" ", 4)
            yield Answer(
                number=int(number),
                status=int(status),
                sent_at=float(sent_at),
                answered_at=float(answered_at),
                body=body,
            )


def compile_request(request: Request, *, host: str) -> Callable[[int], bytes]:
    """A function from a number to the bytes of that request, all of one length."""
    length = len(request.body.replace(NUMBER, "0" * NUMBER_DIGITS).encode())
    lines = [
        f"{request.method} {request.path} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    if request.body:
        lines.append(f"Content-Length: {length}")
    text = "\r\n".join(lines) + "\r\n\r\n" + request.body
    form = text.replace("%", "%%").replace(NUMBER, f"%0{NUMBER_DIGITS}d").encode()
    count = text.count(NUMBER)
    if count == 0:
        rendered = form % ()
        return lambda _number: rendered
    return lambda number: form % ((number,) * count)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all do not exceed; `ordered` ascends and is not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency_of(seconds: Sequence[float]) -> Latency:
    """The summary of latencies given in seconds."""
    if not seconds:
        return Latency(count=0, mean_ms=0.0, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0, max_ms=0.0)
    ordered = sorted(seconds)
    return Latency(
        count=len(ordered),
        mean_ms=round(1000 * sum(ordered) / len(ordered), 3),
        p50_ms=round(1000 * percentile(ordered, 0.50), 3),
        p95_ms=round(1000 * percentile(ordered, 0.95), 3),
        p99_ms=round(1000 * percentile(ordered, 0.99), 3),
        max_ms=round(1000 * ordered[-1], 3),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """Where the counters stood at one moment; the difference of two marks is what lay between."""

    at: float
    answers: int
    lost: int
    not_sent: int
    connections_failed: int
    busy_without_retry_after: int
    codes: Counter[str]
    generator_cpu_seconds: float
    server_cpu_seconds: float
    machine_cpu_seconds: float


class _Run:
    """The state of one measurement, shared by its connections."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop, capture: BinaryIO | None) -> None:
        host = f"{plan.host}:{plan.port}"
        answers_max = ANSWERS_MAX if plan.requests_max is None else plan.requests_max
        self.plan = plan
        self.loop = loop
        self.renderers = [compile_request(request, host=host) for request in plan.requests]
        self.renderers_count = len(self.renderers)
        self.latencies = array("d", bytes(8 * answers_max))
        self.statuses = array("H", bytes(2 * answers_max))
        self.answers = 0
        self.lost = 0
        self.not_sent = 0
        self.connections_failed = 0
        self.busy_without_retry_after = 0
        self.codes: Counter[str] = Counter()
        self.told_to_wait = 0
        self.next_number = plan.first_number
        self.numbers_end = plan.first_number + answers_max
        self.connections: list[_Connection] = []
        self.idle: deque[_Connection] = deque()
        self.reconnecting: set[asyncio.Task[None]] = set()
        self.all_idle = asyncio.Event()
        self.stopping = False
        self.failure: ProtocolError | None = None
        self.capture = capture
        self.capture_mark = b'"%s"' % plan.capture_field.encode() if plan.capture_field else None
        self.open_loop = plan.rate_per_second is not None
        self.rate = plan.rate_per_second or 0.0
        self.backlog: deque[float] = deque()
        self.due_count = 0
        self.due_count_max = answers_max
        self.began_at = 0.0
        self.late_max = 0.0

    async def connect(self) -> None:
        """All connections stand; none has a request yet."""
        self.connections = [_Connection(self) for _ in range(self.plan.connections)]
        for first in range(0, len(self.connections), CONNECTING_AT_ONCE):
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                await asyncio.gather(
                    *(self._open(connection) for connection in self.connections[first : first + CONNECTING_AT_ONCE])
                )

    def begin(self) -> None:
        """Requests are on their way."""
        for connection in self.connections:
            if not connection.stands:
                raise ConnectionError("the server closed a connection before the first request")
            connection.opening = False
        self.began_at = time.monotonic()
        if self.open_loop:
            self.idle.extend(self.connections)
            self._tick()
            return
        for connection in self.connections:
            self.proceed(connection)

    def end(self) -> None:
        """No further request falls due; those under way and in the backlog are still waited for."""
        self.stopping = True
        if not self.open_loop:
            self.numbers_end = min(self.numbers_end, self.next_number)
        self._notice_the_end()

    def proceed(self, connection: _Connection) -> None:
        """The connection, free now, has its next request, or rests where there is none."""
        if self.open_loop:
            if self.backlog:
                self.send(connection, self.backlog.popleft())
                return
        elif self.next_number < self.numbers_end:
            self.send(connection, time.monotonic())
            return
        self.rest(connection)

    def come_again(self, connection: _Connection, head: bytes) -> None:
        """The connection, free now, has its next request when the answer with this head allows it."""
        _, found, rest = head.partition(b"\r\nretry-after: ")
        if not found:
            self.proceed(connection)
            return
        self.told_to_wait += 1
        spread = self.told_to_wait * GOLDEN_SHARE % 1
        self.loop.call_later(int(rest.split(b"\r\n", 1)[0]) * (1 + spread), self._proceed_if_free, connection)

    def _proceed_if_free(self, connection: _Connection) -> None:
        if (
            connection.stands and connection.number < 0
        ):  # else its socket was replaced meanwhile, and it went on by itself
            self.proceed(connection)

    def rest(self, connection: _Connection) -> None:
        """The connection has nothing to do."""
        self.idle.append(connection)
        self._notice_the_end()

    def send(self, connection: _Connection, since: float) -> None:
        """The next request is on its way on this connection; its latency counts from `since`."""
        number = self.next_number
        self.next_number = number + 1
        connection.number = number
        connection.since = since
        connection.write(self.renderers[number % self.renderers_count](number))

    def refused(self, status: int, head: bytes, body: bytes) -> None:
        """A refusal is counted by its code."""
        try:
            code = json.loads(body).get("code", NO_CODE)
        except (ValueError, AttributeError):
            code = NO_CODE
        self.codes[str(code)] += 1
        if status in (429, 503) and b"\r\nretry-after:" not in head:
            self.busy_without_retry_after += 1

    def keep(self, connection: _Connection, status: int, now: float, body: bytes) -> None:
        """An answer, or that there was none, is in the capture file."""
        assert self.capture is not None
        if self.capture_mark is not None:
            at = body.find(self.capture_mark)
            # After the field's name come a colon and the value in quotes; there may be spaces between.
            body = body[at + len(self.capture_mark) :].split(b'"', 2)[1] if at >= 0 else b""
        values = (connection.number, status, connection.since, now, body.replace(b"\n", b" "))
        self.capture.write(b"%d %d %.6f %.6f %s\n" % values)

    def lose(self, connection: _Connection) -> None:
        """The request of a connection that ended is counted as lost."""
        self.lost += 1
        if self.capture is not None:
            self.keep(connection, LOST, time.monotonic(), b"")
        if self.plan.when_lost is WhenLost.STOP:
            self.end()

    def replace(self, connection: _Connection) -> None:
        """The connection, whose socket is gone, is opened again and goes on; or rests where the measurement is over."""
        connection.opening = True
        task = self.loop.create_task(self._reconnect(connection))
        self.reconnecting.add(task)
        task.add_done_callback(self.reconnecting.discard)

    def fail(self, failure: ProtocolError) -> None:
        """The measurement ends with this failure."""
        self.failure = failure
        self.all_idle.set()

    def mark(self) -> _Mark:
        """Where everything stands now."""
        pid = self.plan.server_pid
        return _Mark(
            at=time.monotonic(),
            answers=self.answers,
            lost=self.lost,
            not_sent=self.not_sent,
            connections_failed=self.connections_failed,
            busy_without_retry_after=self.busy_without_retry_after,
            codes=Counter(self.codes),
            generator_cpu_seconds=time.process_time(),
            server_cpu_seconds=usage_of(pid).cpu_seconds if pid is not None else 0.0,
            machine_cpu_seconds=machine_cpu_seconds(),
        )

    def close(self) -> None:
        """Nothing is under way; what was is in the capture as lost."""
        for connection in self.connections:
            if connection.number >= 0 and self.capture is not None:
                self.keep(connection, LOST, time.monotonic(), b"")
            connection.abandon()
        for task in self.reconnecting:
            task.cancel()

    async def _open(self, connection: _Connection) -> None:
        await self.loop.create_connection(lambda: connection, self.plan.host, self.plan.port)

    async def _reconnect(self, connection: _Connection) -> None:
        while not self.stopping:
            try:
                await self._open(connection)
            except OSError:
                self.connections_failed += 1
            else:
                if connection.stands:
                    connection.opening = False
                    self.proceed(connection)
                    return
            await asyncio.sleep(RECONNECT_SECONDS)
        connection.opening = False
        self.rest(connection)

    def _tick(self) -> None:
        if self.stopping:
            return
        self.loop.call_later(TICK_SECONDS, self._tick)
        now = time.monotonic()
        due_count = min(int((now - self.began_at) * self.rate) + 1, self.due_count_max)
        if self.due_count < due_count:
            self.late_max = max(self.late_max, now - self.began_at - self.due_count / self.rate)
        while self.due_count < due_count:
            due_at = self.began_at + self.due_count / self.rate
            self.due_count += 1
            if self.idle:
                self.send(self.idle.popleft(), due_at)
            elif len(self.backlog) < self.plan.backlog_max:
                self.backlog.append(due_at)
            else:
                self.not_sent += 1

    def _notice_the_end(self) -> None:
        more_to_come = self.open_loop and not self.stopping and self.due_count < self.due_count_max
        if len(self.idle) == len(self.connections) and not more_to_come:
            self.all_idle.set()


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way; it outlives the sockets under it."""

    __slots__ = ("_received", "_run", "_transport", "abandoned", "number", "opening", "since", "stands", "write")

    write: Callable[[bytes], None]

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._transport: asyncio.BaseTransport | None = None
        self.number = -1  # Of the request under way; -1 without one.
        self.since = 0.0
        self.stands = False
        self.opening = True
        self.abandoned = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = transport
        self.write = transport.write  # type: ignore[attr-defined]  # uvloop's transport is no asyncio.Transport.
        self.stands = True

    def data_received(self, data: bytes) -> None:
        """An answer, once it is whole, is counted, and the next request sent."""
        if self._received:
            data = self._received + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._received = data
            return
        head = data[:head_end].lower()
        status = int(head[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            line_end = head.find(b"\r\n", at + 2)
            length = int(head[at + 17 : line_end if line_end >= 0 else head_end])
        elif status in (204, 304):
            length = 0
        else:
            self._run.fail(ProtocolError(f"an answer without content-length: {head.decode(errors='replace')}"))
            return
        size = head_end + 4 + length
        if len(data) < size:
            self._received = data
            return
        self._received = b""
        if self.number < 0 or len(data) > size:
            self._run.fail(ProtocolError(f"more answers than requests: {data[:200]!r}"))
            return
        self._answered(status, head, data[head_end + 4 :])

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone: its request is lost, and another socket is opened where the measurement goes on."""
        run = self._run
        self._received = b""
        self.stands = False
        if self.opening or self.abandoned:
            return  # Whoever opens it looks whether it stands.
        if self.number >= 0:
            run.lose(self)
            self.number = -1
        elif self in run.idle:
            if run.stopping or not run.open_loop:
                return
            run.idle.remove(self)
        run.replace(self)

    def abandon(self) -> None:
        """The socket is closed, and nothing more is counted."""
        self.abandoned = True
        if self._transport is not None:
            self._transport.close()

    def _answered(self, status: int, head: bytes, body: bytes) -> None:
        run = self._run
        now = time.monotonic()
        index = run.answers
        run.latencies[index] = now - self.since
        run.statuses[index] = status
        run.answers = index + 1
        if status >= 400:
            run.refused(status, head, body)
        if run.capture is not None:
            run.keep(self, status, now, body)
        self.number = -1
        if b"\r\nconnection: close" in head:
            assert self._transport is not None
            self._transport.close()  # `connection_lost` follows, and opens the next one.
            return
        if run.plan.heeds_retry_after:
            run.come_again(self, head)
        else:
            run.proceed(self)


async def carry_out(plan: Plan, *, capture: BinaryIO | None = None) -> Result:
    """The plan was carried out on this event loop. Raises `ProtocolError`, and `OSError` where no server listens."""
    run = _Run(plan, asyncio.get_running_loop(), capture)
    try:
        return await _timed(run)
    finally:
        run.close()


async def _timed(run: _Run) -> Result:
    plan = run.plan
    before = usage_of(plan.server_pid) if plan.server_pid is not None else None
    await run.connect()
    run.begin()
    if plan.warmup_seconds:
        await _all_idle(run, seconds_max=plan.warmup_seconds)
    first = run.mark()
    await _all_idle(run, seconds_max=plan.seconds)
    last = run.mark()
    run.end()
    await _all_idle(run, seconds_max=plan.drain_seconds_max)
    drained = run.mark()
    after = usage_of(plan.server_pid) if plan.server_pid is not None else None
    if run.failure is not None:
        raise run.failure
    return _result(run, first=first, last=last, drained=drained, before=before, after=after)


async def _all_idle(run: _Run, *, seconds_max: float) -> None:
    # Running out of time is the usual end of a measurement; what is still under way is counted by the marks.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds_max):
            await run.all_idle.wait()


def _result(
    run: _Run, *, first: _Mark, last: _Mark, drained: _Mark, before: Usage | None, after: Usage | None
) -> Result:
    plan = run.plan
    seconds = last.at - first.at
    in_time = last.answers - first.answers
    statuses = run.statuses[first.answers : drained.answers]
    latencies = run.latencies[first.answers : drained.answers]
    of_status: dict[int, list[float]] = {status: [] for status in sorted(set(statuses))}
    for status, latency in zip(statuses, latencies, strict=True):
        of_status[status].append(latency)
    generator_cpu_seconds = last.generator_cpu_seconds - first.generator_cpu_seconds
    server_cpu_seconds = last.server_cpu_seconds - first.server_cpu_seconds
    machine_cpu_seconds_used = last.machine_cpu_seconds - first.machine_cpu_seconds
    answered = drained.answers - first.answers
    lost = drained.lost - first.lost
    under_way = sum(1 for connection in run.connections if connection.number >= 0)
    return Result(
        name=plan.name,
        connections=plan.connections,
        rate_per_second=plan.rate_per_second,
        seconds=round(seconds, 4),
        sent=answered + lost + under_way,
        answered=answered,
        answered_in_time=in_time,
        lost=lost,
        unanswered=under_way,
        not_sent=drained.not_sent - first.not_sent + len(run.backlog),
        connections_failed=drained.connections_failed - first.connections_failed,
        first_number=plan.first_number,
        next_number=run.next_number,
        per_second=round(in_time / seconds, 1),
        per_second_by_status={
            str(status): round(count / seconds, 1) for status, count in sorted(Counter(statuses[:in_time]).items())
        },
        statuses={str(status): len(values) for status, values in of_status.items()},
        codes=dict(sorted((drained.codes - first.codes).items())),
        busy_without_retry_after=drained.busy_without_retry_after - first.busy_without_retry_after,
        latency=latency_of(latencies),
        latency_by_status={str(status): latency_of(values) for status, values in of_status.items()},
        late_max_ms=round(1000 * run.late_max, 3),
        generator_cpu_seconds=round(generator_cpu_seconds, 3),
        generator_cpu_us_per_answer=_microseconds_each(generator_cpu_seconds, in_time),
        server_cpu_seconds=None if before is None else round(server_cpu_seconds, 3),
        server_cpu_us_per_answer=None if before is None else _microseconds_each(server_cpu_seconds, in_time),
        others_cpu_seconds=round(max(0.0, machine_cpu_seconds_used - generator_cpu_seconds - server_cpu_seconds), 3),
        server_resident_bytes_before=None if before is None else before.resident_bytes,
        server_resident_bytes_after=None if after is None else after.resident_bytes,
        server_resident_peak_bytes=None if after is None else after.resident_peak_bytes,
    )


def _microseconds_each(seconds: float, count: int) -> float:
    return round(1e6 * seconds / count, 2) if count else 0.0


def main() -> None:
    """The plan on stdin was carried out; its result is on stdout as JSON."""
    plan = plan_from_json(json.load(sys.stdin))
    gc.disable()  # Nothing here makes cycles by the request, and a collection would show as latency.
    try:
        import uvloop
    except ImportError:
        loop_factory = None
    else:
        loop_factory = uvloop.new_event_loop
    with ExitStack() as stack:
        capture: BinaryIO | None = None
        if plan.capture_path is not None:
            capture = stack.enter_context(Path(plan.capture_path).open("wb", buffering=CAPTURE_BUFFER_BYTES))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory))
        result = runner.run(carry_out(plan, capture=capture))
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
