"""Pages that buyers load before they order, with a thousand and a million events, beside a bare echo, and how soon they show a sale."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench.crowded import crowded, event_id_of
from bench.load import Plan, Request, Result, measure
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.reference import reference_command
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server, serving
from bench.stage import order_one, stage

NAME = "pages"
TITLE = "Pages: processor time of a page with a thousand and with a million events"
SMALL, LARGE = 1_000, 1_000_000
CONNECTIONS = 32
SAMPLES = 40  # Different events are asked for in turn, so that no page is the one before.
SECONDS_FACTOR = 0.6
WARMUP_SECONDS = 0.5
COST_RATIO_AIM = 2.0
SHOWN_AIM_SECONDS = 1.0
SALES = 15  # Each of them is waited for until the page shows it.
ECHO = "bare echo"
BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip", "Accept-Language": "en-GB", "Cookie": "browser=measured"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of page in one house: the paths that are asked in turn, and how many bytes the first answer has."""

    name: str
    count: int
    paths: tuple[str, ...]
    answer_bytes: int


def run(options: Options) -> Outcome:
    """Every page was asked of both houses, in turn with the echo; then things were sold, and the page was watched."""
    houses = {count: crowded(count, scenario=NAME) for count in (SMALL, LARGE)}
    results: dict[Asked, list[Result]] = {}
    echoes: list[Result] = []
    with ExitStack() as stack:
        servers = {count: stack.enter_context(house.served()) for count, house in houses.items()}
        asked = [each for count, server in servers.items() for each in asked_of(count, server)]
        command = reference_command(answer_bytes=max(each.answer_bytes for each in asked))
        log = houses[SMALL].folder / "echo.log"
        echo = stack.enter_context(serving(command, stderr_path=log, health_path="/", environment={}))
        for round_number in range(1, options.rounds + 1):
            for each in sorted(asked, key=lambda one: (one.name, one.count)):
                results.setdefault(each, []).append(measure(_plan(servers[each.count], each, options)))
            echoes.append(measure(_echo_plan(echo, options)))
            told = (f"{each.name}, {each.count:,}: {results[each][-1].per_second:,.0f}/s" for each in asked)
            say(NAME, f"round {round_number}: {'; '.join(told)}; echo {echoes[-1].per_second:,.0f}/s")
    return _outcome(options, results, echoes, shown_after=seconds_until_shown())


def asked_of(count: int, server: Server) -> tuple[Asked, ...]:
    """The pages of a house with so many events, of events that are on sale."""
    event_ids, checkouts = [], []
    for number in range(count // 2, count):
        event_id = event_id_of(number)
        status, body = _get(server, f"/v1/events/{event_id}/ticket-types")
        kinds = json.loads(body)["data"] if status == http.client.OK else []
        kind = next((each["ticket_type_id"] for each in kinds if each["status"] == "on_sale"), None)
        if kind is not None:
            event_ids.append(event_id)
            checkouts.append(f"/events/{event_id}/checkout?{kind}=1")
        if len(event_ids) == SAMPLES:
            break
    assert len(event_ids) == SAMPLES, "too few events are on sale"
    pages = tuple(f"/events/{event_id}" for event_id in event_ids)
    questions = {
        "start page": ("/",),
        "event pages in turn": pages,
        "one event's page": pages[:1],
        "checkout": tuple(checkouts),
    }
    return tuple(
        Asked(name, count, paths, len(_get(server, paths[0], packed=True)[1])) for name, paths in questions.items()
    )


def seconds_until_shown() -> list[float]:
    """How long after the answer to an order its page went on saying what it had said before, while it was asked for all the time."""
    seconds = []
    with stage(NAME) as house:
        [offered] = house.put_on_sale([SALES + 2])
        with house.served() as server:
            path = f"/events/{offered.event_id}"
            for number in range(1, SALES + 1):
                left = offered.quantity - number
                _await(server, path, f"{left + 1} left")
                order_one(server, offered, run=f"shown-{number}")
                seconds.append(_await(server, path, f"{left} left"))
    return seconds


def _await(server: Server, path: str, words: str) -> float:
    began = time.monotonic()
    while words.encode() not in _get(server, path)[1]:
        assert time.monotonic() < began + 30, f"{path} never said {words!r}"
    return time.monotonic() - began


def _get(server: Server, path: str, *, packed: bool = False) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request("GET", path, headers=BROWSER if packed else {"Accept": BROWSER["Accept"]})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _plan(server: Server, asked: Asked, options: Options) -> Plan:
    return Plan(
        name=f"{asked.name}, {asked.count:,} events",
        host=server.host,
        port=server.port,
        requests=tuple(Request(method="GET", path=path, headers=BROWSER) for path in asked.paths),
        connections=CONNECTIONS,
        seconds=SECONDS_FACTOR * options.seconds,
        warmup_seconds=WARMUP_SECONDS,
        server_pid=server.pid,
    )


def _echo_plan(server: Server, options: Options) -> Plan:
    return Plan(
        name=ECHO,
        host=server.host,
        port=server.port,
        requests=(Request(method="POST", path="/echo", headers=BROWSER),),
        connections=CONNECTIONS,
        seconds=SECONDS_FACTOR * options.seconds,
        warmup_seconds=WARMUP_SECONDS,
        server_pid=server.pid,
    )


def _cost(results: list[Result]) -> float:
    return median(result.server_cpu_us_per_answer or 0.0 for result in results)


def _row(name: str, results: list[Result], answer_bytes: int, echo_per_second: float) -> tuple[str, ...]:
    per_second = median(result.per_second for result in results)
    return (
        name,
        f"{per_second:,.0f}",
        f"{per_second / echo_per_second:.3f}",
        f"{median(result.latency.p99_ms for result in results):.1f}",
        f"{_cost(results):,.0f}",
        f"{answer_bytes:,}",
    )


def _outcome(
    options: Options, results: dict[Asked, list[Result]], echoes: list[Result], *, shown_after: list[float]
) -> Outcome:
    echo_per_second = median(result.per_second for result in echoes)
    costs = {(each.name, each.count): _cost(measured) for each, measured in results.items()}
    names = list(dict.fromkeys(each.name for each in results))
    ratios = {name: costs[name, LARGE] / costs[name, SMALL] for name in names}
    worst = max(ratios, key=lambda name: ratios[name])
    other = sum(result.answered - result.statuses.get("200", 0) for measured in results.values() for result in measured)
    origin = provenance(command=options.command)
    longest = max(shown_after)
    rows = [
        _row(f"{each.name}, {each.count:,} events", measured, each.answer_bytes, echo_per_second)
        for each, measured in results.items()
    ]
    echo_bytes = max(each.answer_bytes for each in results)
    rows.append(_row(ECHO, echoes, echo_bytes, echo_per_second))
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(
                what=f"cost with {LARGE:,} events to cost with {SMALL:,}, at worst ({worst})",
                value=f"{ratios[worst]:.2f}",
                aim=f"at most {COST_RATIO_AIM:g}",
                met=ratios[worst] <= COST_RATIO_AIM,
            ),
            Figure(
                what=f"from a sale to a page that shows it, at worst of {len(shown_after)}, median",
                value=f"{1000 * longest:.0f} ms, {1000 * median(shown_after):.0f} ms",
                aim=f"within {SHOWN_AIM_SECONDS:g} s",
                met=longest <= SHOWN_AIM_SECONDS,
            ),
            Figure(what="answers other than 200", value=f"{other:,}", aim="none", met=other == 0),
        ),
        tables=(Table(columns=("page", "requests/s", "to echoes", "p99 ms", "CPU µs", "bytes"), rows=tuple(rows)),),
        remarks=(
            f"{CONNECTIONS} clients on keep-alive connections, with the headers of a browser; pages come in gzip, and their bytes "
            f"are the body's. {SAMPLES} different events are asked for in turn, but for the one event that everybody looks at at "
            "once. Cost is the processor time of the server for a page, median of the rounds; the houses and the echo take turns. "
            "The echo answers as many bytes as the largest page has, through the same uvicorn.",
            "From a sale to its page: one ticket is ordered, and the page is asked for all the time, from before the order until "
            "it shows one ticket fewer.",
        ),
        values={
            "echoes_per_second": echo_per_second,
            "shown_after_seconds_at_worst": longest,
            **{f"cpu_us {name} {count}": cost for (name, count), cost in costs.items()},
        },
        charts={
            "pages.svg": bar_chart(
                title=TITLE,
                description="; ".join(
                    f"{name}: {costs[name, SMALL]:.0f} and {costs[name, LARGE]:.0f} microseconds" for name in names
                ),
                unit="microseconds of the server's processor time for a page",
                bars=tuple(
                    Bar(label=f"{name}, {count:,}", value=costs[name, count], series=series)
                    for name in names
                    for series, count in enumerate((SMALL, LARGE))
                ),
                source=source_line(origin),
            )
        },
    )
