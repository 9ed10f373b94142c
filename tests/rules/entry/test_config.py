"""Settings: where each is from, which values they take, and that all wrong ones are named at once."""

from pathlib import Path

import pytest

from ticketing.entry.config import BY_NAME, SETTINGS, Config, ConfigWrong, read_config, shown, survey, without_password

SECRET = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"


def problems(environment: dict[str, str], folder: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigWrong) as wrong:
        read_config(environment, folder=folder)
    return wrong.value.problems


def config(folder: Path, **environment: str) -> Config:
    return read_config({f"TICKET_{name.upper()}": value for name, value in environment.items()}, folder=folder)


def test_without_anything_set_every_setting_has_its_default(tmp_path: Path) -> None:
    read = config(tmp_path)

    assert set(read.sources.values()) == {"default"}
    assert (read.database, read.base_url, read.hosts) == (Path("var/ticket.db"), "http://127.0.0.1:8000", frozenset())
    assert not read.switch("test_mode")


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "ticket.toml").write_text('host = "10.0.0.1"\nport = 1111\nhold_seconds = 60\ntest_mode = true\n')

    read = read_config({"TICKET_PORT": "2222", "TICKET_HOST": "10.0.0.2"}, folder=tmp_path, given={"port": "3333"})

    assert [(read.values[name], read.sources[name]) for name in ("port", "host", "hold_seconds", "test_mode")] == [
        (3333, "command line"),
        ("10.0.0.2", "TICKET_HOST"),
        (60, "ticket.toml"),
        (True, "ticket.toml"),
    ]


def test_the_file_may_lie_anywhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("port = 4444\n")

    read = config(tmp_path, config=str(tmp_path / "elsewhere.toml"))

    assert (read.number("port"), read.sources["port"]) == (4444, "elsewhere.toml")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    (problem,) = problems({"TICKET_CONFIG": "gone.toml"}, tmp_path)

    assert "gone.toml cannot be read" in problem


def test_a_file_that_is_no_toml_is_named_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "ticket.toml").write_text("port = = 1\n")

    (problem,) = problems({}, tmp_path)

    assert problem.startswith("ticket.toml is not TOML")
    assert "line 1" in problem


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "ticket.toml").write_text('holdseconds = 5\nworkers = 1.5\nlog_level = "loud"\n')

    found = problems({"TICKET_PORT": "70000", "TICKET_TEST_MODE": "maybe"}, tmp_path)

    assert found == (
        "ticket.toml: there is no setting holdseconds (did you mean hold_seconds?).",
        "TICKET_PORT must be a whole number from 1 to 65535 (it is '70000').",
        "TICKET_TEST_MODE must be on or off (it is 'maybe').",
        "ticket.toml: workers must be a text, a whole number, true or false (it is 1.5).",
        "ticket.toml: log_level must be one of debug, info, warning, error (it is 'loud').",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "two words"),
        ("port", "0"),
        ("port", "+80"),
        ("port", "٨٠"),
        ("database_url", "sqlite://var/ticket.db"),
        ("database_url", "sqlite:///"),
        ("database_url", "sqlite:///:memory:"),
        ("database_url", "sqlite:///var/ticket.db?mode=ro"),
        ("database_url", "mysql://host/db"),
        ("base_url", "tickets.example"),
        ("base_url", "https://tickets.example/shop"),
        ("base_url", "https://user:password@tickets.example"),
        ("base_url", "https://tickets.example:port"),
        ("root_path", "dev"),
        ("root_path", "/dev/"),
        ("admin_email", "admin"),
        ("admin_password", "short"),
        ("secret", "short"),
        ("secret", "a" * 40),
        ("hold_seconds", "0"),
        ("hold_seconds", "86401"),
        ("organizer_signup", "Open"),
        ("workers", "65"),
        ("smtp_url", "mail.example"),
        ("log_format", "xml"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_refused(tmp_path: Path, name: str, value: str) -> None:
    (problem,) = problems({f"TICKET_{name.upper()}": value}, tmp_path)

    assert problem.startswith(f"TICKET_{name.upper()} must")


@pytest.mark.parametrize(
    ("url", "shown_as"),
    [
        ("postgresql://ada:hunter22@db:5433/ticket", "postgresql://ada:***@db:5433/ticket"),
        ("postgres://db/ticket?password=hunter22", "postgres://db/ticket?password=***"),
        ("postgresql:///ticket?host=/run/postgresql", "postgresql:///ticket?host=/run/postgresql"),
        ("postgresql://ada:hunter22@cret@db/ticket", "postgresql://ada:***@db/ticket"),
        ("dynamodb://eu-central-1?prefix=ticket", "dynamodb://eu-central-1?prefix=ticket"),
        ("dynamodb://eu-central-1/ticket", "dynamodb://eu-central-1/ticket"),
    ],
)
def test_a_store_may_be_a_server_whose_password_is_never_shown(tmp_path: Path, url: str, shown_as: str) -> None:
    read = config(tmp_path, database_url=url)

    assert read.database_file is None
    assert read.database_shown == shown_as == shown(read, BY_NAME["database_url"])


@pytest.mark.parametrize(
    "url", ["postgresql://ada:hunter22@db:99999/ticket", "postgresql://ada:hunter22@db", "dynamodb://"]
)
def test_a_server_that_cannot_be_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    (problem,) = problems({"TICKET_DATABASE_URL": url}, tmp_path)

    assert problem.startswith("TICKET_DATABASE_URL must be ")
    assert "hunter22" not in problem


def test_relative_and_absolute_files_are_told_apart(tmp_path: Path) -> None:
    assert config(tmp_path, database_url="sqlite:///data/t.db").database == Path("data/t.db")
    assert config(tmp_path, database_url="sqlite:////srv/t.db").database == Path("/srv/t.db")


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    assert config(tmp_path, port="").number("port") == 8000


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "http://localhost:8000"), ("::", "http://localhost:8000"), ("::1", "http://[::1]:8000")],
)
def test_links_go_to_an_address_that_can_be_followed(tmp_path: Path, host: str, address: str) -> None:
    assert config(tmp_path, host=host).base_url == address


def test_hosts_are_held_to_the_base_url_once_that_is_set(tmp_path: Path) -> None:
    read = config(tmp_path, base_url="https://Tickets.Example:8443/")

    assert (read.base_url, read.hosts) == ("https://Tickets.Example:8443", frozenset({"tickets.example"}))


def test_a_variable_that_means_nothing_is_noted(tmp_path: Path) -> None:
    assert config(tmp_path, hold_second="5").notes == (
        "TICKET_HOLD_SECOND is set, but there is no such setting (did you mean TICKET_HOLD_SECONDS?).",
    )


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    secrets = {
        "secret": SECRET,
        "admin_password": "a password of mine",
        "smtp_url": "smtp://ada:hunter22@mail.example:587",
    }
    read = config(tmp_path, **secrets)

    listed = [shown(read, setting) for setting in SETTINGS]

    assert listed.count("(set, not shown)") == 3
    assert not any(secret in line for secret in secrets.values() for line in listed)


@pytest.mark.parametrize("name", ["secret", "admin_password", "smtp_url"])
def test_a_wrong_secret_is_not_told_either(tmp_path: Path, name: str) -> None:
    (problem,) = problems({f"TICKET_{name.upper()}": "hunt"}, tmp_path)

    assert "hunt" not in problem


def test_actions_get_what_was_set(tmp_path: Path) -> None:
    settings = config(
        tmp_path, hold_seconds="60", organizer_signup="closed", rate_limits="off", test_mode="on", root_path="/dev"
    ).settings()

    assert (settings.hold_seconds, settings.organizer_signup, settings.rate_limits, settings.test_mode) == (
        60,
        "closed",
        False,
        True,
    )
    assert settings.root_path == "/dev"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("sqlite:////srv/ticket.db", "sqlite:////srv/ticket.db"),
        ("postgresql://ada:hunt:er22@db:5432/ticket", "postgresql://ada:***@db:5432/ticket"),
        ("postgresql://:hunter22@db/ticket", "postgresql://:***@db/ticket"),
        ("postgresql://ada@db/ticket?sslmode=require", "postgresql://ada@db/ticket?sslmode=require"),
        ("postgresql://db/t?user=ada&password=hunter22&x=1", "postgresql://db/t?user=ada&password=***&x=1"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, seen: str) -> None:
    assert without_password(url) == seen


def test_a_survey_has_what_can_be_read_beside_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "ticket.toml").write_text("workers = 0\nhold_seconds = 60\n")

    found = survey({"TICKET_PORT": "no"}, folder=tmp_path)

    assert (found.wrong, len(found.problems)) == (frozenset({"port", "workers"}), 2)
    assert (found.config.number("hold_seconds"), found.config.number("port")) == (60, 8000)
    assert (found.config.sources["workers"], found.file) == ("ticket.toml", tmp_path / "ticket.toml")
