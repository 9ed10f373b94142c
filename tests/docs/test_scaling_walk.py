"""The walk of docs/scaling.md, from one file to several servers on PostgreSQL, works as it is printed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from bench.serve import free_port, start
from tests.support.houses import NOON, make_house, sign_up
from tests.support.postgres import administer, binaries, drop_database, in_own_loop, new_database, shared_url
from ticketing.base.search import SearchWish
from ticketing.storage.opening import open_any

PAGE: Final = Path(__file__).parents[2] / "docs" / "scaling.md"
BLOCK: Final = re.compile(r"^```(sh|sql|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
END: Final = "## Connections"
DONE: Final = "this step is done"


@dataclass(frozen=True, slots=True)
class Step:
    """A block of the page, and what stands below it that it prints."""

    kind: str
    lines: str
    printed: str


def steps() -> list[Step]:
    """The blocks of the walk, in order."""
    text = PAGE.read_text(encoding="utf-8").partition(END)[0]
    blocks = [(found[1], found[2]) for found in BLOCK.finditer(text)]
    return [
        Step(kind, lines, below if kind_below == "text" else "")
        for (kind, lines), (kind_below, below) in pairwise([*blocks, ("", "")])
        if kind != "text"
    ]


@dataclass(frozen=True, slots=True)
class Here:
    """Where the walk is walked: what has a name on the page that others may have taken has another one here."""

    folder: Path
    names: dict[str, str]

    def mine(self, lines: str) -> str:
        """The page's lines as they have to be here."""
        for theirs, ours in self.names.items():
            lines = lines.replace(theirs, ours)
        return lines


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    server = urlsplit(shared_url())
    name = f"ticket_walk_{os.getpid()}"
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    names = {
        ":8000": f":{free_port()}",
        "8001": str(free_port()),
        "127.0.0.1:5432/ticket": f"127.0.0.1:{server.port}/{name}",
        "//ticket:": f"//{name}:",
        "role ticket ": f"role {name} ",
        "database ticket ": f"database {name} ",
        "owner ticket ": f"owner {name} ",
        "--port 5432": f"--port {server.port}",
        "--username ticket": f"--username {name}",
        "ticket.dump ticket": f"ticket.dump {name}",
        "public orders ticket": f"public orders {name}",
    }
    try:
        yield Here(tmp_path, names)
    finally:
        gone = (f"drop database if exists {name} with (force)", f"drop role if exists {name}")
        in_own_loop(administer(shared_url(), *gone))


@pytest.mark.slow
def test_the_walk_leads_from_one_file_to_several_servers_on_postgresql_and_loses_nothing(here: Here) -> None:
    port = here.names[":8000"].strip(":")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TICKET_", "PG"))}
    environment |= {"TICKET_PORT": port, "PATH": f"{binaries()}:{environment['PATH']}"}
    demo = start(
        [str(Path(sys.executable).with_name("ticket")), "demo"],
        stderr_path=here.folder / "demo.log",
        environment=environment,
        folder=here.folder,
        port=int(port),
        ready_seconds_max=120,
    )
    complaints = here.folder / "stderr"
    with complaints.open("w") as stderr:
        shell = subprocess.Popen(
            ["bash", "-u"],
            cwd=here.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    try:
        for step in steps():
            if step.kind == "sql":
                demo.stop()  # as the page says before it
                statements = [here.mine(line).rstrip(";") for line in step.lines.splitlines()]
                in_own_loop(administer(shared_url(), *statements))
            else:
                printed = said(shell, here.mine(step.lines))
                assert is_as_told(printed, here.mine(step.printed)), (step.lines, printed, complaints.read_text())
    finally:
        demo.stop()
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)  # with every server that it started
        shell.communicate()


def said(shell: "subprocess.Popen[str]", lines: str) -> str:
    """What the shell prints when these lines are pasted into it."""
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.write(f"{lines}\necho '{DONE}'\n")
    shell.stdin.flush()
    printed = ""
    for line in shell.stdout:
        if line == f"{DONE}\n":
            break
        printed += line
    return printed


def is_as_told(printed: str, told: str) -> bool:
    """Whether it is what the page prints, where `…` stands for anything on a line."""
    pattern = "[^\n]*".join(map(re.escape, told.split("…")))
    return re.fullmatch(pattern, printed) is not None


async def test_a_role_with_the_rights_of_the_page_serves_and_makes_no_tables() -> None:
    """The block below *Rights*: statements for the database `ticket` as its owner's superuser runs them."""
    (block,) = re.findall(
        r"^## Rights$.*?^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    owner, role = f"ticket_owner_{os.getpid()}", f"ticket_serves_{os.getpid()}"
    url = new_database()
    database = urlsplit(url).path.strip("/")
    names = {
        "ticket_serves": role,
        "database ticket ": f"database {database} ",
        "for role ticket ": f"for role {owner} ",
    }
    mine = Here(Path(), names).mine(block)
    before, inside = ([line.rstrip(";") for line in part.splitlines()] for part in mine.split("\\connect ticket\n"))
    as_owner, as_role = (url.replace("//postgres@", f"//{name}@") for name in (owner, role))
    try:
        made = (f"create role {owner} login", f"alter database {database} owner to {owner}")
        await administer(url, *made, database=database)
        await open_any(as_owner).store.close()
        await administer(url, *before)
        await administer(url, *inside, database=database)

        opened = open_any(as_role)
        await sign_up(make_house(opened.store), "ada")
        found = await opened.search.search(SearchWish(now=NOON), limit=1)
        await opened.store.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await administer(as_role, "create table more (x int)", database=database)
        assert found.event_ids == ()
    finally:
        drop_database(url)
        await administer(url, f"drop role if exists {role}", f"drop role if exists {owner}")
