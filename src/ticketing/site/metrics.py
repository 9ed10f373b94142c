"""What is counted of requests and commits, and how it is written for Prometheus. Counting is plain arithmetic, without locks:
all of it happens on the event loop; what costs time is done when somebody asks for the figures."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final, Protocol, runtime_checkable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from ticketing import __version__
from ticketing.site.siblings import Siblings

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMITS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN_ROUTE: Final = "unknown"
"""What matched no route counts as one, since anyone can ask for any path."""
TEXT: Final = CONTENT_TYPE_LATEST


@runtime_checkable
class CountsCommits(Protocol):
    """A store that tells how its commits come together."""

    @property
    def waiting(self) -> int:
        """How many commits wait for the writer."""
        ...

    batch_sizes: Mapping[int, int]
    """How many batches of each size were written."""


class _Route:
    """What was counted of one method of one route: requests by seconds (the last place is beyond all bounds), and by status."""

    __slots__ = ("by_seconds", "by_status", "seconds")

    def __init__(self) -> None:
        self.by_seconds = [0] * (len(SECONDS) + 1)
        self.by_status: dict[int, int] = {}
        self.seconds = 0.0


class Metrics(Collector):
    """The counters of one process."""

    def __init__(self, store: object) -> None:
        self.in_flight = 0
        self.reading = 0
        self.orders = 0
        self._routes: dict[tuple[str, str], _Route] = {}
        self._refusals: dict[str, int] = {}
        self.siblings: Siblings | None = None
        self._store = store
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, method: str, route: str, status: int, *, seconds: float, refusal: str | None) -> None:
        """One request was answered, after so many seconds; `refusal` is its code where it was refused."""
        counted = self._routes.get((method, route))
        if counted is None:
            known = method if method in METHODS else "other"
            counted = self._routes.setdefault((known, route), _Route())
        counted.by_seconds[bisect_left(SECONDS, seconds)] += 1
        counted.seconds += seconds
        counted.by_status[status] = counted.by_status.get(status, 0) + 1
        if refusal is not None:
            self._refusals[refusal] = self._refusals.get(refusal, 0) + 1

    def written(self) -> bytes:
        """All figures in Prometheus' text format: of this process, or of all its siblings, each under its own label."""
        return generate_latest(self._registry if self.siblings is None else self.siblings.joined(self.collect()))

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are checked when the figures are collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every figure, as of now."""
        about = GaugeMetricFamily("ticket_info", "What runs here.", labels=["version"])
        about.add_metric([__version__], 1)
        yield about
        yield from self._requests()
        refusals = CounterMetricFamily(
            "ticket_refusals", "Requests refused, by code (docs/refusals.md).", labels=["code"]
        )
        for code, count in sorted(self._refusals.items()):
            refusals.add_metric([code], count)
        yield refusals
        yield CounterMetricFamily(
            "ticket_orders_placed", "Orders placed; repeated requests are not counted.", self.orders
        )
        yield GaugeMetricFamily("ticket_requests_in_flight", "Requests being worked on.", self.in_flight)
        if isinstance(self._store, CountsCommits):
            yield GaugeMetricFamily("ticket_commits_waiting", "Commits that wait for the writer.", self._store.waiting)
            yield _batches(self._store.batch_sizes)

    def _requests(self) -> Iterator[Metric]:
        answered = CounterMetricFamily("ticket_requests", "Requests answered.", labels=["method", "route", "status"])
        took = HistogramMetricFamily("ticket_request_seconds", "Time to answer.", labels=["method", "route"])
        for (method, route), counted in sorted(self._routes.items()):
            for status, count in sorted(counted.by_status.items()):
                answered.add_metric([method, route, str(status)], count)
            took.add_metric([method, route], _cumulated(SECONDS, counted.by_seconds), counted.seconds)
        yield answered
        yield took


def _cumulated(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus has them: each counts all that is no longer than its bound."""
    buckets: list[tuple[str, float]] = []
    count = 0
    for bound, added in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        count += added
        buckets.append((bound, count))
    return buckets


def _batches(sizes: Mapping[int, int]) -> Metric:
    counts = [0] * (len(COMMITS) + 1)
    for size, count in list(sizes.items()):
        counts[bisect_left(COMMITS, size)] += count
    commits = sum(size * count for size, count in list(sizes.items()))
    batches = HistogramMetricFamily("ticket_commits_per_batch", "Commits made durable at once.")
    batches.add_metric([], _cumulated(COMMITS, counts), commits)
    return batches
