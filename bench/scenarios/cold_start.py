"""Cold start: how long a new environment of Lambda takes to its first answer, and how large it is then."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import provenance
from bench.serve import REPOSITORY

NAME = "cold_start"
TITLE = "A new environment of Lambda, up to its first answer"
STARTS_PER_ROUND = 5
SECONDS_AIM = 1.0
BYTES_AIM = 200 * 2**20
PACKAGE_AIM = 250 * 2**20  # Lambda takes no more.
MIB = 2**20
PACKAGE = REPOSITORY / "var" / "bench" / "aws"
STEPS = ("interpreter", "imports", "client of DynamoDB", "application", "first answer")
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}

_PROGRAM = """
import time
laps = [(time.perf_counter(), time.process_time())]
import json, resource, sys
sys.path.insert(0, sys.argv[1])

def lap():
    laps.append((time.perf_counter(), time.process_time()))

from ticketing.entry import lambda_http
from ticketing.entry.aws import Invocations
lap()
from ticketing.storage.opening import open_any
opened = open_any("dynamodb://eu-central-1/bench-?endpoint=http://127.0.0.1:9&tables=given")
lap()
from ticketing.base.house import House, Keys, Settings
from ticketing.gateways.clock import SystemClock, SystemEntropy
settings = Settings(root_path="/dev", rate_limits=False)
house = House(opened.store, opened.search, SystemClock(), SystemEntropy(), Keys(b"k" * 32), settings)
handler = lambda_http.HttpHandler(lambda_http.build_app(house), Invocations(), root_path="/dev")
lap()

class Context:
    def get_remaining_time_in_millis(self):
        return 29_000

http = {"method": "GET", "path": "/dev/health/live", "sourceIp": "203.0.113.7"}
event = {"version": "2.0", "rawPath": "/dev/health/live", "headers": {}, "requestContext": {"http": http, "stage": "dev"}}
reply = handler(event, Context())
lap()
usage = resource.getrusage(resource.RUSAGE_SELF)
# Not usage.ru_maxrss, which a process inherits from the larger one that started it.
highest = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({
    "status": reply["statusCode"],
    "laps": [[after - before for before, after in zip(*both)] for both in zip(laps, laps[1:])],
    "waited": int(open("/proc/self/schedstat").read().split()[1]) / 1e9,
    "cpu": usage.ru_utime + usage.ru_stime,
    "bytes": highest * 1024,
}))
"""


def run(options: Options) -> Outcome:
    """The package was built for this machine, and started again and again in fresh processes."""
    function = build_package()
    starts = []
    for number in range(STARTS_PER_ROUND * options.rounds):
        started = start_once(function)
        starts.append(started)
        say(NAME, f"start {number + 1}: {started.seconds:.2f} s, {started.resident_bytes / MIB:.0f} MiB")
    package_bytes = sum(path.stat().st_size for path in function.rglob("*") if path.is_file())
    return outcome_of(
        starts[1:], package_bytes=package_bytes, command=options.command
    )  # the first one brought the files from the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start: seconds of each step and of the processor in it, and bytes at their highest.

    `waited_seconds` is what it was ready to run and others had the processor (Linux counts that of each process).
    """

    steps: tuple[float, ...]
    cpu_steps: tuple[float, ...]
    cpu_seconds: float
    waited_seconds: float
    resident_bytes: int

    @property
    def seconds(self) -> float:
        """From the start of the process to the answer."""
        return sum(self.steps)

    @property
    def own_seconds(self) -> float:
        """The same without what it waited for a processor."""
        return self.seconds - self.waited_seconds


def build_package() -> Path:
    """What would go to Lambda is in this folder, for the Python of this process, compiled."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = [str(REPOSITORY / "deploy" / "aws" / "build"), MACHINES[platform.machine()], version, str(PACKAGE)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return PACKAGE / "function"


def start_once(function: Path) -> Start:
    """A fresh process answered once, with nothing but the package."""
    answered = _run(_PROGRAM, str(function))
    empty = _run("import time; print(time.process_time())")
    values = json.loads(answered)
    assert values["status"] == 200, values
    wall, cpu = zip(*values["laps"], strict=True)
    return Start(
        steps=(float(empty), *wall),
        cpu_steps=(float(empty), *cpu),
        cpu_seconds=values["cpu"],
        waited_seconds=values["waited"],
        resident_bytes=values["bytes"],
    )


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def outcome_of(starts: Sequence[Start], *, package_bytes: int, command: str) -> Outcome:
    """What these starts say."""
    seconds = statistics.median(start.seconds for start in starts)
    own = statistics.median(start.own_seconds for start in starts)
    waited = statistics.median(start.waited_seconds for start in starts)
    cpu = statistics.median(start.cpu_seconds for start in starts)
    resident = max(start.resident_bytes for start in starts)
    cpu_steps = [statistics.median(start.cpu_steps[step] for start in starts) for step in range(len(STEPS))]
    steps = [statistics.median(start.steps[step] for start in starts) for step in range(len(STEPS))]
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=provenance(command=command),
        figures=(
            Figure(
                what="from the start of the process to the first answer on a processor of its own, median",
                value=f"{own:.2f} s",
                aim=f"under {SECONDS_AIM:.0f} s",
                met=own < SECONDS_AIM,
            ),
            Figure(what="by the clock, median", value=f"{seconds:.2f} s"),
            Figure(what="of that, ready to run while others had the processor", value=f"{waited:.2f} s"),
            Figure(what="the longest, by the clock", value=f"{max(start.seconds for start in starts):.2f} s"),
            Figure(what="processor time, median", value=f"{cpu:.2f} s"),
            Figure(
                what="memory at its highest",
                value=f"{resident / MIB:.0f} MiB",
                aim=f"under {BYTES_AIM / MIB:.0f} MiB",
                met=resident < BYTES_AIM,
            ),
            Figure(
                what="the package, unpacked",
                value=f"{package_bytes / MIB:.0f} MiB",
                aim=f"under {PACKAGE_AIM / MIB:.0f} MiB",
                met=package_bytes < PACKAGE_AIM,
            ),
        ),
        tables=(
            Table(
                columns=("step", "ms by the clock, median", "ms of the processor, median"),
                rows=tuple(
                    (name, f"{1000 * step:.0f}", f"{1000 * cpu_step:.0f}")
                    for name, step, cpu_step in zip(STEPS, steps, cpu_steps, strict=True)
                ),
            ),
        ),
        remarks=(
            f"{len(starts)} fresh processes with nothing but the package, its files in the page cache. What Lambda adds is not in it: it "
            "brings the package to the machine and starts the process; nor are the two answers of DynamoDB that a start waits for (the "
            "fingerprint of the secret, and whether there has been an admin). Lambda gives a start a processor of its own (at 1769 MB); "
            "where other work shares the machine, the clock shows that work too.",
        ),
        values={
            "seconds": seconds,
            "own_seconds": own,
            "waited_seconds": waited,
            "cpu_seconds": cpu,
            "resident_bytes": resident,
            "package_bytes": package_bytes,
            **{f"{name} seconds": step for name, step in zip(STEPS, steps, strict=True)},
        },
    )
