"""The tools that policies are checked against: those of an application, or of a file that was exported from one."""

from __future__ import annotations

from collections.abc import Iterable
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING

from hitl_fsm.errors import Diagnostic, Place, PolicyError
from hitl_fsm.policy.catalogue import MAX_TOOLS_BYTES, Known, read_catalogue
from hitl_fsm.policy.codes import Code

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

FILE_SUFFIX = ".json"


def known_tools(session: Session, text: str) -> Known:
    """The tools of `module:engine`, or of a file. HitlError when the application does not load.

    What is wrong with the file, or with the application's own policies, is among the findings.
    """
    if is_file(text):
        return _of_file(text)
    return _of_app(session, text)


def is_file(text: str) -> bool:
    """Whether it names a file and no application."""
    return text.endswith(FILE_SUFFIX) or "/" in text or Path(text).is_file()


def not_told(known: Known, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What is wrong with the tools beyond these findings: an application may have the policies that are checked."""
    told = {_identity(found) for found in findings}
    return [found for found in known.findings if _identity(found) not in told]


def _identity(found: Diagnostic) -> tuple[object, ...]:
    return realpath(found.place.file), found.place.line, found.place.column, found.code


def _of_file(name: str) -> Known:
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_TOOLS_BYTES + 1)
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        return Known(None, (Diagnostic(Code.TOOLS_FILE.value, message, Place(name, 1, 1)),), name)
    return read_catalogue(data, name)._replace(file=name)


def _of_app(session: Session, target: str) -> Known:
    from hitl_fsm.runtime.tools.catalogue import tool_shapes  # noqa: PLC0415 - with the application

    try:
        return Known(tool_shapes(session.load(target).engine))
    except PolicyError as error:
        return Known(None, error.diagnostics)
