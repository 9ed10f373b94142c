"""`ticket bench`: the measurements of the repository, where it is there."""

import importlib.util
import subprocess
import sys

import click

from ticketing.entry.cli.common import fail


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure, as `make bench` does. What follows is handed on: `ticket bench --help` lists it."""
    if importlib.util.find_spec("bench") is None and not _beside():
        fail("the measurements are part of the repository, not of the package. In a clone of it: make bench")
    sys.exit(subprocess.run([sys.executable, "-m", "bench", *context.args], check=False).returncode)  # noqa: S603


def _beside() -> bool:
    from pathlib import Path

    return (Path.cwd() / "bench" / "__init__.py").exists()
