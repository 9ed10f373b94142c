"""What a function loads before its first answer: nothing that Lambda does without."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

BUILD: Final = Path(__file__).parents[2] / "deploy" / "aws" / "build"
LEFT_OUT: Final = BUILD.with_name("left-out.txt")
PACKAGE_BYTES_MAX: Final = 200 * 2**20
"""Lambda takes 250 MB."""
ALONG: Final = ("greenlet", "h11", "mako", "markdown_it", "mdurl", "pygments")
"""What goes with those that are left out, since nothing else needs it."""
LATE: Final = "boto3 dateutil icalendar PIL reportlab sqlite3 uharfbuzz xml.dom".split()
"""What a few requests need, and no start."""

PROGRAM: Final = """
import json, sys, time
from importlib.abc import MetaPathFinder

class NotThere(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

ABSENT = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, NotThere())

from ticketing.entry.lambda_http import HttpHandler
from ticketing.entry import lambda_timer
from ticketing.entry.aws import Invocations
from ticketing.base.house import House, Keys, Settings
from ticketing.gateways.clock import SystemClock, SystemEntropy
from ticketing.site.app import build_app
from ticketing.storage.memory import MemoryStore
from ticketing.storage.memory_search import MemorySearch

class Context:
    def get_remaining_time_in_millis(self):
        return 29_000

store = MemoryStore()
settings = Settings(root_path="/dev")
house = House(store, MemorySearch(store), SystemClock(), SystemEntropy(), Keys(b"k" * 32), settings)
handler = HttpHandler(build_app(house), Invocations(), root_path="/dev")

def get(path):
    context = {"http": {"method": "GET", "path": path, "sourceIp": "203.0.113.7"}, "stage": "dev", "requestId": "r"}
    return handler({"version": "2.0", "rawPath": path, "headers": {}, "requestContext": context}, Context())

statuses = [get(path)["statusCode"] for path in ("/dev/", "/dev/v1/events", "/dev/openapi.json", "/dev/docs")]
timer = lambda_timer.TimerHandler(house, lambda_timer.jobs_of(house, None), Invocations())
print(json.dumps({"statuses": statuses, "jobs": sorted(timer({}, Context())), "modules": sorted(sys.modules)}))
"""


def left_out() -> list[str]:
    """The libraries that `deploy/aws/build` leaves out."""
    lines = (line.partition("#")[0].strip() for line in LEFT_OUT.read_text("utf-8").splitlines())
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def started() -> Any:
    """What a fresh process loaded and answered, in which the libraries that are left out are not there."""
    absent = json.dumps([*left_out(), *ALONG])
    command = [sys.executable, "-c", PROGRAM, absent]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TICKET_", "AWS_"))}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_functions_work_without_the_libraries_that_are_left_out(started: Any) -> None:
    assert started["statuses"] == [200, 200, 200, 200]
    assert "holds" in started["jobs"]


@pytest.mark.parametrize("module", LATE)
def test_what_only_some_requests_need_is_not_loaded_before_the_first_answer(started: Any, module: str) -> None:
    assert [name for name in started["modules"] if name == module or name.startswith(f"{module}.")] == []


def test_no_driver_is_loaded_with_the_handlers(started: Any) -> None:
    drivers = {"apsw", "sqlalchemy", "alembic", "asyncpg", "psycopg", "botocore", "aiobotocore"}

    assert drivers.isdisjoint(started["modules"])


@pytest.mark.slow
def test_the_package_is_all_that_the_functions_need(tmp_path: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        pytest.skip("LAMBDA'S PACKAGES RUN ON LINUX ALONE: the package was not built")
    built = subprocess.run(
        [BUILD, machine, version, tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    package = tmp_path / "function"

    # -I and -S: nothing of this checkout or of its environment is seen.
    program = f"import sys; sys.path.insert(0, {str(package)!r})\n" + PROGRAM
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "[]"], capture_output=True, text=True, check=False, timeout=120
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["statuses"] == [200, 200, 200, 200]
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < PACKAGE_BYTES_MAX
    assert list((package / "ticketing" / "__pycache__").glob("*.pyc"))


def test_what_is_left_out_is_named_as_the_lock_names_it() -> None:
    locked = (LEFT_OUT.parents[2] / "uv.lock").read_text("utf-8")

    assert [name for name in left_out() if f'name = "{name}"' not in locked] == []
