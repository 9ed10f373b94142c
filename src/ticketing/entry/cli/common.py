"""What commands share: reading the settings, failing with a sentence, and showing progress."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import click

from ticketing.entry.config import Config, ConfigWrong, Value, read_config
from ticketing.entry.logs import set_up_logs

FOUND: Final = 1
"""The exit code of a command that looked and found something wrong."""
FAILED: Final = 2
"""The exit code of a command that could not do what it was asked."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def fail(*sentences: str) -> NoReturn:
    """The command ends with these sentences on standard error."""
    for sentence in sentences:
        click.echo(f"ticket: {sentence}", err=True)
    sys.exit(FAILED)


def configured(*, given: Mapping[str, str] | None = None, defaults: Mapping[str, Value] | None = None) -> Config:
    """The settings. Ends the command with every one that is wrong. What is logged goes to standard error, beside what is printed."""
    try:
        config = read_config(os.environ, folder=Path.cwd(), given=given, defaults=defaults)
    except ConfigWrong as wrong:
        fail(*wrong.problems)
    for note in config.notes:
        click.echo(f"ticket: {note}", err=True)
    set_up_logs(log_format=config.text("log_format"), level="warning")
    return config


def as_json(content: Any) -> None:
    """The content on standard output, for programs."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A bar on a terminal, a line now and then elsewhere, nothing where `quiet`. All of it on standard error."""
    if quiet:
        yield lambda _done, _all: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, everything: bar.update(task, completed=done, total=everything)
    else:
        yield _Lines(what)


class _Lines:
    """A line at each quarter."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._quarter = 0

    def __call__(self, done: int, everything: int) -> None:
        quarter = 4 if everything == 0 else done * 4 // everything
        if quarter > self._quarter:
            self._quarter = quarter
            click.echo(f"{self._what}: {done} of {everything}", err=True)
