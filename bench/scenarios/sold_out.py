"""Sold out: many clients after the last few places. As many are sold as there are, and nobody hears "sold out" before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import LOST, Answer, Plan, Result, measure, order_request, read_captured
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import Line, line_chart, provenance, source_line
from bench.serve import Server
from bench.stage import Offered, Stage, stage

NAME = "sold_out"
TITLE = "Sold out: 512 clients after the last places"
CLIENTS = 512
STOCKS = (1, 10, 1_000)
SOLD_OUT = "sold_out"
SECONDS_MAX = 60.0
CHART_POINTS_MAX = 60


@dataclass(frozen=True, slots=True)
class Ending:
    """How the last places went. Times are in seconds since the first request was sent.

    `refused_early` counts those who were told that it is sold out when a place was free without doubt: their answer had come
    before the last order that got one was even sent. `refused_with_places` counts refusals that name places left themselves.
    """

    stock: int
    acknowledged: int
    refused: int
    other: dict[str, int]
    refused_early: int
    refused_with_places: int
    last_place_seconds: float
    all_answered_seconds: float
    sold_at_seconds: tuple[float, ...]


def ending_of(stock: int, answers: Iterable[Answer]) -> Ending:
    """What the answers to orders for one place each say together."""
    sold: list[Answer] = []
    refused: list[Answer] = []
    refused_with_places = 0
    other: Counter[str] = Counter()
    first_sent_at, last_answered_at = float("inf"), 0.0
    for answer in answers:
        first_sent_at = min(first_sent_at, answer.sent_at)
        last_answered_at = max(last_answered_at, answer.answered_at)
        if answer.status == 201:
            sold.append(answer)
            continue
        problem = {} if answer.status == LOST else json.loads(answer.body)
        if problem.get("code") == SOLD_OUT:
            refused.append(answer)
            refused_with_places += problem["left"] > 0
        else:
            other[str(problem.get("code", answer.status))] += 1
    last_taken_after = max((answer.sent_at for answer in sold), default=first_sent_at)
    return Ending(
        stock=stock,
        acknowledged=len(sold),
        refused=len(refused),
        other=dict(other),
        refused_early=sum(answer.answered_at < last_taken_after for answer in refused),
        refused_with_places=refused_with_places,
        last_place_seconds=max((answer.answered_at for answer in sold), default=first_sent_at) - first_sent_at,
        all_answered_seconds=last_answered_at - first_sent_at,
        sold_at_seconds=tuple(sorted(answer.answered_at - first_sent_at for answer in sold)),
    )


def run(options: Options) -> Outcome:
    """The last places were fought for, several times each."""
    endings: dict[int, list[Ending]] = {stock: [] for stock in STOCKS}
    results: list[Result] = []
    with stage(NAME) as house:
        warmup, *offers = house.put_on_sale([100_000, *[stock for stock in STOCKS for _ in range(options.rounds)]])
        with house.served() as server:
            measure(_orders(server, warmup, house, "warm-up", requests=4 * CLIENTS))
            for number, offered in enumerate(offers, 1):
                stock = offered.quantity
                name = f"last {stock:,}, {number}"
                results.append(measure(_orders(server, offered, house, name, requests=_requests(stock))))
                endings[stock].append(ending_of(stock, read_captured(house.folder / "answers")))
                say(NAME, _told(endings[stock][-1]))
        left = [house.left(offered) for offered in offers]
        stored = [house.orders_stored(offered) for offered in offers]
        findings = house.findings()
        return _outcome(options, house, endings, results, offers=offers, left=left, stored=stored, findings=findings)


def _requests(stock: int) -> int:
    """Each client tries at least twice, and as many fail as can succeed."""
    return max(2 * CLIENTS, 2 * stock)


def _orders(server: Server, offered: Offered, house: Stage, name: str, *, requests: int) -> Plan:
    request = order_request(
        run=name.replace(" ", "-").replace(",", ""), event_id=offered.event_id, ticket_type_id=offered.ticket_type_id
    )
    return Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=CLIENTS,
        seconds=SECONDS_MAX,
        requests_max=requests,
        server_pid=server.pid,
        capture_path=str(house.folder / "answers"),
    )


def _told(ending: Ending) -> str:
    return (
        f"{ending.acknowledged:,} of the last {ending.stock:,} sold, {ending.refused:,} refused, "
        f"last place after {1000 * ending.last_place_seconds:.0f} ms, all answered after "
        f"{1000 * ending.all_answered_seconds:.0f} ms"
    )


def _outcome(
    options: Options,
    house: Stage,
    endings: dict[int, list[Ending]],
    results: list[Result],
    *,
    offers: Sequence[Offered],
    left: Sequence[int],
    stored: Sequence[int],
    findings: Sequence[str],
) -> Outcome:
    every = [ending for of_stock in endings.values() for ending in of_stock]
    exact = all(
        ending.acknowledged == offered.quantity == stored_count and places_left == 0
        for ending, offered, stored_count, places_left in zip(every, offers, stored, left, strict=True)
    )
    early = sum(ending.refused_early + ending.refused_with_places for ending in every)
    others: Counter[str] = Counter()
    for ending in every:
        others.update(ending.other)
    origin = provenance(command=options.command)
    rows = tuple(
        (
            f"{stock:,}",
            ", ".join(f"{ending.acknowledged:,}" for ending in of_stock),
            f"{sum(ending.refused for ending in of_stock):,}",
            f"{1000 * median(ending.last_place_seconds for ending in of_stock):.0f} ms",
            f"{1000 * median(ending.all_answered_seconds for ending in of_stock):.0f} ms",
        )
        for stock, of_stock in endings.items()
    )
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(
                what=f"sold, stored and acknowledged, in {len(every)} sales",
                value="exactly the stock each time" if exact else "NOT the stock each time",
                aim="exactly the stock",
                met=exact,
            ),
            Figure(
                what='told "sold out" while a place was free',
                value=f"{early:,} of {sum(ending.refused for ending in every):,} refusals",
                aim="none",
                met=early == 0,
            ),
            Figure(
                what="other answers",
                value=", ".join(f"{count:,} × {code}" for code, count in sorted(others.items())) or "none",
            ),
            Figure(
                what="`ticket doctor` afterwards",
                value="clean" if not findings else f"{len(findings)} findings: {findings[0]}",
                aim="clean",
                met=not findings,
            ),
        ),
        tables=(
            Table(
                columns=("places", "sold in each sale", "refused", "last place sold after", "all answered after"),
                rows=rows,
            ),
        ),
        results=tuple(results),
        remarks=(
            f"{CLIENTS} clients on keep-alive connections begin at once and order one place each, again and again. A refusal "
            "counts as early where its answer had come before the last successful order was sent, since a place was free then "
            "without doubt, or where it names places left itself. Times are medians, from the first request that was sent.",
        ),
        values={
            f"last_place_seconds_{stock}": median(e.last_place_seconds for e in each) for stock, each in endings.items()
        },
        charts={
            "sold_out.svg": line_chart(
                title="The last 1,000 places: sold by time",
                description=_told(endings[STOCKS[-1]][-1]),
                x_label="milliseconds since the first request",
                y_label="places sold and acknowledged",
                lines=(Line(label=f"{CLIENTS} clients", points=_curve(endings[STOCKS[-1]][-1])),),
                source=source_line(origin),
            )
        },
    )


def _curve(ending: Ending) -> tuple[tuple[float, float], ...]:
    """Milliseconds and places sold by then, thinned out."""
    step = max(1, len(ending.sold_at_seconds) // CHART_POINTS_MAX)
    counted = list(enumerate(ending.sold_at_seconds, 1))
    return ((0.0, 0.0), *((1000 * at, float(count)) for count, at in (*counted[::step], counted[-1])))
