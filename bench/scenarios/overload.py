"""Overload: ten times what the server can serve. It goes on serving; whoever must wait too long is told so at once."""

from __future__ import annotations

from statistics import median

from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server
from bench.stage import Offered, stage

NAME = "overload"
TITLE = "Overload: orders completed at ten times the load that can be served"
QUANTITY = 100_000
PEAK_CONNECTIONS = 128
FACTOR = 10
OPEN_LOOP_CONNECTIONS = 4_096
KEPT_SHARE_AIM = 0.9
REFUSAL_AIM_MS = 50.0
WARMUP_SECONDS = 0.5
REFUSED = "503"


def run(options: Options) -> Outcome:
    """The peak, ten times its clients, and ten times its requests took turns."""
    peaks: list[Result] = []
    crowds: list[Result] = []
    patient: list[Result] = []
    floods: list[Result] = []
    with stage(NAME) as house:
        warmup, *offers = house.put_on_sale([QUANTITY] * (1 + 4 * options.rounds))
        with house.served() as server:
            measure(_closed(server, warmup, "warm-up", connections=PEAK_CONNECTIONS, seconds=1.5))
            turns = iter(offers)
            for number in range(1, options.rounds + 1):
                plan = _closed(
                    server, next(turns), f"peak {number}", connections=PEAK_CONNECTIONS, seconds=options.seconds
                )
                peaks.append(measure(plan))
                say(NAME, _told(peaks[-1]))
                crowd = _closed(
                    server,
                    next(turns),
                    f"{FACTOR} times the clients {number}",
                    connections=FACTOR * PEAK_CONNECTIONS,
                    seconds=options.seconds,
                )
                crowds.append(measure(crowd))
                say(NAME, _told(crowds[-1]))
                patient.append(
                    measure(
                        _closed(
                            server,
                            next(turns),
                            f"{FACTOR} times the clients, waiting {number}",
                            connections=FACTOR * PEAK_CONNECTIONS,
                            seconds=options.seconds,
                            heeds_retry_after=True,
                        )
                    )
                )
                say(NAME, _told(patient[-1]))
                rate = FACTOR * peaks[-1].per_second
                floods.append(
                    measure(_open(server, next(turns), f"{FACTOR} times the requests {number}", rate, options))
                )
                say(NAME, _told(floods[-1]))
        say(NAME, "looking the database over")
        findings = house.findings()
    return _outcome(options, peaks=peaks, crowds=crowds, patient=patient, floods=floods, findings=findings)


def _closed(
    server: Server,
    offered: Offered,
    name: str,
    *,
    connections: int,
    seconds: float,
    heeds_retry_after: bool = False,
) -> Plan:
    request = order_request(run=_run_of(name), event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=connections,
        seconds=seconds,
        warmup_seconds=WARMUP_SECONDS,
        heeds_retry_after=heeds_retry_after,
        server_pid=server.pid,
    )


def _open(server: Server, offered: Offered, name: str, rate: float, options: Options) -> Plan:
    request = order_request(run=_run_of(name), event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=OPEN_LOOP_CONNECTIONS,
        seconds=options.seconds,
        warmup_seconds=WARMUP_SECONDS,
        rate_per_second=round(rate),
        backlog_max=0,  # Who finds no free connection is not sent: there the generator ends, and not the server.
        server_pid=server.pid,
    )


def _run_of(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)  # it stands in addresses of mail too


def completed_per_second(result: Result) -> float:
    """Orders that were placed, per second."""
    return result.per_second_by_status.get("201", 0.0)


def refused_share(result: Result) -> float:
    """The share of answers that said "come again"."""
    return result.statuses.get(REFUSED, 0) / result.answered


def _told(result: Result) -> str:
    refusals = result.latency_by_status.get(REFUSED)
    text = (
        f"{result.name}: {completed_per_second(result):,.0f} orders/s, {refused_share(result):.0%} of "
        f"{result.per_second:,.0f} answers/s refused"
    )
    if refusals is not None:
        text += f" (p50 {refusals.p50_ms} ms, p99 {refusals.p99_ms} ms)"
    return f"{text}; others {result.others_cpu_seconds / result.seconds:.2f} cores"


def _outcome(
    options: Options,
    *,
    peaks: list[Result],
    crowds: list[Result],
    patient: list[Result],
    floods: list[Result],
    findings: list[str],
) -> Outcome:
    peak = median(map(completed_per_second, peaks))
    figures: list[Figure] = [Figure(what=f"peak, {PEAK_CONNECTIONS} clients", value=f"{peak:,.0f} orders/s")]
    values = {"peak_per_second": peak}
    rows: list[tuple[str, ...]] = []
    bars = [Bar(label=f"{PEAK_CONNECTIONS} clients", value=peak)]
    for what, key, results in (
        (f"{FACTOR} times the clients, who wait as told", "patient", patient),
        (f"{FACTOR} times the clients, who do not wait", "clients", crowds),
        (f"{FACTOR} times the requests", "requests", floods),
    ):
        completed = median(map(completed_per_second, results))
        p99 = median(_refusals_p99(result) for result in results)
        kept = completed / peak
        figures += [
            Figure(
                what=f"{what}: orders completed, beside the peak",
                value=f"{completed:,.0f} orders/s, {kept:.0%}",
                aim=f"at least {KEPT_SHARE_AIM:.0%}",
                met=kept >= KEPT_SHARE_AIM,
            ),
            Figure(
                what=f"{what}: 99th percentile of refusals",
                value=f"{p99:.1f} ms",
                aim=f"within {REFUSAL_AIM_MS:.0f} ms",
                met=p99 <= REFUSAL_AIM_MS,
            ),
        ]
        values |= {f"{key}_completed_per_second": completed, f"{key}_kept": kept, f"{key}_refusal_p99_ms": p99}
        bars.append(Bar(label=what, value=completed, series=1))
        offered = [result.sent / result.seconds + result.not_sent / result.seconds for result in results]
        rows.append(
            (
                what,
                f"{median(offered):,.0f}",
                f"{median(result.sent / result.seconds for result in results):,.0f}",
                f"{completed:,.0f}",
                f"{median(map(refused_share, results)):.0%}",
                f"{median(_refusals_p50(result) for result in results):.1f} ms",
                f"{median(result.latency_by_status['201'].p50_ms for result in results):.0f} ms",
                f"{median(result.latency_by_status['201'].p99_ms for result in results):.0f} ms",
            )
        )
    overloaded = (*crowds, *patient, *floods)
    without = sum(result.busy_without_retry_after for result in overloaded)
    strange = sum(
        count for result in overloaded for status, count in result.statuses.items() if status not in ("201", REFUSED)
    )
    lost = sum(result.lost + result.unanswered for result in overloaded)
    origin = provenance(command=options.command)
    figures += [
        Figure(what="refusals without Retry-After", value=f"{without:,}", aim="none", met=without == 0),
        Figure(
            what="answers that are neither order nor refusal, and connections lost",
            value=f"{strange:,}, {lost:,}",
            aim="none",
            met=strange == lost == 0,
        ),
        Figure(
            what="`ticket doctor` afterwards",
            value="clean" if not findings else f"{len(findings)} findings: {findings[0]}",
            aim="clean",
            met=not findings,
        ),
    ]
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=tuple(figures),
        tables=(
            Table(
                columns=(
                    "load",
                    "due per second",
                    "sent per second",
                    "orders/s",
                    "refused",
                    "refusal, median",
                    "order, median",
                    "order, 99th percentile",
                ),
                rows=tuple(rows),
            ),
        ),
        results=(*peaks, *patient, *crowds, *floods),
        remarks=(
            f"Ten times the clients: {FACTOR * PEAK_CONNECTIONS:,} connections, each of which sends its next order as soon as it "
            "has an answer. Those who wait as told come again one to two seconds after a refusal; the others at once, "
            "also where the answer says to wait a second. "
            "Ten times the requests: ten times the orders per second "
            f"of the peak fall due on {OPEN_LOOP_CONNECTIONS:,} connections, whether or not the server keeps up; what finds no "
            "free connection is due and not sent. The first half second of each is left out, in which all "
            "connections come at once and some refusals take a fifth of a second. The generator shares the machine with the "
            "server, so that whatever it takes is missing there.",
        ),
        values=values,
        charts={
            "overload.svg": bar_chart(
                title=TITLE,
                description="; ".join(f"{bar.label}: {bar.value:,.0f} orders per second" for bar in bars),
                unit="orders completed per second",
                bars=bars,
                source=source_line(origin),
            )
        },
    )


def _refusals_p99(result: Result) -> float:
    refusals = result.latency_by_status.get(REFUSED)
    return 0.0 if refusals is None else refusals.p99_ms


def _refusals_p50(result: Result) -> float:
    refusals = result.latency_by_status.get(REFUSED)
    return 0.0 if refusals is None else refusals.p50_ms
