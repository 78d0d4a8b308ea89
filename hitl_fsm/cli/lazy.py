"""A Typer group that imports a command when it is used, and takes the global options before or after its name."""

from __future__ import annotations

import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command

from hitl_fsm.cli.commands import COMMANDS, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOBALS_HINT = "--app, --store, --format, --no-color, -q and -v go before or after the command: see `hitl-fsm --help`."


def plain_app(**options: Any) -> typer.Typer:
    """A Typer object in this program's manner: plain help, no completion options of its own, errors left to `main`."""
    return typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True, **options
    )


class SharedOptions(TyperGroup):
    """Its commands accept the root's options too, unless they have one of the same name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command with the shared options added; None when there is no such command."""
        command = super().get_command(ctx, cmd_name)
        return None if command is None else share_options(ctx, command)


def share_options(ctx: Any, command: Any) -> Any:
    """Let `command` take the root's options; their callbacks keep the values, the function never sees them."""
    own = {name for parameter in command.params for name in parameter.opts}
    for parameter in ctx.find_root().command.params:
        if parameter.is_eager or own.intersection(parameter.opts):
            continue
        shared = copy.copy(parameter)
        shared.hidden = True
        shared.expose_value = False
        command.params.append(shared)
    command.epilog = command.epilog or GLOBALS_HINT
    return command


class LazyGroup(SharedOptions):
    """The root: knows its commands by name, and imports one when it is asked for."""

    entries: ClassVar[Mapping[str, Entry]] = COMMANDS

    def list_commands(self, ctx: Any) -> list[str]:
        """In the table's order."""
        del ctx
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import it, once; None when there is no such command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = share_options(ctx, build(cmd_name, entry))
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """With a suggestion for a mistyped name."""
        if args and args[0] not in self.entries and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(args[0], self.entries, n=1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands, from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])


def build(name: str, entry: Entry) -> Any:
    """The command (or group) of an entry, as Click knows it."""
    module, attribute = entry.home.split(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        app = found
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(name, no_args_is_help=False)(found)
    command = get_command(app)
    command.name = name
    return command
