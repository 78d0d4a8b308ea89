"""The table of commands against the commands themselves."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import typer

from hitl_fsm.cli.commands import COMMANDS
from hitl_fsm.cli.lazy import build
from hitl_fsm.cli.root import command

DUE = {
    *("demo", "init", "doctor", "schema", "validate", "graph", "run", "runs", "inbox", "show"),
    *("describe", "diff", "explain", "impact", "import-flags", "test"),
    *("abstain", "advise", "withdraw", "revoke", "break-glass", "grants", "overrides", "notices"),
    *("approve", "reject", "respond", "retry", "input", "result", "delegate", "audit", "wait", "db", "worker", "help"),
}


def test_every_command_that_is_due_is_there_and_no_other() -> None:
    assert set(COMMANDS) == DUE


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"demo"}))
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    module, attribute = COMMANDS[name].home.split(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        assert found.info.help == COMMANDS[name].help
        return
    first = (inspect.getdoc(found) or "").splitlines()[0]
    assert first == COMMANDS[name].help or COMMANDS[name].help.startswith(first.rstrip("."))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_built_with_help_for_each_option(name: str) -> None:
    built = build(name, COMMANDS[name])
    leaves = list(getattr(built, "commands", {}).values()) or [built]
    for leaf in leaves:
        assert leaf.help
        for parameter in leaf.params:
            assert parameter.help, (name, leaf.name, parameter.name)


def test_the_shared_options_are_those_of_the_design() -> None:
    options = {opt for parameter in command().params for opt in parameter.opts}
    assert {"--app", "--store", "--format", "--no-color", "-q", "-v", "--version"} <= options
