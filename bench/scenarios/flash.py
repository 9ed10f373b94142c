"""Flash sale: everybody orders at once, each order durable before it is answered, beside a bare echo by the same server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.floor import floor_cpu_us
from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome
from bench.progress import say
from bench.reference import reference_command
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server, serving
from bench.stage import Offered, Stage, order_one, stage

NAME = "flash"
TITLE = "Flash sale: orders beside a bare echo of the same server"
QUANTITY = 100_000
CONNECTIONS = 128
STEADY_CONNECTIONS = 512
STEADY_SHARE = 0.7  # Of the peak: the load at which the 99th percentile is asked for.
RATIO_AIM = 0.5
P99_AIM_MS = 100.0
WARMUP_SECONDS = 1.5
QUANTITY_OF_WARMUP = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of orders, of echoes, and of orders at a share of the round's own peak, in turn."""

    orders: list[Result]
    echoes: list[Result]
    steady: list[Result]
    answer_bytes: int
    sqlite_cpu_us: float
    """What SQLite alone took for each of the same orders."""


def run(options: Options) -> Outcome:
    """The flash sale was held."""
    with stage(NAME) as house:
        offers = house.put_on_sale([QUANTITY_OF_WARMUP, *[QUANTITY] * (2 * options.rounds)])
        warmup, sales, steady_sales = offers[0], offers[1 : options.rounds + 1], offers[options.rounds + 1 :]
        with house.served() as server:
            answer_bytes = len(order_one(server, warmup, run="sample"))
            command = reference_command(answer_bytes=answer_bytes)
            log = house.folder / "echo.log"
            with serving(command, stderr_path=log, health_path="/", environment={}) as echo:
                acknowledged = dict.fromkeys(offers, 0)
                acknowledged[warmup] = 1
                acknowledged[warmup] += _acknowledged(measure(_orders(server, warmup, "warm-up", WARMUP_SECONDS)))
                measure(_echoes(echo, warmup, "warm-up", WARMUP_SECONDS))
                orders: list[Result] = []
                echoes: list[Result] = []
                steady: list[Result] = []
                for number, (offered, later) in enumerate(zip(sales, steady_sales, strict=True), 1):
                    orders.append(measure(_orders(server, offered, f"orders {number}", options.seconds)))
                    acknowledged[offered] += _acknowledged(orders[-1])
                    echoes.append(measure(_echoes(echo, warmup, f"echo {number}", options.seconds)))
                    rate = STEADY_SHARE * orders[-1].per_second
                    steady.append(
                        measure(_steady(server, later, f"orders {number} at {STEADY_SHARE:.0%}", rate, options.seconds))
                    )
                    acknowledged[later] += _acknowledged(steady[-1])
                    say(
                        NAME,
                        f"round {number}: {_told(orders[-1])}; echo {_told(echoes[-1])}; "
                        f"at {STEADY_SHARE:.0%} {_told(steady[-1])}, p99 {steady[-1].latency.p99_ms} ms",
                    )
        say(NAME, "writing the same rows by nothing but SQLite")
        floor = floor_cpu_us(house.database, sales[0])
        say(NAME, "looking the database over")
        measured = Measured(orders, echoes, steady, answer_bytes, floor)
        return _outcome(options, measured, house=house, acknowledged=acknowledged)


def _orders(server: Server, offered: Offered, name: str, seconds: float) -> Plan:
    request = order_request(
        run=name.replace(" ", "-"), event_id=offered.event_id, ticket_type_id=offered.ticket_type_id
    )
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=CONNECTIONS,
        seconds=seconds,
        requests_max=offered.quantity - 1,
        server_pid=server.pid,
    )


def _echoes(server: Server, offered: Offered, name: str, seconds: float) -> Plan:
    request = order_request(run="echo", event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=CONNECTIONS,
        seconds=seconds,
        server_pid=server.pid,
    )


def _steady(server: Server, offered: Offered, name: str, rate: float, seconds: float) -> Plan:
    request = order_request(
        run=name.replace(" ", "-").replace("%", ""), event_id=offered.event_id, ticket_type_id=offered.ticket_type_id
    )
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=STEADY_CONNECTIONS,
        seconds=min(seconds, (offered.quantity - 1) / rate),
        rate_per_second=round(rate),
        backlog_max=round(rate),  # A second's worth: who waits is measured rather than left out.
        server_pid=server.pid,
    )


def _acknowledged(result: Result) -> int:
    assert result.lost == result.unanswered == 0, f"{result.name}: {result.lost} lost, {result.unanswered} unanswered"
    return result.statuses.get("201", 0)


def _told(result: Result) -> str:
    others = result.others_cpu_seconds / result.seconds
    return f"{result.per_second:,.0f}/s ({result.server_cpu_us_per_answer} µs each; others {others:.2f} cores)"


def _outcome(options: Options, measured: Measured, *, house: Stage, acknowledged: dict[Offered, int]) -> Outcome:
    orders, echoes, steady = measured.orders, measured.echoes, measured.steady
    peak = median(result.per_second for result in orders)
    echo = median(result.per_second for result in echoes)
    ratio = peak / echo
    order_us = _median_of([result.server_cpu_us_per_answer for result in orders])
    echo_us = _median_of([result.server_cpu_us_per_answer for result in echoes])
    generator_us = median(result.generator_cpu_us_per_answer for result in orders)
    sold = {offered: offered.quantity - house.left(offered) for offered in acknowledged}
    stored = {offered: house.orders_stored(offered) for offered in acknowledged}
    findings = house.findings()
    errors = sum(result.answered - result.statuses.get("201", 0) for result in (*orders, *steady))
    steady_p99_ms = median(result.latency.p99_ms for result in steady)
    not_sent = sum(result.not_sent for result in steady)
    told = sum(acknowledged.values())
    origin = provenance(command=options.command)
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(what="orders per second, median of the rounds", value=f"{peak:,.0f}"),
            Figure(what="echo requests per second, median of the rounds", value=f"{echo:,.0f}"),
            Figure(what="orders to echoes", value=f"{ratio:.2f}", aim=f"at least {RATIO_AIM}", met=ratio >= RATIO_AIM),
            Figure(
                what=f"99th percentile at {STEADY_SHARE:.0%} of the peak, median of the rounds",
                value=f"{steady_p99_ms:.1f} ms",
                aim=f"under {P99_AIM_MS:.0f} ms",
                met=steady_p99_ms < P99_AIM_MS and not_sent == 0,
            ),
            Figure(
                what="50th, 95th, 99th percentile at the peak",
                value=" / ".join(
                    f"{median(values):.1f} ms"
                    for values in (
                        [result.latency.p50_ms for result in orders],
                        [result.latency.p95_ms for result in orders],
                        [result.latency.p99_ms for result in orders],
                    )
                ),
            ),
            Figure(what="server CPU for an order, for an echo", value=f"{order_us:.0f} µs, {echo_us:.0f} µs"),
            Figure(
                what="of it SQLite's own, for the same rows in batches of 64; with an echo, orders to echoes were at most",
                value=f"{measured.sqlite_cpu_us:.0f} µs; {echo_us / (echo_us + measured.sqlite_cpu_us):.2f}",
            ),
            Figure(what="generator CPU for an order", value=f"{generator_us:.0f} µs"),
            Figure(
                what="places sold, orders stored, orders acknowledged",
                value=f"{sum(sold.values()):,}, {sum(stored.values()):,}, {told:,}",
                aim="the same",
                met=sold == stored == acknowledged and not errors,
            ),
            Figure(
                what="`ticket doctor` afterwards",
                value="clean" if not findings else f"{len(findings)} findings: {findings[0]}",
                aim="clean",
                met=not findings,
            ),
        ),
        results=tuple(result for turn in zip(orders, echoes, steady, strict=True) for result in turn),
        remarks=(
            f"{CONNECTIONS} clients on keep-alive connections in another process. Each order has an idempotency key and a "
            f"customer of its own; one event with a capacity and one ticket type of {QUANTITY:,}, at most 4 for each customer, "
            "in each round a fresh one. Every answer is sent after its order is durable (`synchronous=FULL`). Only the rate "
            "limits are off, since all clients have one address.",
            f"The echo reads the same request and answers {measured.answer_bytes} bytes, as many as an order's answer, through "
            "the same uvicorn with the same loop, protocol and bounds. Orders, echoes and orders at 70 % of the round's own "
            "peak take turns, so that all meet the same machine.",
        ),
        values={
            "orders_per_second": peak,
            "echoes_per_second": echo,
            "ratio": ratio,
            "p99_ms_steady": steady_p99_ms,
            "order_cpu_us": order_us,
            "echo_cpu_us": echo_us,
            "sqlite_cpu_us": measured.sqlite_cpu_us,
        },
        charts={
            "flash.svg": bar_chart(
                title=TITLE,
                description=f"{peak:,.0f} orders per second beside {echo:,.0f} echo requests per second",
                unit="requests per second",
                bars=(
                    Bar(label="orders, durable, all rules", value=peak),
                    Bar(label="bare echo, same server", value=echo, series=1),
                ),
                source=source_line(origin),
            )
        },
    )


def _median_of(values: Sequence[float | None]) -> float:
    return median(value for value in values if value is not None)
