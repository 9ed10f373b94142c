"""Flash sale: everybody orders at once, each order durable before it is answered, beside a bare echo by the same server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

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
STEADY_SECONDS_FACTOR = 2.0
RATIO_AIM = 0.5
P99_AIM_MS = 100.0
WARMUP_SECONDS = 1.5
QUANTITY_OF_WARMUP = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of orders and of echoes, in turn, and the orders at a share of the peak."""

    orders: list[Result]
    echoes: list[Result]
    steady: Result
    answer_bytes: int


def run(options: Options) -> Outcome:
    """The flash sale was held."""
    with stage(NAME) as house:
        offers = house.put_on_sale([QUANTITY_OF_WARMUP, *[QUANTITY] * (options.rounds + 1)])
        warmup, *sales, steady_sale = offers
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
                for number, offered in enumerate(sales, 1):
                    orders.append(measure(_orders(server, offered, f"orders {number}", options.seconds)))
                    acknowledged[offered] += _acknowledged(orders[-1])
                    echoes.append(measure(_echoes(echo, warmup, f"echo {number}", options.seconds)))
                    say(NAME, f"round {number}: {_told(orders[-1])}; echo {_told(echoes[-1])}")
                rate = STEADY_SHARE * median(result.per_second for result in orders)
                steady = measure(_steady(server, steady_sale, rate, STEADY_SECONDS_FACTOR * options.seconds))
                acknowledged[steady_sale] += _acknowledged(steady)
                say(NAME, f"at {STEADY_SHARE:.0%} of the peak: {_told(steady)}, p99 {steady.latency.p99_ms} ms")
        say(NAME, "looking the database over")
        measured = Measured(orders, echoes, steady, answer_bytes)
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


def _steady(server: Server, offered: Offered, rate: float, seconds: float) -> Plan:
    request = order_request(run="steady", event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=f"orders at {STEADY_SHARE:.0%} of the peak",
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
    errors = sum(result.answered - result.statuses.get("201", 0) for result in (*orders, steady))
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
                what=f"99th percentile at {STEADY_SHARE:.0%} of the peak",
                value=f"{steady.latency.p99_ms:.1f} ms",
                aim=f"under {P99_AIM_MS:.0f} ms",
                met=steady.latency.p99_ms < P99_AIM_MS and steady.not_sent == 0,
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
        results=(*(result for pair in zip(orders, echoes, strict=True) for result in pair), steady),
        remarks=(
            f"{CONNECTIONS} clients on keep-alive connections in another process. Each order has an idempotency key and a "
            f"customer of its own; one event with a capacity and one ticket type of {QUANTITY:,}, at most 4 for each customer, "
            "in each round a fresh one. Every answer is sent after its order is durable (`synchronous=FULL`). Only the rate "
            "limits are off, since all clients have one address.",
            f"The echo reads the same request and answers {measured.answer_bytes} bytes, as many as an order's answer, through "
            "the same uvicorn with the same loop, protocol and bounds. Orders and echoes take turns, so that both meet the same "
            "machine.",
        ),
        values={
            "orders_per_second": peak,
            "echoes_per_second": echo,
            "ratio": ratio,
            "p99_ms_steady": steady.latency.p99_ms,
            "order_cpu_us": order_us,
            "echo_cpu_us": echo_us,
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
