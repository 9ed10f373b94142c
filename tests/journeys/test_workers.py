"""`ticket serve` with several workers: one is killed, the supervisor is killed, the figures are of all, and the log is one."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.test_start import await_until
from tests.support.processes import Served, Site, order, site
from ticketing.entry.supervisor import run_apart

WORKERS = 2


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return site(tmp_path, workers=str(WORKERS))


def workers_of(served: Served) -> list[int]:
    """The processes under the supervisor."""
    pid = served.server.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether it runs, and is more than an entry in the table of processes."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def figures(served: Served) -> list[tuple[str, dict[str, str], float]]:
    """What a new connection is told, whoever answers it."""
    text = httpx.get(f"{served.url}/metrics").text
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def orders_told(served: Served) -> dict[str, float]:
    """How many orders each worker is said to have taken."""
    return {labels["worker"]: value for name, labels, value in figures(served) if name == "ticket_orders_placed_total"}


def lines_of(here: Site) -> list[dict[str, object]]:
    """The log; each line has to be whole."""
    return [json.loads(line) for line in here.output.read_text().splitlines() if line.startswith("{")]


def test_a_worker_that_is_killed_is_started_again_and_the_sale_goes_on(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=100)
        before = workers_of(served)
        os.kill(before[0], signal.SIGKILL)

        await_until(lambda: len(workers_of(served)) == WORKERS and before[0] not in workers_of(served))
        statuses = [order_over_a_connection_of_its_own(served, offer, f"buyer{n}") for n in range(20)]

        assert len(before) == WORKERS
        assert before[1] in workers_of(served)
        assert statuses == [201] * 20
        assert served.left(offer) == 80
    (line,) = [line for line in lines_of(here) if line["event"] == "worker.ended"]
    assert (line["code"], line["worker"]) == (-signal.SIGKILL, 1)


def order_over_a_connection_of_its_own(served: Served, offer: dict[str, str], buyer: str) -> int:
    with served.client() as client:
        return order(client, offer, buyer=buyer).status_code


def test_workers_stop_in_order_when_their_supervisor_is_killed(here: Site) -> None:
    with here.served() as served:
        pids = workers_of(served)
        os.kill(served.server.pid, signal.SIGKILL)

        await_until(lambda: not any(map(is_alive, pids)))

    assert not here.database.with_name("ticket.db-wal").exists()


def test_the_figures_are_of_all_workers_whoever_is_asked(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=100)
        for number in range(30):
            assert order_over_a_connection_of_its_own(served, offer, f"buyer{number}") == 201

        # What a worker leaves for the others is up to a second old.
        await_until(lambda: all(sum(orders_told(served).values()) == 30 for _ in range(10)))

        assert orders_told(served).keys() == {"1", "2"}
        asked = [
            (name, tuple(sorted(labels.items()))) for name, labels, _ in figures(served)
        ]  # a series that stood twice would make Prometheus refuse the page
        assert len(asked) == len(set(asked))


def test_a_line_of_the_log_says_which_worker_wrote_it(tmp_path: Path) -> None:
    here = site(tmp_path, workers=str(WORKERS), log_level="debug")
    with here.served() as served:
        await_until(lambda: {*seen(served, here, "request")} >= {1, 2})


def seen(served: Served, here: Site, event: str) -> list[object]:
    httpx.get(f"{served.url}/health/live")
    return [line["worker"] for line in lines_of(here) if line["event"] == event]


def test_what_cannot_start_says_so_once_and_starts_no_worker(here: Site) -> None:
    here.database.parent.mkdir(mode=0o700)
    here.database.write_bytes(b"this is no database at all, however long one looks at it" * 100)

    ended = here.run("serve", port="18999")

    assert ended.returncode == 1
    assert ended.stderr.count("ticket: ") == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: None, 0),
        (lambda: exit(0), 0),
        (lambda: exit(3), 3),
        (lambda: exit("a sentence"), 1),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
    ],
)
def test_a_process_apart_ends_with_the_code_of_its_work(work: Callable[[], None], code: int) -> None:
    _, status = os.waitpid(run_apart(work), 0)

    assert os.waitstatus_to_exitcode(status) == code


def test_who_guesses_a_password_has_ten_tries_over_all_workers_of_all_hosts(tmp_path: Path) -> None:
    here = site(tmp_path, workers=str(WORKERS), rate_limits="on")
    guess = {"email": "admin@ticket.localhost", "password": "not the right one"}

    with here.served() as one, here.served() as other:
        urls = [served.url for served in (one, other)] * 8
        statuses = [httpx.post(f"{url}/v1/sessions", json=guess, timeout=30).status_code for url in urls]

    assert statuses == [401] * 10 + [429] * 6
