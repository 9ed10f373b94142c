"""Servers for measurements: ready when they say so, gone when they should be, and what they use is read whole."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.serve import HOST, ServerNotReady, free_port, machine_cpu_seconds, serving, start, usage_of, uvicorn_command

ECHO = uvicorn_command("bench.echo:app")
DEADLINE_SECONDS = 20.0
_TELL_ID = "import sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"

# Answers its health path with `status`, and tells the id of a child that sleeps.
SMALL_SERVER = """
import http.server, pathlib, signal, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
pathlib.Path(sys.argv[3]).write_text(str(child.pid))
if sys.argv[2] == "polite":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def small_server(manners: str, child: Path) -> list[str]:
    return [sys.executable, "-c", SMALL_SERVER, "{port}", manners, str(child)]


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_a_server_answers_inside_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    with serving(ECHO, stderr_path=tmp_path / "stderr") as server:
        assert accepts(server.port)

    assert not accepts(server.port)
    assert not is_running(server.pid)


def test_a_server_is_gone_when_the_block_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="in between"),
        serving(ECHO, stderr_path=tmp_path / "stderr") as server,
    ):
        raise RuntimeError("in between")

    assert not is_running(server.pid)


def test_a_server_asked_to_stop_ends_by_itself_and_may_be_asked_again(tmp_path: Path) -> None:
    server = start(small_server("polite", tmp_path / "child"), stderr_path=tmp_path / "stderr")

    assert server.stop() == 0
    assert server.stop() == 0


def test_a_server_that_does_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    server = start(small_server("stubborn", tmp_path / "child"), stderr_path=tmp_path / "stderr")
    child = int((tmp_path / "child").read_text())

    assert server.stop(seconds_max=0.05) == -9
    assert eventually(lambda: not is_running(child))


def test_a_killed_server_takes_its_children_with_it(tmp_path: Path) -> None:
    server = start(small_server("polite", tmp_path / "child"), stderr_path=tmp_path / "stderr")
    child = int((tmp_path / "child").read_text())
    assert is_running(child)

    server.kill()

    assert not is_running(server.pid)
    assert eventually(lambda: not is_running(child))


def test_a_killed_server_can_be_started_again_at_the_same_port(tmp_path: Path) -> None:
    first = start(ECHO, stderr_path=tmp_path / "stderr")
    first.kill()

    second = start(ECHO, stderr_path=tmp_path / "stderr", port=first.port)

    try:
        assert second.port == first.port
    finally:
        second.stop()


def test_a_command_that_ends_is_not_waited_for_and_its_words_are_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such database')"]

    with pytest.raises(ServerNotReady, match="code 1 before it was ready:\nno such database"):
        start(command, stderr_path=tmp_path / "stderr")


def test_a_server_that_is_never_ready_is_given_up_and_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import os, pathlib, time; {_TELL_ID} time.sleep(600)", str(tmp_path / "id")]

    with pytest.raises(ServerNotReady, match="was not ready after"):
        start(command, stderr_path=tmp_path / "stderr", ready_seconds_max=1.0)

    assert not is_running(int((tmp_path / "id").read_text()))


def test_a_server_runs_on_the_cores_it_is_given(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    server = start(ECHO, stderr_path=tmp_path / "stderr", cores=frozenset({core}))

    try:
        assert os.sched_getaffinity(server.pid) == {core}
    finally:
        server.stop()


def test_what_a_child_uses_counts_as_its_servers(tmp_path: Path) -> None:
    server = start(small_server("polite", tmp_path / "child"), stderr_path=tmp_path / "stderr")
    child = int((tmp_path / "child").read_text())

    try:
        of_the_child = usage_of(child).resident_bytes
        with_it = server.usage().resident_bytes
        os.kill(child, signal.SIGKILL)
        assert eventually(lambda: not is_running(child))
        assert with_it - server.usage().resident_bytes >= of_the_child > 0
    finally:
        server.stop()


def test_processor_time_that_was_used_is_told() -> None:
    before, machine_before = usage_of(os.getpid()).cpu_seconds, machine_cpu_seconds()

    used_until = time.process_time() + 0.1
    while time.process_time() < used_until:
        pass

    assert usage_of(os.getpid()).cpu_seconds - before >= 0.08
    assert machine_cpu_seconds() > machine_before


def test_a_process_that_is_gone_has_used_nothing(tmp_path: Path) -> None:
    server = start(ECHO, stderr_path=tmp_path / "stderr")
    server.stop()

    assert usage_of(server.pid).resident_bytes == 0


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, free_port()))
