"""What `doctor` looks at. Each check gives findings that name their remedy; none changes anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata, util
from typing import TYPE_CHECKING, Literal

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.cli.doctor.outgoing import outgoing
from hitl_fsm.cli.doctor.policies import in_force, policies
from hitl_fsm.cli.doctor.recording import recording
from hitl_fsm.cli.doctor.store import store
from hitl_fsm.errors import HitlError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

OLDEST_PYTHON = (3, 11)
DISTRIBUTION = "hitl-fsm"
MODEL_LIBRARY = "litellm"
BAD_LITELLM = {"1.82.7", "1.82.8"}
"""Releases with malicious code in them."""


def all_checks(session: Session) -> Iterator[Check]:
    """Every check, in order; later ones go on when earlier ones find something."""
    yield python()
    yield from dependencies()
    yield model_library()
    yield from store(session)
    yield policies()
    yield application(session)
    yield from tools(session)
    yield from outgoing(session)
    yield from recording(session)
    yield from in_force(session)


def python() -> Check:
    """Whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check("python", "problem", version, f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    return Check("python", "ok", f"{version} at {sys.executable}")


def dependencies() -> Iterator[Check]:
    """The versions of what this package needs, from their metadata; nothing is imported."""
    try:
        needed = metadata.requires(DISTRIBUTION) or []
        yield Check(DISTRIBUTION, "ok", metadata.version(DISTRIBUTION))
    except metadata.PackageNotFoundError:
        yield Check(DISTRIBUTION, "problem", "not installed as a package", "pip install hitl-fsm")
        return
    for requirement in needed:
        if "extra ==" in requirement:
            continue
        name = _name_of(requirement)
        if name == MODEL_LIBRARY:
            continue
        try:
            yield Check(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, "problem", "missing", f"pip install '{requirement.partition(';')[0].strip()}'")


def _name_of(requirement: str) -> str:
    for index, char in enumerate(requirement):
        if not (char.isalnum() or char in "-_."):
            return requirement[:index]
    return requirement


def model_library() -> Check:
    """Whether the library of models is there, and not one of the releases that must not run."""
    try:
        version = metadata.version(MODEL_LIBRARY)
    except metadata.PackageNotFoundError:
        return Check(
            "models", "problem", f"{MODEL_LIBRARY} is missing: only scripted models run", "pip install litellm"
        )
    if version in BAD_LITELLM:
        return Check(
            "models",
            "problem",
            f"{MODEL_LIBRARY} {version} is malicious",
            "pip install -U litellm, and change your keys",
        )
    if util.find_spec(MODEL_LIBRARY) is None:
        return Check(
            "models", "problem", f"{MODEL_LIBRARY} {version} cannot be found", "pip install --force-reinstall litellm"
        )
    return Check("models", "ok", f"{MODEL_LIBRARY} {version}")


def application(session: Session) -> Check:
    """Whether the application loads, if one is named."""
    name = session.app_name
    if not name:
        return Check("application", "note", "none is named", "give --app module:engine, or [tool.hitl-fsm] app = …")
    try:
        session.load(name)
    except HitlError as error:
        return Check("application", "problem", f"{name}: {error.code} {error.message}", error.help)
    return Check("application", "ok", name)


def tools(session: Session) -> Iterator[Check]:
    """Whether the application's policies fit its tools; silent when there is no application that loads."""
    from hitl_fsm.policy.load import recheck  # noqa: PLC0415 - with pydantic
    from hitl_fsm.policy.surroundings import Surroundings  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.tools.catalogue import tool_shapes  # noqa: PLC0415 - with the application

    if not session.app_name:
        return
    try:
        engine = session.load(session.app_name).engine
    except HitlError:
        return  # `application` says it
    try:
        known = tool_shapes(engine)
        found = recheck(engine.policies, Surroundings(known)).findings
    except HitlError as error:
        yield Check("tools", "problem", f"{error.code} {error.message}", error.help)
        return
    if not found:
        yield Check("tools", "ok", f"{len(known)}, and the policies fit them")
        return
    first = min(found, key=lambda one: (one.severity != "error", one.place))
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    told = f"{first.place} {first.code} {first.message}{more}"
    outcome: Literal["problem", "note"] = "problem" if first.severity == "error" else "note"
    yield Check("tools", outcome, told, f"hitl-fsm validate PATH --tools {session.app_name}")
