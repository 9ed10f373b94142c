"""docs/settings.md and the code say the same, and every command is in docs/operating.md."""

from pathlib import Path

from ticketing.entry.cli import COMMANDS
from ticketing.entry.config import SETTINGS, Setting

DOCS = Path(__file__).parents[2] / "docs"


def row(setting: Setting) -> str:
    """The line of the table that a setting has to have."""
    default = setting.shown_default
    if not default:
        value = setting.default
        default = f"`{('on' if value else 'off') if isinstance(value, bool) else value}`"
    return f"| `{setting.variable}` | {default} | {setting.meaning} |"


def test_the_page_of_settings_lists_what_the_code_reads() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8").splitlines()

    listed = [line for line in page if line.startswith("| `TICKET_")]

    assert listed == [row(setting) for setting in SETTINGS]


def test_every_command_is_explained() -> None:
    page = (DOCS / "operating.md").read_text(encoding="utf-8")

    assert [name for name in COMMANDS if f"`ticket {name}" not in page] == []
