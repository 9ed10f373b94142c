"""The README's walk works as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.serve import free_port, start

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_walk_of_the_readme_finds_orders_pays_and_enters_once(tmp_path: Path) -> None:
    walk = re.search(r"```sh\n(json\(\).*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert walk is not None
    port = free_port()
    server = start(
        [str(Path(sys.executable).with_name("ticket")), "demo"],
        stderr_path=tmp_path / "stderr",
        environment={**os.environ, "TICKET_PORT": str(port)},
        folder=tmp_path,
        port=port,
        ready_seconds_max=60,
    )
    try:
        walked = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", walk[1].replace(":8000", f":{port}")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.stop()

    assert (walked.stdout.split(), walked.returncode) == (["pending", "completed", "admitted", "already_in"], 0), (
        walked.stderr
    )
