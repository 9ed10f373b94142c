"""`ticket bench`: the measurements of the repository, where it is there."""

import subprocess
import sys
from pathlib import Path

import click

from ticketing.entry.cli.common import fail


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure, as `make bench` does. What follows is handed on: `ticket bench --help` lists it."""
    if not (Path.cwd() / "bench" / "__main__.py").exists():
        fail("the measurements are part of the repository, not of the package. In a clone of it: make bench")
    sys.exit(subprocess.run([sys.executable, "-m", "bench", *context.args], check=False).returncode)  # noqa: S603
