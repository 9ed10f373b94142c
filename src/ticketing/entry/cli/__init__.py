"""The command line. Each command lies in a module of its own, which is imported when it is called, so that `--help` is quick."""

from importlib import import_module
from typing import Final

import click

from ticketing import __version__

COMMANDS: Final = {
    "serve": ("serving:serve", "Serve the API."),
    "demo": ("serving:demo", "Serve with real events loaded, in test mode."),
    "import": ("importing:import_events", "Load events from a file or a public source."),
    "migrate": ("keeping:migrate", "Bring the database to this version, with a backup first."),
    "backup": ("keeping:backup", "Copy data and secret into one file, while the server runs."),
    "restore": ("keeping:restore", "Put a backup in place."),
    "copy": ("copying:copy", "Copy all data into another store of any kind."),
    "doctor": ("keeping:doctor", "Look the data over and name what is wrong."),
    "health": ("health:health", "Ask the running server whether it can sell."),
    "config": ("settings:config", "Show the settings and where each is from."),
    "bench": ("measuring:bench", "Measure (needs the repository)."),
    "version": ("settings:version", "Say which version this is."),
}
"""Of each command: where it lies, and what stands in the list of commands."""


class _Lazy(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ticket", message="%(prog)s %(version)s")
def main() -> None:
    """Ticket sells tickets to events.

    Settings come from the environment (TICKET_…) or from ticket.toml: `ticket config check` shows them.
    """
