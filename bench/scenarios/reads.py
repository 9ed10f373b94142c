"""Reads: what visitors ask of the catalog, over HTTP, with a thousand and with a million events."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

from bench.crowded import crowded, event_id_of
from bench.load import Plan, Request, Result, measure
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server

NAME = "reads"
TITLE = "Reads: processor time of an answer with a thousand and with a million events"
SMALL, LARGE = 1_000, 1_000_000
CONNECTIONS = 32
SAMPLES = 40  # Different things are asked in turn, so that no answer is the one before.
RATIO_AIM = 2.0
SECONDS_FACTOR = 0.4  # There are many questions, and each is asked in every round.
WARMUP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of request, with as many paths of this kind as are asked in turn."""

    name: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question at one size: what each round measured, and how many events its first answer had."""

    results: list[Result]
    found: int


def run(options: Options) -> Outcome:
    """Every question was asked of both houses, in turn."""
    houses = {count: crowded(count, scenario=NAME) for count in (SMALL, LARGE)}
    asked: dict[tuple[str, int], Asked] = {}
    with ExitStack() as stack:
        servers = {count: stack.enter_context(house.served()) for count, house in houses.items()}
        questions = {count: questions_of(count, servers[count]) for count in servers}
        for round_number in range(1, options.rounds + 1):
            for place in range(len(questions[SMALL])):
                for count, server in servers.items():
                    question = questions[count][place]
                    key = (question.name, count)
                    if key not in asked:
                        asked[key] = Asked([], _found(server, question.paths[0]))
                    asked[key].results.append(measure(_plan(server, question, count, options)))
            say(NAME, f"round {round_number}: {_told(asked)}")
    return _outcome(options, asked, names=[question.name for question in questions[SMALL]], houses=houses)


def questions_of(count: int, server: Server) -> tuple[Question, ...]:
    """What is asked of a house with so many events."""
    numbers = [count // 2 + place * (count // 2 // SAMPLES) + 1 for place in range(SAMPLES)]
    later = "/v1/events"
    for _ in range(3):
        cursor = _json(server, later)["next_cursor"]
        assert isinstance(cursor, str)
        later = f"/v1/events?cursor={quote(cursor)}"
    return (
        Question("list", ("/v1/events",)),
        Question("list, upcoming only", ("/v1/events?status=upcoming",)),
        Question("list, a later page", (later,)),
        Question("search, a word of one event", tuple(f"/v1/events?q={number}" for number in numbers)),
        Question(
            "search, a word of very many", tuple(f"/v1/events?q={word}" for word in ("symphony", "conference", "match"))
        ),
        Question(
            "search, two words",
            tuple(f"/v1/events?q={words}" for words in ("symphony+orchestra", "group+match", "concerto+piano")),
        ),
        Question(
            "search, the beginning of a word", tuple(f"/v1/events?q={word}" for word in ("sym", "conf", "beet", "mat"))
        ),
        Question("an event", tuple(f"/v1/events/{event_id_of(number)}" for number in numbers)),
        Question("availability", tuple(f"/v1/events/{event_id_of(number)}/ticket-types" for number in numbers)),
    )


def _json(server: Server, path: str) -> Mapping[str, object]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == http.client.OK, f"{path}: {answer.status} {body!r}"
    content = json.loads(body)
    assert isinstance(content, dict)
    return content


def _found(server: Server, path: str) -> int:
    content = _json(server, path)
    data = content.get("data")
    return len(data) if isinstance(data, list) else 1


def _plan(server: Server, question: Question, count: int, options: Options) -> Plan:
    return Plan(
        name=f"{question.name}, {count:,} events",
        host=server.host,
        port=server.port,
        requests=tuple(Request(method="GET", path=path) for path in question.paths),
        connections=CONNECTIONS,
        seconds=SECONDS_FACTOR * options.seconds,
        warmup_seconds=WARMUP_SECONDS,
        server_pid=server.pid,
    )


def _cost(asked: Asked) -> float:
    return median(result.server_cpu_us_per_answer or 0.0 for result in asked.results)


def _told(asked: Mapping[tuple[str, int], Asked]) -> str:
    names = dict.fromkeys(name for name, _ in asked)
    ratios = {name: _cost(asked[name, LARGE]) / _cost(asked[name, SMALL]) for name in names}
    return ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())


def _outcome(
    options: Options,
    asked: Mapping[tuple[str, int], Asked],
    *,
    names: list[str],
    houses: Mapping[int, object],
) -> Outcome:
    ratios = {name: _cost(asked[name, LARGE]) / _cost(asked[name, SMALL]) for name in names}
    worst = max(ratios, key=lambda name: ratios[name])
    refused = sum(result.answered - result.statuses.get("200", 0) for each in asked.values() for result in each.results)
    origin = provenance(command=options.command)
    rows = tuple(
        (
            name,
            *(
                cell
                for count in (SMALL, LARGE)
                for cell in (
                    f"{asked[name, count].found}",
                    f"{median(result.per_second for result in asked[name, count].results):,.0f}",
                    f"{median(result.latency.p99_ms for result in asked[name, count].results):.1f}",
                    f"{_cost(asked[name, count]):,.0f}",
                )
            ),
            f"{ratios[name]:.2f}",
        )
        for name in names
    )
    columns = tuple(
        f"{what}, {count:,}" for count in (SMALL, LARGE) for what in ("found", "requests/s", "p99 ms", "CPU µs")
    )
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(
                what=f"cost with {LARGE:,} events to cost with {SMALL:,}, at worst ({worst})",
                value=f"{ratios[worst]:.2f}",
                aim=f"at most {RATIO_AIM:g}",
                met=ratios[worst] <= RATIO_AIM,
            ),
            Figure(what="the same, median of the questions", value=f"{median(ratios.values()):.2f}"),
            Figure(what="answers other than 200", value=f"{refused:,}", aim="none", met=refused == 0),
        ),
        tables=(Table(columns=("question", *columns, "ratio of CPU"), rows=rows),),
        remarks=(
            f"{CONNECTIONS} clients on keep-alive connections; {SAMPLES} different words or events are asked for in turn where "
            "there are so many. Pages have up to 20 events. Cost is the processor time of the server for an answer, median of "
            "the rounds; the houses take turns. The events are made by rule from the real ones that ship: their names, texts, "
            "tags, lengths and prices, with made-up days over five years, halls and performers.",
        ),
        values={f"ratio_{name.replace(' ', '_').replace(',', '')}": ratio for name, ratio in ratios.items()},
        charts={
            "reads.svg": bar_chart(
                title=TITLE,
                description="; ".join(
                    f"{name}: {_cost(asked[name, SMALL]):.0f} and {_cost(asked[name, LARGE]):.0f} microseconds"
                    for name in names
                ),
                unit="microseconds of the server's processor time for an answer",
                bars=tuple(
                    Bar(label=f"{name}, {count:,}", value=_cost(asked[name, count]), series=series)
                    for name in names
                    for series, count in enumerate((SMALL, LARGE))
                ),
                source=source_line(origin),
            )
        },
    )
