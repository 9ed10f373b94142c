"""What several workers go by: how long one that died is not started again, and the socket that they share."""

import os
from pathlib import Path

import pytest

from bench.serve import free_port
from ticketing.entry.config import read_config
from ticketing.entry.server import listen
from ticketing.entry.supervisor import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, STEADY_SECONDS, pause_before_start


@pytest.mark.parametrize(
    ("lived", "last", "pause"),
    [
        (STEADY_SECONDS, 0.0, 0.0),
        (3600.0, 16.0, 0.0),
        (0.1, 0.0, PAUSE_SECONDS_MIN),
        (0.1, PAUSE_SECONDS_MIN, 1.0),
        (0.1, 4.0, 8.0),
        (0.1, 16.0, PAUSE_SECONDS_MAX),
        (0.1, PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX),
    ],
)
def test_who_dies_at_once_waits_twice_as_long_each_time_and_who_lived_does_not(
    lived: float, last: float, pause: float
) -> None:
    assert pause_before_start(lived_seconds=lived, last_pause=last) == pause


def test_a_duplicate_of_the_listening_socket_never_waits_and_neither_do_the_others(tmp_path: Path) -> None:
    """They share this state: a worker that starts would stop those that serve, in `accept`, until the next client came."""
    config = read_config({"TICKET_PORT": str(free_port())}, folder=tmp_path)

    with listen(config) as listening, listening.dup() as duplicate:
        assert (os.get_blocking(listening.fileno()), os.get_blocking(duplicate.fileno())) == (False, False)
