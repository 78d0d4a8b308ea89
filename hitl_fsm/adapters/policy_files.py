"""Policy files from disk: `*.policy.yaml` below a folder, or files named one by one, and the schemas they refer to.

Every file is opened once, without following a link out of the folder it was found in, and read only if it is a regular
file within its limit. Folders whose names start with a dot are left out; a link to a folder is not followed, and
refused where policies lie behind it that would be missed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic, Place, PolicyError
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.schemas import MAX_SCHEMA_BYTES
from hitl_fsm.policy.source import MAX_FILE_BYTES

MAX_FILES = 1_000
MAX_ENTRIES = 100_000
MAX_TOTAL_BYTES = 16 * 1024 * 1024

SUFFIX = ".policy.yaml"
_PROJECT_MARKS = ("pyproject.toml", ".git")


class FileKind(NamedTuple):
    """What to look for below a folder: the end of the names, the words for it, and what to say where there is none.

    Without `missing` there need be none, and of files named one by one only those with such a name are taken.
    """

    suffix: str
    one: str
    many: str
    missing: Code | None = None

    def is_nearly(self, name: str) -> bool:
        """A name that was probably meant to be one; other programs, too, have routes and roles in JSON."""
        stem = self.suffix.removesuffix(".yaml")
        ends = (self.suffix, f"{stem}.yml") if self.missing is None else (self.suffix, f"{stem}.yml", f"{stem}.json")
        return name.lower().endswith(ends)

    def takes(self, name: str) -> bool:
        """Whether a file that was named by itself is read as one: it is not plainly something else."""
        if name.endswith(self.suffix):
            return True
        return self.missing is not None and not any(name.endswith(kind.suffix) for kind in KINDS)


POLICIES = FileKind(SUFFIX, "policy", "policies", Code.NO_POLICIES)
TESTS = FileKind(".policytest.yaml", "policy test", "policy tests", Code.TEST_EMPTY)
ROUTES = FileKind(".routes.yaml", "routes", "routes")
ROLES = FileKind(".roles.yaml", "roles", "roles")
WORKFLOWS = FileKind(".workflow.yaml", "workflow", "workflows")
CALENDARS = FileKind(".calendar.yaml", "calendar", "calendars")
KINDS = (POLICIES, TESTS, ROUTES, ROLES, WORKFLOWS, CALENDARS)


@dataclass(frozen=True, slots=True)
class Gathered:
    """`files` by their paths as the user typed them; `read` gets the schemas; `findings` are what could not be read."""

    files: dict[str, bytes]
    read: Callable[[str], bytes]
    findings: tuple[Diagnostic, ...]


@dataclass(slots=True)
class _Gathering:
    kind: FileKind
    files: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    roots: list[str] = field(default_factory=list)
    folders: tuple[str, ...] = ()
    findings: list[Diagnostic] = field(default_factory=list)
    total: int = 0

    def note(self, code: Code, message: str, name: str, help: str | None = None) -> None:  # noqa: A002 - the word users know
        self.findings.append(Diagnostic(code.value, message, Place(name, 1, 1), help=help))


def read_policies(paths: Sequence[str], kind: FileKind = POLICIES) -> tuple[dict[str, bytes], Callable[[str], bytes]]:
    """All policy files of these folders and files, or those of another kind, and the reader for `policy.load.load`.

    Raises PolicyError with one finding for each path that does not exist, holds no policy or cannot be read.
    """
    gathered = gather(paths, kind)
    if gathered.findings:
        first = gathered.findings[0]
        message = f"the {kind.many} cannot be read: {first.place.file}: {first.message}"
        raise PolicyError(message, gathered.findings, help=first.help)
    return gathered.files, gathered.read


def gather(paths: Sequence[str], kind: FileKind = POLICIES) -> Gathered:
    """As `read_policies`, but what cannot be read is in `findings`, beside all that can."""
    state = _Gathering(kind, folders=tuple(os.path.realpath(typed) for typed in paths if "\0" not in typed))
    for typed in paths:
        path = Path(typed)
        try:
            is_folder = path.is_dir()
            exists = is_folder or path.exists()
        except (OSError, ValueError):
            is_folder = exists = False
        if not exists:
            state.note(
                Code.UNREADABLE,
                "there is no such file or folder",
                typed,
                "check the path; it is relative to where you are",
            )
        elif is_folder:
            state.roots.append(_project_of(path))
            _add_folder(path, state)
        else:
            state.roots.append(_project_of(path.parent))
            if kind.takes(path.name):
                _add_file(path, state, within=None)
    if not paths and kind.missing is not None:
        state.note(kind.missing, "no path was given", ".", f"name a folder with `*{kind.suffix}` files")
    return Gathered(state.files, _reader(tuple(dict.fromkeys(state.roots))), tuple(state.findings))


def not_empty(findings: Iterable[Diagnostic], others: Iterable[str]) -> list[Diagnostic]:
    """The findings, but for those on folders without policies that hold files of another kind, such as people."""
    found, kept = list(others), []
    for one in findings:
        holds = one.code == Code.NO_POLICIES and any(Path(name).is_relative_to(one.place.file) for name in found)
        kept.extend([] if holds else [one])
    return kept


def _add_folder(folder: Path, state: _Gathering) -> None:
    before, found = len(state.findings), 0
    inside = os.path.realpath(folder)
    for path in _walk(folder, state):
        found += 1
        if len(state.files) >= MAX_FILES:
            state.note(Code.TOO_LARGE, f"more than {MAX_FILES} {state.kind.one} files", str(folder))
            return
        _add_file(path, state, within=inside)
    kind = state.kind
    if kind.missing is not None and not found and len(state.findings) == before:
        state.note(
            kind.missing,
            f"there is no {kind.one} in this folder",
            str(folder),
            f"{kind.many} are files named `*{kind.suffix}`",
        )


def _walk(folder: Path, state: _Gathering) -> Iterator[Path]:
    """The policy files below a folder, in order of name; names that are almost right are findings, not ignored."""

    def failed(error: OSError) -> None:
        state.note(Code.UNREADABLE, f"the folder cannot be read: {error.strerror}", str(error.filename))

    entries = 0
    for where, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (link := Path(where, name)).is_symlink() and not any(_is_walked(link, one) for one in state.folders):
                _note_missed(link, state)
        for name in sorted(names):
            entries += 1
            if entries > MAX_ENTRIES:
                state.note(
                    Code.TOO_LARGE,
                    f"more than {MAX_ENTRIES} files in one folder",
                    str(folder),
                    "name the policies' folder",
                )
                return
            path = Path(where, name)
            if name.endswith(state.kind.suffix):
                yield path
            elif state.kind.is_nearly(name):
                state.note(
                    Code.UNREADABLE,
                    f"this name is not read as a {state.kind.one}",
                    str(path),
                    f"name it `*{state.kind.suffix}`, or move it away",
                )


def _is_walked(link: Path, folder: str) -> bool:
    """Whether what the link leads to is found below the folder (a real path) under its own name."""
    real = os.path.realpath(link)
    below = Path(real).relative_to(folder).parts if _is_below(real, folder) else (".",)
    return not any(part.startswith(".") for part in below)


def _note_missed(link: Path, state: _Gathering) -> None:
    """A set without the policies that somebody linked there would be another one than meant: looser, perhaps."""
    entries = 0
    for _, _, names in os.walk(link):
        entries += len(names)
        if any(state.kind.is_nearly(name) for name in names):
            message, words = f"{state.kind.many} lie behind this link to a folder, which is not followed", str(link)
            state.note(Code.UNREADABLE, message, words, "put the folder itself there, or name it beside this one")
            return
        if entries > MAX_ENTRIES:
            state.note(
                Code.TOO_LARGE, f"more than {MAX_ENTRIES} files behind one link", str(link), "name the policies' folder"
            )
            return


def _add_file(path: Path, state: _Gathering, *, within: str | None) -> None:
    name = str(path)
    real = os.path.realpath(path)
    if real in state.seen:
        return
    state.seen.add(real)
    if within is not None and not _is_below(real, within):
        state.note(Code.UNREADABLE, "this link leads out of the folder", name, "put the file itself into the folder")
        return
    try:
        data = _read(real, MAX_FILE_BYTES)
    except OSError as error:
        state.note(
            Code.UNREADABLE, f"the file cannot be read: {error.strerror or error}", name, "check the permissions"
        )
        return
    state.total += len(data)
    if state.total > MAX_TOTAL_BYTES:
        state.note(Code.TOO_LARGE, f"the {state.kind.many} together have more than {MAX_TOTAL_BYTES} bytes", name)
        return
    state.files[name] = data


def _read(path: str, limit: int) -> bytes:
    """At most one byte more than the limit, so that the caller sees that there is more. Never waits for a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a regular file", path)
        return file.read(limit + 1)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _project_of(folder: Path) -> str:
    """Where schema files may lie: the project around the folder (pyproject.toml or .git), else the folder above it."""
    here = Path(os.path.realpath(folder))
    for place in (here, *here.parents):
        if any((place / mark).exists() for mark in _PROJECT_MARKS):
            return str(place)
    return str(here.parent)


def _reader(roots: tuple[str, ...]) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        """A schema file's bytes; OSError for what is missing, not regular, or outside every project of the policies."""
        real = os.path.realpath(path)
        if not any(_is_below(real, root) for root in roots):
            raise OSError(0, "it lies outside the project", path)
        return _read(real, MAX_SCHEMA_BYTES)

    return read
