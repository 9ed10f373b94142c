"""Jobs of several processes over one store: nothing is done twice, and the work of one that was killed is taken over."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof.jobber import numbers
from tests.support.postgres import drop_database, new_database
from ticketing.entry.jobs import LEASE_LASTS
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.postgres.opening import migrate_now

ROOT = Path(__file__).parents[2]
STEPS = 60


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store of the latest revision."""
    if request.param == "postgres":
        url = new_database()
        migrate_now(url)
        yield url
        drop_database(url)
    else:
        open_store(tmp_path / "ticket.db").engine.close()
        yield f"sqlite:///{tmp_path / 'ticket.db'}"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger"
    path.touch()
    return path


Process = subprocess.Popen[str]


def jobber(url: str, ledger: Path, holder: str, *, ahead: float = 0.0) -> Process:
    """A process that takes its turns once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.proof.jobber", url, str(ledger), holder, str(STEPS), str(ahead)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def begin(*processes: Process) -> None:
    """All of them are ready, and begin at once."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_processes_that_want_the_same_job_do_every_step_once_and_in_order(url: str, ledger: Path) -> None:
    started = [jobber(url, ledger, holder) for holder in "abc"]
    begin(*started)

    ended = [process.communicate(timeout=60) for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], ended
    done = numbers(ledger)  # who waited for the lease during the last step may do one more
    assert done == list(range(len(done)))
    assert len(done) >= STEPS


def test_the_job_of_a_process_that_was_killed_is_another_s_once_its_lease_ran_out(url: str, ledger: Path) -> None:
    killed = jobber(url, ledger, "hangs")
    begin(killed)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "hangs\n"
    killed.kill()
    killed.communicate()

    too_early = jobber(url, ledger, "early")
    begin(too_early)
    assert too_early.stdout is not None
    assert [too_early.stdout.readline() for _ in range(20)] == ["waits\n"] * 20
    before = numbers(ledger)
    too_early.kill()
    too_early.communicate()
    later = jobber(url, ledger, "late", ahead=LEASE_LASTS.total_seconds())
    begin(later)
    said = later.communicate(timeout=60)

    assert before == []
    assert later.returncode == 0, said
    assert numbers(ledger) == list(range(STEPS))
