"""Growth: what an order costs in a file with ten thousand orders, and in one with a million (or ten)."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from bench.history import with_orders
from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server
from bench.stage import Offered

NAME = "growth"
TITLE = "Growth: what an order costs with so many orders in the file"
SMALL = 10_000
LARGE = (1_000_000,)
LARGE_IN_FULL = (1_000_000, 10_000_000)
QUANTITY = 100_000
CONNECTIONS = 128
WARMUP_SECONDS = 2.0  # The file was just copied or opened: what is read again and again comes into memory first.
RATIO_AIM = 1.5


def run(options: Options) -> Outcome:
    """Orders were placed in each house, in turn."""
    counts = (SMALL, *(LARGE_IN_FULL if options.full else LARGE))
    measured: dict[int, list[Result]] = {count: [] for count in counts}
    with ExitStack() as stack:
        houses = {count: stack.enter_context(with_orders(count, scenario=NAME)) for count in counts}
        sizes = {count: house.database.stat().st_size for count, house in houses.items()}
        offers = {count: house.put_on_sale([QUANTITY] * (1 + options.rounds)) for count, house in houses.items()}
        servers = {count: stack.enter_context(house.served()) for count, house in houses.items()}
        for count, server in servers.items():
            measure(_orders(server, offers[count][0], f"warm-up {count}", WARMUP_SECONDS))
        for number in range(1, options.rounds + 1):
            for count, server in servers.items():
                name = f"{count:,} orders in the file, {number}"
                measured[count].append(measure(_orders(server, offers[count][number], name, options.seconds)))
            say(NAME, f"round {number}: " + "; ".join(_told(count, results[-1]) for count, results in measured.items()))
    return _outcome(options, measured, sizes=sizes)


def _orders(server: Server, offered: Offered, name: str, seconds: float) -> Plan:
    run = "".join(letter if letter.isalnum() else "-" for letter in name)
    request = order_request(run=run, event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=CONNECTIONS,
        seconds=seconds,
        requests_max=offered.quantity,
        server_pid=server.pid,
    )


def _told(count: int, result: Result) -> str:
    others = result.others_cpu_seconds / result.seconds
    return f"{count:,}: {result.per_second:,.0f}/s, {result.server_cpu_us_per_answer} µs (others {others:.2f} cores)"


def _outcome(options: Options, measured: dict[int, list[Result]], *, sizes: dict[int, int]) -> Outcome:
    cpu_us = {
        count: median(result.server_cpu_us_per_answer or 0.0 for result in each) for count, each in measured.items()
    }
    per_second = {count: median(result.per_second for result in each) for count, each in measured.items()}
    p99_ms = {count: median(result.latency.p99_ms for result in each) for count, each in measured.items()}
    origin = provenance(command=options.command)
    figures: list[Figure] = []
    values: dict[str, float] = {}
    for count in [count for count in measured if count != SMALL]:
        cpu_ratio, time_ratio = cpu_us[count] / cpu_us[SMALL], per_second[SMALL] / per_second[count]
        values |= {f"cpu_ratio_{count}": cpu_ratio, f"time_ratio_{count}": time_ratio}
        for what, ratio in (("processor time", cpu_ratio), ("time at full load", time_ratio)):
            figures.append(
                Figure(
                    what=f"{what} of an order with {count:,} orders in the file, to {SMALL:,}",
                    value=f"{ratio:.2f}",
                    aim=f"at most {RATIO_AIM:g}",
                    met=ratio <= RATIO_AIM,
                )
            )
    strange = sum(result.answered - result.statuses.get("201", 0) for each in measured.values() for result in each)
    figures.append(Figure(what="answers other than 201", value=f"{strange:,}", aim="none", met=strange == 0))
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=tuple(figures),
        tables=(
            Table(
                columns=("orders in the file", "file", "orders/s", "p99 ms", "server CPU µs"),
                rows=tuple(
                    (
                        f"{count:,}",
                        f"{sizes[count] / 1e6:,.0f} MB",
                        f"{per_second[count]:,.0f}",
                        f"{p99_ms[count]:.1f}",
                        f"{cpu_us[count]:.0f}",
                    )
                    for count in measured
                ),
            ),
        ),
        results=tuple(result for each in measured.values() for result in each),
        remarks=(
            f"The files were filled with completed orders for 100 past sales, each by the function that answers `POST /v1/orders`, "
            f"with its guest, admission, fact and remembered answer. Then {CONNECTIONS} clients order at a new sale, as in the "
            "flash sale; the houses take turns.",
        ),
        values=values,
        charts={
            "growth.svg": bar_chart(
                title=TITLE,
                description="; ".join(f"{count:,} orders: {cpu_us[count]:.0f} microseconds" for count in measured),
                unit="microseconds of the server's processor time for an order",
                bars=tuple(Bar(label=f"{count:,} orders", value=cpu_us[count]) for count in measured),
                source=source_line(origin),
            )
        },
    )
