"""What is deployed names settings that there are: a variable that means nothing would be passed over in silence."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from ticketing.entry.config import FILE_VARIABLE, SETTINGS

ROOT: Final = Path(__file__).parents[2]
KNOWN: Final = {setting.variable for setting in SETTINGS} | {FILE_VARIABLE}
OF_COMPOSE: Final = {"TICKET_VERSION", "TICKET_PUBLISH"}
"""Which image Compose takes, and where it publishes the port: read by Compose, and never handed to Ticket."""


def files() -> list[str]:
    """Everything that is deployed, and the pages that say how."""
    listed = subprocess.run(
        ["git", "ls-files", "deploy", "compose*.yaml", "Dockerfile", "docs/*.md", "README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in listed.stdout.split() if "TICKET_" in (ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", files())
def test_every_variable_that_is_named_is_a_setting(name: str) -> None:
    named = set(re.findall(r"\bTICKET_[A-Z][A-Z_]*[A-Z]\b", (ROOT / name).read_text(encoding="utf-8")))

    unknown = named - KNOWN - (OF_COMPOSE if name.startswith("compose") else set())

    assert unknown == set()
