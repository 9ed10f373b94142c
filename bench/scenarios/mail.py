"""Mail: how soon tickets are at the mail server after they are paid, while others order, and what that costs the orders."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import quantiles

from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome
from bench.progress import say
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import HOST, REPOSITORY, Server, free_port
from bench.stage import Offered, Stage, order_one, put_on_sale, stage
from ticketing.storage.sql.sqlite import connect

NAME = "mail"
TITLE = "Mail: from the payment to the mail server"
QUANTITY = 100_000
CONNECTIONS = 64
RATES = (20, 60)
P99_AIM_SECONDS = 2.0
SLOWER_AIM = 2.0  # Orders with mails beside them may take this much longer at the 99th percentile than without.
FLOOR_MS = 10.0  # Below this a percentile is the machine's noise, and no ratio is made of it.
SENT_WITHIN_SECONDS_MAX = 60.0
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Sent:
    """One rate of orders: how long each mail took from the payment to the mail server, and the orders themselves, with and without."""

    rate: int
    waits_seconds: Sequence[float]
    missing: int
    orders: Result
    alone: Result

    def wait(self, percent: int) -> float:
        """The wait that so many in a hundred mails stayed within."""
        return quantiles(self.waits_seconds, n=100)[percent - 1]


def run(options: Options) -> Outcome:
    """Free orders, which are complete at once, came at steady rates to a server with a mail server, and to one without."""
    sent = []
    for rate in RATES:
        alone, _, _ = _measured(rate, None, options=options)
        with mail_server() as port:
            orders, waits, missing = _measured(rate, port, options=options)
        sent.append(Sent(rate, waits, missing, orders, alone))
        say(NAME, f"{rate}/s: {sent[-1].wait(50):.2f} s, 99 % within {sent[-1].wait(99):.2f} s, {missing} missing")
    return _outcome(options, sent)


@contextmanager
def mail_server() -> Iterator[int]:
    """The port of a mail server that takes everything."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.mailbox", str(port)], cwd=REPOSITORY)
    try:
        until = time.monotonic() + SENT_WITHIN_SECONDS_MAX
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                break
            time.sleep(POLL_SECONDS)
        yield port
    finally:
        process.terminate()
        process.wait()


def _measured(rate: int, smtp_port: int | None, *, options: Options) -> tuple[Result, Sequence[float], int]:
    with stage(NAME) as empty:
        mails = (
            {} if smtp_port is None else {"TICKET_SMTP_URL": f"smtp://{HOST}:{smtp_port}", "TICKET_SMTP_TLS": "none"}
        )
        house = replace(empty, environment={**empty.environment, **mails})
        with house.opened() as opened:
            [offered] = asyncio.run(put_on_sale(opened.house, [QUANTITY], price=0))
        with house.served() as server:
            order_one(server, offered, run="first")  # loads what draws tickets
            if smtp_port is not None:
                _waits(house, 1)
            result = measure(_orders(server, offered, rate, options=options))
            placed = result.statuses.get("201", 0) + 1
            waits = _waits(house, placed) if smtp_port is not None else ()
        return result, waits, placed - len(waits)


def _orders(server: Server, offered: Offered, rate: int, *, options: Options) -> Plan:
    request = order_request(run=f"mail-{rate}", event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=f"orders, {rate}/s",
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=CONNECTIONS,
        seconds=options.seconds * 2,
        rate_per_second=rate,
        backlog_max=rate,
        server_pid=server.pid,
    )


def _waits(house: Stage, placed: int) -> Sequence[float]:
    """How long each mail took, in seconds, by the server's own clock: from the order, which is paid at once, until it was handed over."""
    statement = "select order_date_time, sent_date_time from deliveries join orders using (order_id) where sent_date_time is not null"
    until = time.monotonic() + SENT_WITHIN_SECONDS_MAX
    rows: list[tuple[str, str]] = []
    while time.monotonic() < until and len(rows) < placed:
        time.sleep(POLL_SECONDS)
        connection = connect(house.database, readonly=True)
        rows = [(str(paid), str(sent)) for paid, sent in connection.execute(statement)]
        connection.close()
    return [(datetime.fromisoformat(sent) - datetime.fromisoformat(paid)).total_seconds() for paid, sent in rows]


def _outcome(options: Options, sent: Sequence[Sent]) -> Outcome:
    origin = provenance(command=options.command)
    figures: list[Figure] = []
    values: dict[str, float] = {}
    for each in sent:
        p99 = each.wait(99)
        slower = max(FLOOR_MS, each.orders.latency.p99_ms) / max(FLOOR_MS, each.alone.latency.p99_ms)
        figures += [
            Figure(
                what=f"at {each.rate} orders per second: 50th, 99th percentile from the payment to the mail server",
                value=f"{each.wait(50):.2f} s / {p99:.2f} s",
                aim=f"99th under {P99_AIM_SECONDS:.0f} s, none missing",
                met=p99 < P99_AIM_SECONDS and not each.missing,
            ),
            Figure(
                what="99th percentile of the orders beside it, without any mail, and how much longer",
                value=f"{each.orders.latency.p99_ms:.1f} ms, {each.alone.latency.p99_ms:.1f} ms, {slower:.2f}",
                aim=f"at most {SLOWER_AIM} times",
                met=slower <= SLOWER_AIM,
            ),
        ]
        values |= {f"p99_seconds_at_{each.rate}": p99, f"slower_at_{each.rate}": slower}
    bars = tuple(Bar(label=f"{each.rate} orders per second", value=round(each.wait(99), 2)) for each in sent)
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=tuple(figures),
        results=tuple(result for each in sent for result in (each.alone, each.orders)),
        remarks=(
            "Free orders, each of one ticket by a customer of its own, complete as soon as they are stored: from then until the "
            "mail server took the mail, by the server's clock. The mail server is aiosmtpd in a process of its own on the same "
            f"machine, as is the generator. Of times below {FLOOR_MS:.0f} ms no ratio is made.",
        ),
        values=values,
        charts={
            "mail.svg": bar_chart(
                title=TITLE,
                description="; ".join(f"{bar.label}: 99 % within {bar.value} s" for bar in bars),
                unit="seconds, 99th percentile",
                bars=bars,
                source=source_line(origin),
            )
        },
    )
