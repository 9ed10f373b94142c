"""A DynamoDB for tests: a small engine of one file, brought by npm on first use, one in memory for each test process.

`TEST_DYNAMODB_URL=http://…` names another one instead, as Amazon's DynamoDB Local.
"""

import asyncio
import atexit
import base64
import fcntl
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from bench.serve import free_port
from ticketing.base.store import Store
from ticketing.base.tables import Table, attribute_name
from ticketing.schema.tables import TABLES
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.dynamo.driver import Answer, BotoDriver, Driver, Refused, Request, Unreached
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.schema import SEARCH_CHANGES, table_name
from ticketing.storage.dynamo.tables import create_tables, delete_tables
from ticketing.storage.dynamo.transact import ACTIONS_MAX

OVERRIDE: Final = "TEST_DYNAMODB_URL"
PACKAGE: Final = "@dynoxide/linux-x64"
VERSION: Final = "1.2.1"
INTEGRITY: Final = "sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg=="
"""SHA-512 of the package, in base64, as the npm registry and its lock files write it."""
FOLDER: Final = Path(__file__).parents[2] / ".dynoxide"
START_SECONDS_MAX: Final = 30.0
ANSWER_SECONDS_MAX: Final = 60.0
"""However busy the machine of the tests is, the engine answers: what tests of faults mean to be lost is lost by a wrapper."""
REGION: Final = "eu-central-1"


class NoEngine(RuntimeError):
    """There is no engine on this machine, and none can be brought."""


def program() -> Path:
    """The engine's program, brought by npm if it is not there. Raises NoEngine."""
    path = FOLDER / f"dynoxide-{VERSION}"
    if path.exists():
        return path
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NoEngine(f"npm has {PACKAGE} and nothing for this machine; set TEST_DYNAMODB_URL")
    npm = shutil.which("npm")
    if npm is None:
        raise NoEngine("npm is not installed; install it, or set TEST_DYNAMODB_URL")
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start together
        if path.exists():
            return path
        brought = subprocess.run(
            [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", scratch],
            capture_output=True,
            text=True,
            check=False,
        )
        packed = next(Path(scratch).glob("*.tgz"), None)
        if brought.returncode or packed is None:
            raise NoEngine(f"npm cannot bring {PACKAGE}: {brought.stderr.strip()[-300:]}")
        content = packed.read_bytes()
        if base64.b64encode(hashlib.sha512(content).digest()).decode() != INTEGRITY:
            raise NoEngine(f"{PACKAGE} {VERSION} is not what it was when it was pinned")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = archive.extractfile("package/dynoxide")
            assert member is not None
            made = Path(scratch) / "dynoxide"
            made.write_bytes(member.read())
        made.chmod(0o755)
        made.rename(path)
    return path


class Server:
    """A running engine, in memory or on a file."""

    def __init__(self, file: Path | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [str(program()), "--port", str(self.port)]
        if file is not None:
            self._command += ["--db-path", str(file)]
        self.start()

    def start(self) -> None:
        """It runs and answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS_MAX
        probe = BotoDriver(region=REGION, endpoint=self.url)
        while True:
            try:
                probe.call("DescribeTable", {"TableName": "nothing"})
            except Refused:
                break
            except Unreached:
                assert self._process.poll() is None, "the engine does not start"
                assert time.monotonic() < until, "the engine does not answer"
                time.sleep(0.01)
        probe.close()

    def kill(self) -> None:
        """It is gone at once, by SIGKILL."""
        self._process.kill()
        self._process.wait()


@cache
def endpoint() -> str:
    """Where the engine of this test process answers. Without one the test is skipped; with CI=true it fails."""
    named = os.environ.get(OVERRIDE)
    if named:
        return named
    server = Server()
    atexit.register(server.kill)
    return server.url


def needed_endpoint() -> str:
    """As `endpoint`; where there is none, the test is skipped aloud, or fails where CI=true says that it may not be."""
    try:
        return endpoint()
    except NoEngine as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"NO DYNAMODB ENGINE: {error}")
        pytest.skip(f"NO DYNAMODB ENGINE: {error}")


_numbers: Final = count()


class Tabled:
    """A driver whose tables are deleted when it is closed."""

    def __init__(self, driver: Driver, prefix: str, tables: Sequence[Table]) -> None:
        self.within = driver
        self.call = driver.call
        self._prefix = prefix
        self._tables = tables

    def close(self) -> None:
        """Nothing is left of it in the engine."""
        delete_tables(self.within, self._prefix, self._tables)
        self.within.close()


def dynamo_engine(folder: Path, tables: tuple[Table, ...] = TABLES) -> DynamoEngine:
    """An engine on new tables of its own, to be closed; `folder` stays empty."""
    del folder
    driver = BotoDriver(region=REGION, endpoint=needed_endpoint(), answer_seconds=ANSWER_SECONDS_MAX)
    prefix = f"t{os.getpid()}-{next(_numbers)}-"
    tables = (*tables, SEARCH_CHANGES)
    create_tables(driver, prefix, tables)
    return DynamoEngine(Tabled(driver, prefix, tables), tables, prefix=prefix)


class Lent:
    """A driver to tables that are wiped and lent again when it is closed: making thirty tables takes longer than most tests."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.prefix = f"t{os.getpid()}-{next(_numbers)}-"
        self._tables = {table_name(table, self.prefix): table for table in tables}
        self._driver = BotoDriver(region=REGION, endpoint=needed_endpoint(), answer_seconds=ANSWER_SECONDS_MAX)
        self._written: set[str] = set()
        create_tables(self._driver, self.prefix, tables)
        if os.environ.get(OVERRIDE):  # an engine of our own forgets everything at its end
            atexit.register(delete_tables, self._driver, self.prefix, tables)

    def call(self, action: str, request: Request) -> Answer:
        """The answer of the engine, which writes by transactions alone."""
        if action == "TransactWriteItems":
            self._written.update(change["TableName"] for item in request["TransactItems"] for change in item.values())
        return self._driver.call(action, request)

    def close(self) -> None:
        """The tables are empty, and whoever wants such ones next has them."""
        for name in sorted(self._written):
            self._wipe(name)
        self._written.clear()
        _lent[tuple(self._tables.values())].append(self)

    def _wipe(self, name: str) -> None:
        columns = [attribute_name(column) for column in self._tables[name].key]
        names = {f"#{number}": column for number, column in enumerate(columns)}
        request: Request = {
            "TableName": name,
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        while True:
            answer = self._driver.call("Scan", request)
            deletions = [{"Delete": {"TableName": name, "Key": key}} for key in answer["Items"]]
            for start in range(0, len(deletions), ACTIONS_MAX):
                self._driver.call("TransactWriteItems", {"TransactItems": deletions[start : start + ACTIONS_MAX]})
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


_lent: defaultdict[tuple[Table, ...], list[Lent]] = defaultdict(list)
"""Tables that nobody has at the moment."""


def lent_engine(tables: tuple[Table, ...]) -> DynamoEngine:
    """An engine on empty tables, to be closed."""
    tables = (*tables, SEARCH_CHANGES)
    lent = _lent[tables].pop() if _lent[tables] else Lent(tables)
    return DynamoEngine(lent, tables, prefix=lent.prefix)


@asynccontextmanager
async def dynamo_store(folder: Path, tables: tuple[Table, ...]) -> AsyncIterator[Store]:
    """A store on empty tables, which nobody else has until it is over; `folder` stays empty."""
    del folder
    store = CoalescedStore(await asyncio.to_thread(lent_engine, tables))
    try:
        yield store
    finally:
        await store.close()
