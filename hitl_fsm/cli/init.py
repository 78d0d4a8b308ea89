"""`init`: a small working project to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.output import json_document, line, say
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

TEMPLATES = Path(__file__).with_name("templates")
FILES = {
    "app.py": "app.py.tmpl",
    "script.yaml": "script.yaml.tmpl",
    "policies/payments.policy.yaml": "payments.policy.yaml.tmpl",
    "policies/payments.policytest.yaml": "payments.policytest.yaml.tmpl",
    "pyproject.toml": "pyproject.toml.tmpl",
}
"""What is written, and from which template."""
SCHEMAS = ("policy", "policytest", "routes", "roles")
"""What an editor reads for completion: written to `schemas/`."""
PYPROJECT = "pyproject.toml"
EXIT_EXISTS = 5


def init(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Made if it is not there.")] = Path(),
) -> None:
    """Write a small working project to start from.

    A policy and its test, an agent with a scripted model, settings, and schemas for your editor. Nothing that exists is
    overwritten: if a file of the project is there already, nothing is written, and exit is 5. A pyproject.toml that
    exists stays; what to add is printed.

    JSON: {"directory", "written", "add_to_pyproject"}.
    """
    session: Session = ctx.obj
    texts = {name: (TEMPLATES / template).read_text(encoding="utf-8") for name, template in FILES.items()}
    texts.update(_schema_texts())
    to_add = texts.pop(PYPROJECT) if (directory / PYPROJECT).exists() else None
    there = [name for name in texts if (directory / name).exists()]
    if there:
        msg = f"{directory} has {', '.join(there)} already"
        raise ExistsAlreadyError(msg, help="nothing was written; name a new directory")
    for name, text in texts.items():
        _write(directory / name, text)
    if session.json:
        json_document({"directory": str(directory), "written": list(texts), "add_to_pyproject": to_add})
        return
    for name in texts:
        line(visible(str(directory / name)))
    say(session, *_next_steps(directory, to_add))


class ExistsAlreadyError(SettingsError):
    """A file that was to be written is there already; nothing was written."""

    code = "HF703"
    exit_code = EXIT_EXISTS


def _schema_texts() -> dict[str, str]:
    from hitl_fsm.cli.policies.schemas import file_name, file_text, schemas  # noqa: PLC0415 - with pydantic

    made = schemas()
    return {f"schemas/{file_name(name)}": file_text(made[name]) for name in SCHEMAS}


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:  # a file that appeared meanwhile is not overwritten either
            stream.write(text)
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}"
        raise SettingsError(msg, help="name a directory that you may write to") from error


def _next_steps(directory: Path, to_add: str | None) -> list[str]:
    steps = ["", "next:"]
    if directory != Path():
        steps.append(f"  cd {directory}")
    if to_add is not None:
        steps += ["  add to pyproject.toml:", *(f"    {row}" for row in to_add.splitlines())]
    return [
        *steps,
        "  hitl-fsm validate policies",
        "  hitl-fsm test policies --coverage",
        '  hitl-fsm run app:agent "Refund order 42"   # pauses: exit 8',
        "  hitl-fsm inbox",
        "  hitl-fsm approve REQ                       # the id that inbox shows",
        "  hitl-fsm runs continue RUN",
        "  hitl-fsm audit verify",
    ]
