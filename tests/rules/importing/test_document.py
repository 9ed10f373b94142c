"""docs/importing.md: its table has every column of the reader, and its example reads as printed."""

import re
from pathlib import Path

from ticketing.importing.events_csv import COLUMNS, read_events_csv

DOCUMENT = (Path(__file__).parents[3] / "docs" / "importing.md").read_text(encoding="utf-8")


def test_the_table_has_every_column_once() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)

    assert sorted(documented) == sorted(COLUMNS)


def test_the_example_reads_without_a_mistake() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", DOCUMENT, re.DOTALL)

    found = read_events_csv(example.encode())

    assert found.mistakes == ()
    assert [(event.event_name, len(event.ticket_types)) for event in found.events] == [
        ("New Year’s Eve, with fireworks", 2),
        ("Keeping bees in the city", 1),
    ]
