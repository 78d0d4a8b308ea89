"""An undocumented command, option, error, setting, limit or package is a red test."""

from __future__ import annotations

import ast
import importlib
import operator
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import hitl_fsm
from hitl_fsm.adapters.settings import ENV_PREFIX, Settings
from hitl_fsm.cli.root import command
from hitl_fsm.errors import HitlError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hitl_fsm"
REFERENCE = ROOT / "docs/reference"

OPERATORS = {ast.Mult: operator.mul, ast.Pow: operator.pow, ast.Sub: operator.sub, ast.Add: operator.add}
NO_LIMITS = {
    ("audit/checkpoint.py", "ORIGIN_DIGITS"),
    ("audit/contents.py", "SALT_BYTES"),
    ("audit/events/base.py", "FIRST_VERSION"),
    ("audit/keys.py", "KEY_BYTES"),
    ("audit/keys.py", "SIGNATURE_BYTES"),
    ("audit/tree.py", "HASH_BYTES"),
    ("audit/standalone/verify.py", "ORDER"),
    ("adapters/questions/schema.py", "PROJECTION"),
    ("audit/questions/parameters.py", "FOREVER"),
    ("adapters/store/postgres/opening.py", "OLDEST_SERVER"),
    ("adapters/store/sqlite/opening.py", "APPLICATION_ID"),
    ("adapters/store/sqlite/opening.py", "PAGE_SIZE"),
    ("policy/data.py", "NODE_SIZE"),
    ("runtime/presenting/presentation.py", "SHORT_DIGEST"),
}
LIMITS_OF_THE_SHELL = {("cli/values.py", "FILE_BYTES"), ("cli/audit/verify.py", "MAX_JOBS")}


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


# -- errors


def error_classes() -> Iterator[type[HitlError]]:
    for module in pkgutil.walk_packages(hitl_fsm.__path__, "hitl_fsm."):
        if "migrations" not in module.name and "model_litellm" not in module.name:
            importlib.import_module(module.name)
    found = [HitlError]
    while found:
        one = found.pop()
        yield one
        found += one.__subclasses__()


def test_every_error_code_is_documented_with_its_class_and_exit_code() -> None:
    rows = re.findall(r"^\| (HF\d+) \| `(\w+)` \| (\d+) \| .+ \| .+ \|$", page("errors.md"), re.MULTILINE)
    known = [
        (one.code, one.__name__, str(one.exit_code)) for one in error_classes() if one.__module__.startswith("hitl_fsm")
    ]
    assert sorted(rows) == sorted(known)
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})


# -- the command line


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name."""
    context = group.make_context("hitl-fsm", [], resilient_parsing=True) if not path else None
    for name in group.list_commands(context) if path == () else list(group.commands):
        one = group.get_command(context, name) if path == () else group.commands[name]
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield " ".join((*path, name)), one


def own_options(one: Any) -> set[str]:
    return {
        option
        for parameter in one.params
        if not getattr(parameter, "hidden", False) and parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    } - {"-h", "--help"}


def documented_options(section: str) -> set[str]:
    rows = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row)}


def test_every_command_and_option_is_documented_and_nothing_else() -> None:
    root = command()
    sections = dict(
        re.findall(r"^## `([a-z -]+?)(?: [A-Z\[].*?)?`\n(.*?)(?=^## |\Z)", page("cli.md"), re.MULTILINE | re.DOTALL)
    )
    known = dict(commands(root))
    assert list(sections) == list(known)
    for name, one in known.items():
        assert documented_options(sections[name]) == own_options(one), name
    shared = page("cli.md").partition("## Options of every command")[2].partition("\n## ")[0]
    assert documented_options(shared) == own_options(root) | {"-h", "--help"}


# -- settings


def test_every_setting_is_documented() -> None:
    rows = re.findall(
        r"^\| (\w+) \| (`--[a-z]+`|none) \| `(HITL_FSM_\w+)` \| `(\w+)` \| (.*?) \|", page("settings.md"), re.MULTILINE
    )
    assert [row[0] for row in rows] == [field.name for field in fields(Settings)]
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, option, variable, key, default in rows:
        assert (variable, key) == (ENV_PREFIX + name.upper(), name)
        assert option == (f"`--{name}`" if f"--{name}" in own_options(command()) else "none")
        assert default == (f"`{defaults[name]}`" if defaults[name] else "none")


def test_no_other_variable_of_ours_is_read() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r"HITL_FSM_[A-Z]+(?:_[A-Z]+)*", text))
    assert named <= {ENV_PREFIX + field.name.upper() for field in fields(Settings)}


# -- limits


def number(node: ast.AST) -> float | None:
    """The value of a constant arithmetic expression, None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = number(node.left), number(node.right)
        if left is not None and right is not None:
            return OPERATORS[type(node.op)](left, right)  # type: ignore[no-any-return]
    return None


def limits() -> dict[tuple[str, str], float]:
    """Every public numeric constant of the package, below the command line."""
    found: dict[tuple[str, str], float] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = number(node.value) if isinstance(node, ast.Assign | ast.AnnAssign) and node.value else None
            if isinstance(target, ast.Name) and value is not None and re.fullmatch(r"[A-Z][A-Z_]+", target.id):
                found[path.relative_to(PACKAGE).as_posix(), target.id] = value
    return {
        key: value
        for key, value in found.items()
        if key not in NO_LIMITS and (not key[0].startswith("cli/") or key in LIMITS_OF_THE_SHELL)
    }


def test_every_limit_is_documented_with_its_value() -> None:
    rows = re.findall(r"^\| `([\w/.]+)` `([A-Z_]+)` \| ([\d,.]+) \| .+ \| .+ \|$", page("limits.md"), re.MULTILINE)
    documented = {(file, name): float(value.replace(",", "")) for file, name, value in rows}
    assert len(documented) == len(rows)
    assert documented == limits()


# -- the architecture


def test_the_code_map_lists_every_package_and_top_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(hitl_fsm/[\w/.]+)` \|", text, re.MULTILINE))
    packages = {
        path.parent.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE
    } - {"hitl_fsm/adapters/store/migrations/versions"}
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    assert listed == packages | modules


def test_the_path_of_a_call_names_functions_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    story = text.partition("## The path of one tool call")[2].partition("\n## ")[0]
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r"`(?:\w+/)*(?:\w+\.)*(_?[a-z]\w+)`", story)) - {"py"}
    states = {"authorised", "gated", "denied", "done"}
    missing = {name for name in named - states if not re.search(rf"def {name}\(", code)}
    assert missing == set()
    for file in re.findall(r"`((?:\w+/)+\w+\.py)`", text):
        assert (PACKAGE / file).is_file() or (ROOT / file).is_file(), file
