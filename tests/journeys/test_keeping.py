"""Backup, restore, examination and migration from the command line, also while sales go on."""

import json
import stat
import threading
from pathlib import Path

import apsw
import pytest

from tests.support.processes import Served, Site, order, site


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return site(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Site:
    return site(tmp_path / "there")


def started(here: Site) -> Site:
    """A site with data, not served."""
    assert here.run("import", "worldcup").returncode == 0
    return here


# backup and restore --------------------------------------------------------------------------------------------------


class Sale:
    """Orders placed one after another in a thread, until it is stopped; what was acknowledged is remembered."""

    def __init__(self, served: Served, offer: dict[str, str]) -> None:
        self.acknowledged: list[tuple[str, str]] = []
        self._served = served
        self._offer = offer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sell)

    def __enter__(self) -> "Sale":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _sell(self) -> None:
        with self._served.client() as client:
            for number in range(100_000):
                placed = order(client, self._offer, buyer=f"buyer{number}").json()
                self.acknowledged.append((placed["order_id"], placed["access_token"]))
                if self._stopping.is_set():
                    return


def test_a_backup_taken_during_a_sale_has_all_that_was_acknowledged_before_and_works_elsewhere(
    here: Site, there: Site
) -> None:
    backup = str(here.folder / "b.ticket")
    with here.served() as served:
        offer = served.on_sale(quantity=100_000)
        with Sale(served, offer) as sale:
            while len(sale.acknowledged) < 20:
                threading.Event().wait(0.01)
            before = list(sale.acknowledged)
            made = here.run("backup", backup, "--json")
    restored = there.run("restore", backup, "--verify")

    assert (made.returncode, json.loads(made.stdout)["with_secret"]) == (0, True)
    assert restored.returncode == 0, restored.stderr
    assert there.run("doctor").returncode == 0
    with there.served() as again:
        for order_id, token in before:
            with again.client(token) as owner:
                assert owner.get(f"/v1/orders/{order_id}").status_code == 200


def test_a_backup_is_its_owners_alone_and_never_written_over(here: Site) -> None:
    started(here)
    first = here.run("backup", "b.ticket")

    second = here.run("backup", "b.ticket")

    assert (first.returncode, second.returncode) == (0, 2)
    assert stat.S_IMODE((here.folder / "b.ticket").stat().st_mode) == 0o600
    assert "never written over" in second.stderr
    assert [path.name for path in here.folder.iterdir() if "partial" in path.name] == []


def test_a_backup_without_the_secret_does_not_have_it(here: Site, there: Site) -> None:
    secret = started(here).database.with_suffix(".secret").read_text().strip()
    here.run("backup", "b.ticket", "--without-secret")

    restored = there.run("restore", str(here.folder / "b.ticket"))

    assert secret.encode() not in (here.folder / "b.ticket").read_bytes()
    assert "The backup has no secret" in restored.stdout
    assert there.run("doctor").returncode == 1


def test_a_restore_never_writes_over_a_database_unasked(here: Site) -> None:
    started(here).run("backup", "b.ticket")
    before = here.database.read_bytes()

    refused = here.run("restore", "b.ticket")

    assert refused.returncode == 2
    assert "--replace" in refused.stderr
    assert here.database.read_bytes() == before


def test_a_replaced_database_is_kept_under_another_name(here: Site) -> None:
    started(here).run("backup", "b.ticket")
    here.run("import", "conferences")

    replaced = json.loads(here.run("restore", "b.ticket", "--replace", "--json").stdout)

    assert count_events(here.database) == 104
    assert count_events(here.folder / replaced["replaced"]) == 104 + 393


def test_a_database_in_use_is_not_replaced(here: Site) -> None:
    started(here).run("backup", "b.ticket")

    with here.served():
        refused = here.run("restore", "b.ticket", "--replace")

    assert refused.returncode == 2
    assert "Stop the server first" in refused.stderr
    assert count_events(here.database) == 104


def test_a_damaged_database_can_be_replaced(here: Site) -> None:
    started(here).run("backup", "b.ticket")
    here.database.write_bytes(b"Dear diary, " * 1000)

    restored = here.run("restore", "b.ticket", "--replace", "--verify")

    assert restored.returncode == 0, restored.stderr
    assert count_events(here.database) == 104


def test_a_damaged_backup_is_found_out_before_it_is_put_in_place(here: Site, there: Site) -> None:
    started(here).run("backup", "b.ticket")
    backup = here.folder / "b.ticket"
    content = bytearray(backup.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xff" * 4096
    backup.write_bytes(content)

    refused = there.run("restore", str(backup), "--verify")

    assert refused.returncode == 2
    assert not there.database.exists()
    assert here.run("doctor", "b.ticket").returncode == 1


def test_a_backup_that_is_whole_but_makes_no_sense_is_found_out_where_that_is_asked(here: Site, there: Site) -> None:
    started(here).run("backup", "b.ticket")
    backup = str(here.folder / "b.ticket")
    connection = apsw.Connection(backup)
    connection.execute("pragma foreign_keys = off; delete from venues")
    connection.close()

    verified = there.run("restore", backup, "--verify")
    was_put_in_place = there.database.exists()

    assert verified.returncode == 2
    assert "names a row of venues that is not there" in verified.stderr
    assert not was_put_in_place
    assert there.run("restore", backup).returncode == 0


@pytest.mark.parametrize("content", [b"", b"Dear diary, " * 1000])
def test_what_is_no_backup_is_refused(there: Site, content: bytes) -> None:
    (there.folder / "notes.txt").write_bytes(content)

    refused = there.run("restore", "notes.txt")

    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert not there.database.exists()


def test_a_backup_of_a_newer_ticket_is_refused(here: Site, there: Site) -> None:
    started(here).run("backup", "b.ticket")
    with apsw.Connection(str(here.folder / "b.ticket")) as connection:
        connection.execute("update alembic_version set version_num = '9001'")

    refused = there.run("restore", str(here.folder / "b.ticket"))

    assert refused.returncode == 2
    assert "newer" in refused.stderr
    assert not there.database.exists()


def count_events(path: Path) -> int:
    connection = apsw.Connection(str(path))
    try:
        return len(connection.execute("select event_id from events").fetchall())
    finally:
        connection.close()


# doctor --------------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_nothing_wrong_with_a_house_at_work(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=3)
        with served.client() as client:
            order(client, offer, buyer="ada")
            found = here.run("doctor", "--json")

    assert (found.returncode, json.loads(found.stdout)["findings"]) == (0, [])


def test_the_doctor_names_a_secret_that_others_can_read(here: Site) -> None:
    started(here).database.with_suffix(".secret").chmod(0o644)

    found = here.run("doctor")

    assert found.returncode == 1
    assert "can be read by others" in found.stdout


def test_the_doctor_names_a_secret_that_is_another_houses(here: Site) -> None:
    secret = started(here).database.with_suffix(".secret")
    secret.write_text("nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o\n")

    found = here.run("doctor")

    assert found.returncode == 1
    assert "not the one with which this data was made" in found.stdout


def test_the_doctor_names_a_mail_server_that_is_gone_but_not_to_who_looks_at_a_backup(here: Site) -> None:
    with here.served():
        pass
    here.run("backup", "b.ticket")
    gone = {"smtp_url": "smtp://127.0.0.1:1"}

    of_the_house, of_the_backup = here.run("doctor", **gone), here.run("doctor", "b.ticket", **gone)

    assert (of_the_house.returncode, of_the_backup.returncode) == (1, 0)
    assert of_the_house.stdout.startswith("mail: 127.0.0.1, port 1: takes no mail")


def test_the_doctor_cannot_look_at_what_is_not_there(here: Site) -> None:
    assert here.run("doctor").returncode == 2


# migrate -------------------------------------------------------------------------------------------------------------


def test_migrating_makes_a_file_and_then_has_nothing_to_do(here: Site) -> None:
    tried, made, again = here.run("migrate", "--dry-run"), here.run("migrate"), here.run("migrate", "--json")

    assert "would go from nothing" in tried.stdout
    assert "went from nothing" in made.stdout
    told = json.loads(again.stdout)
    assert told["before"] == told["after"]


def test_the_sql_of_a_migration_can_be_read(here: Site) -> None:
    printed = here.run("migrate", "--sql")

    connection = apsw.Connection(":memory:")
    connection.execute(printed.stdout)
    assert connection.execute("select count(*) from events").fetchall() == [(0,)]
    assert not here.database.exists()


# the command line ----------------------------------------------------------------------------------------------------


def test_help_is_quick_since_it_imports_no_command(here: Site) -> None:
    listed = here.run("--help")

    assert listed.returncode == 0
    for command in ("serve", "demo", "import", "migrate", "backup", "restore", "doctor", "config", "bench", "version"):
        assert f"  {command} " in listed.stdout
        assert here.run(command, "--help").returncode == 0 or command == "bench"


def test_the_settings_are_listed_for_programs_without_secrets(here: Site) -> None:
    checked = here.run("config", "check", "--json", port="8123", smtp_url="smtp://ada:hunter22@mail.example")
    listed = json.loads(checked.stdout)["settings"]

    assert checked.returncode == 0
    assert (listed["port"]["value"], listed["port"]["source"]) == (8123, "TICKET_PORT")
    assert (listed["admin_password"]["value"], listed["admin_password"]["is_set"]) == (None, True)
    assert "hunter22" not in checked.stdout


def test_wrong_settings_are_listed_with_the_right_ones_and_end_with_1(here: Site) -> None:
    (here.folder / "ticket.toml").write_text("port = 70000\nhold_seconds = 600\n")

    checked = here.run("config", "check", test_mod="on")

    assert checked.returncode == 1
    assert [line.split() for line in checked.stdout.splitlines() if "TICKET_HOLD_SECONDS " in line] == [
        ["TICKET_HOLD_SECONDS", "600", "ticket.toml"]
    ]
    assert "wrong: ticket.toml: port must be a whole number from 1 to 65535" in checked.stdout
    assert "worth a look: TICKET_TEST_MOD is set, but there is no such setting" in checked.stdout
