"""Memory: how large the server is after its start, and whether it grows with the orders that it serves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome
from bench.progress import say
from bench.report import Line, line_chart, provenance, source_line
from bench.serve import Server
from bench.stage import Offered, stage
from ticketing.sales.offers import GUESTS_KEPT_MAX

NAME = "memory"
TITLE = "Memory of the server beside the orders that it has served"
QUANTITY = 10_000_000
CONNECTIONS = 128
SECONDS = 60.0
ORDERS_IN_FULL = 1_000_000
STEPS_PER_RUN = 12
SETTLED_AFTER_ORDERS = (
    GUESTS_KEPT_MAX * 5 // 4
)  # Until here caches fill up to their bounds; the slope is of what comes after.
SETTLED_POINTS_MIN = 3
SLOPE_AIM_BYTES = 2 * 2**20
MIB = 2**20


def run(options: Options) -> Outcome:
    """Orders were placed for a minute, or up to a million of them; the size was read again and again."""
    points: list[tuple[int, int]] = []
    results: list[Result] = []
    with stage(NAME) as house:
        [offered] = house.put_on_sale([QUANTITY])
        with house.served() as server:
            started_bytes = server.usage().resident_bytes
            placed = 0
            points.append((0, started_bytes))
            first_number = 0
            for step in count(1):
                result = measure(_orders(server, offered, step, first_number=first_number, options=options))
                results.append(result)
                first_number = result.next_number
                placed += result.statuses.get("201", 0)
                points.append((placed, server.usage().resident_bytes))
                say(NAME, f"{placed:,} orders, {points[-1][1] / MIB:.1f} MiB, {result.per_second:,.0f}/s")
                if placed >= ORDERS_IN_FULL if options.full else step == STEPS_PER_RUN:
                    break
    return _outcome(options, points, results)


def _orders(server: Server, offered: Offered, step: int, *, first_number: int, options: Options) -> Plan:
    return Plan(
        name=f"orders {step}",
        host=server.host,
        port=server.port,
        requests=(order_request(run="memory", event_id=offered.event_id, ticket_type_id=offered.ticket_type_id),),
        connections=CONNECTIONS,
        seconds=SECONDS / STEPS_PER_RUN * (4 if options.full else 1),
        first_number=first_number,
        server_pid=server.pid,
    )


def bytes_per_order(points: Sequence[tuple[int, int]]) -> float:
    """The slope of the line that fits these points best (least squares): orders served, and bytes resident then."""
    mean_orders = sum(orders for orders, _ in points) / len(points)
    mean_bytes = sum(resident for _, resident in points) / len(points)
    spread = sum((orders - mean_orders) ** 2 for orders, _ in points)
    together = sum((orders - mean_orders) * (resident - mean_bytes) for orders, resident in points)
    return together / spread if spread else 0.0


def settled(points: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """The points after what fills up to a bound has filled up; none where they are too few to tell a slope."""
    later = [point for point in points if point[0] >= SETTLED_AFTER_ORDERS]
    return later if len(later) >= SETTLED_POINTS_MIN else ()


def _outcome(options: Options, points: list[tuple[int, int]], results: list[Result]) -> Outcome:
    placed, last_bytes = points[-1]
    later = settled(points)
    slope = 100_000 * bytes_per_order(later or points)
    part = f"after the first {later[0][0]:,}" if later else "while caches fill up; the run was too short to see more"
    origin = provenance(command=options.command)
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(what="resident after start", value=f"{points[0][1] / MIB:.0f} MiB"),
            Figure(what=f"resident after {placed:,} orders", value=f"{last_bytes / MIB:.0f} MiB"),
            Figure(
                what=f"growth for each 100,000 orders, {part}",
                value=f"{slope / MIB:.1f} MiB",
                aim=f"at most {SLOPE_AIM_BYTES / MIB:.0f} MiB" if later else "",
                met=slope <= SLOPE_AIM_BYTES if later else None,
            ),
        ),
        results=tuple(results),
        remarks=(
            "Resident memory of the server process, read after each step. What is bounded fills up first: SQLite's page cache "
            "(64 MiB for each of its connections), the guests and offers that are remembered, and Python's own free lists.",
        ),
        values={
            "resident_bytes_after_start": points[0][1],
            "resident_bytes_at_end": last_bytes,
            "orders": placed,
            "bytes_per_100_000_orders": slope,
        },
        charts={
            "memory.svg": line_chart(
                title=TITLE,
                description=f"{points[0][1] / MIB:.0f} MiB after start, {last_bytes / MIB:.0f} MiB after {placed:,} orders",
                x_label="orders served",
                y_label="MiB resident",
                lines=(Line(label="server", points=tuple((float(orders), each / MIB) for orders, each in points)),),
                source=source_line(origin),
            )
        },
    )
