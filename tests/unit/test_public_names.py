"""The public names: all there, found by type checkers too, none missing that a constructor wants, and light."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

import hitl_fsm
from hitl_fsm import ports
from hitl_fsm.ports_out import CallsBack, Deliveries, Route
from hitl_fsm.ports_people import PeopleStore
from hitl_fsm.runtime.agents.agent import AgentOptions

ROOT = Path(__file__).parents[2]
HEAVY = ("litellm", "mcp", "msgspec", "pydantic", "sqlalchemy", "transitions", "yaml")


def test_type_checkers_find_what_the_table_finds() -> None:
    [guarded] = [node for node in ast.parse(inspect.getsource(hitl_fsm)).body if isinstance(node, ast.If)]
    told = {
        alias.asname: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert told == hitl_fsm._HOMES
    assert all(getattr(hitl_fsm, name) is not None for name in hitl_fsm.__all__)


def _classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("hitl_fsm"):
        yield hint
    for inner in get_args(hint):
        yield from _classes(inner)


@pytest.mark.parametrize("option", [*AgentOptions.__annotations__])
def test_what_an_agent_is_given_can_be_imported(option: str) -> None:
    wanted = [one for one in _classes(get_type_hints(AgentOptions)[option]) if one is not NoneType]
    values = [one for one in wanted if not getattr(one, "_is_protocol", False)]
    assert [one.__name__ for one in values if getattr(hitl_fsm, one.__name__, None) is not one] == []


def test_what_the_pages_import_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for page in pages for line in re.findall(r"from hitl_fsm import ([\w, ]+)", page.read_text("utf-8"))]
    names = {name.strip() for line in lines for name in line.split(",")}
    assert len(names) > 15
    exec(f"from hitl_fsm import {', '.join(sorted(names))}", {})


@pytest.mark.parametrize("port", [ports.Store, Deliveries, PeopleStore, Route, CallsBack])
def test_who_writes_a_store_or_a_route_is_told_what_each_method_does(port: type) -> None:
    methods = {name: one for name, one in vars(port).items() if name[0] != "_" and inspect.isfunction(one)}
    assert methods
    assert [name for name, one in methods.items() if not one.__doc__] == []


def test_the_import_is_light() -> None:
    code = f"import hitl_fsm, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
