"""`ticket health`: what the health check of a container asks, of a real server."""

from pathlib import Path

from tests.support.processes import site


def test_a_server_that_can_sell_is_well_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    here = site(tmp_path / "here")

    with here.served() as served:
        port = str(served.server.port)
        ready, live = here.run("health", port=port), here.run("health", "--live", port=port, host="0.0.0.0")
    gone = here.run("health", port=port)

    assert (ready.returncode, ready.stdout.strip()) == (0, '{"status":"ready","wrong":[]}')
    assert (live.returncode, live.stdout.strip()) == (0, '{"status":"live"}')
    assert gone.returncode == 1
    assert "nothing answers" in gone.stderr
