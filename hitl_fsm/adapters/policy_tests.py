"""Test files from disk, each with the policy files that it tries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hitl_fsm.adapters.policy_files import POLICIES, TESTS, gather
from hitl_fsm.errors import Diagnostic, Place
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.load import check
from hitl_fsm.policy.project import Project
from hitl_fsm.policy.schemas import Read
from hitl_fsm.policy.testing.case import PolicyTest
from hitl_fsm.policy.testing.read import read_test
from hitl_fsm.policy.testing.suite import Suite


class Collected(NamedTuple):
    """`untested` are policies below the same paths that none of the tests tries, each folder's together."""

    suites: list[Suite]
    untested: list[Project]
    findings: list[Diagnostic]


def collect(paths: Sequence[str], *, with_untested: bool = False) -> Collected:
    """The test files below these folders, and those named one by one, with their policies, read and checked."""
    gathered = gather(paths, TESTS)
    findings = list(gathered.findings)
    if not gathered.files and not findings:
        message, help_text = f"no {TESTS.one} is named", f"{TESTS.many} are files named `*{TESTS.suffix}`"
        findings.append(Diagnostic(Code.TEST_EMPTY.value, message, Place(paths[0], 1, 1), help=help_text))
    projects: dict[tuple[str, ...], Project] = {}
    suites: list[Suite] = []
    for file in sorted(gathered.files):
        test, wrong = read_test(gathered.files[file], file)
        policies, missing = _policies_of(test)
        wrong += missing
        project = _project(policies, projects, findings, gathered.read)
        suites.append(Suite(test, project, tuple(wrong)))
    untested = _untested(paths, projects, findings, gathered.read) if with_untested else []
    return Collected(suites, untested, findings)


def _untested(
    paths: Sequence[str], projects: dict[tuple[str, ...], Project], findings: list[Diagnostic], near: Read
) -> list[Project]:
    known = {os.path.realpath(file) for files in projects for file in files}
    by_folder: dict[Path, list[str]] = {}
    for folder in (path for path in paths if Path(path).is_dir()):
        for file in gather([folder], POLICIES).files:
            if os.path.realpath(file) not in known:
                by_folder.setdefault(Path(file).parent, []).append(file)
    return [_project(files, projects, findings, near) for files in by_folder.values()]


def _project(
    files: Sequence[str], projects: dict[tuple[str, ...], Project], findings: list[Diagnostic], near: Read
) -> Project:
    """These files, checked together, once. `near` reads the schemas that are near what was named to be tested."""
    key = tuple(sorted(files))
    if key not in projects:
        if not key:
            projects[key] = Project((), (), None)
            return projects[key]
        gathered = gather(key, POLICIES)
        findings += gathered.findings
        projects[key] = check(gathered.files, _either(gathered.read, near))
        if gathered.findings:
            projects[key] = projects[key]._replace(policies=None)
    return projects[key]


def _either(first: Read, second: Read) -> Read:
    def read(path: str) -> bytes:
        try:
            return first(path)
        except OSError:
            return second(path)

    return read


def _policies_of(test: PolicyTest) -> tuple[list[str], list[Diagnostic]]:
    """The policy files of a test file, by names relative to where we are, and the paths that lead to none.

    Of a folder, only its own files count, not those of the folders in it.
    """
    if test.document is None:
        return [], []
    source, named = test.source, test.document.policies
    here = Path(source.file).parent
    found: dict[str, None] = {}
    findings: list[Diagnostic] = []
    for index, name in enumerate(["."] if named is None else named):
        place = Path(name)
        files = [] if place.is_absolute() or "\x00" in name else _files(here / place)
        found.update(dict.fromkeys(files))
        if files:
            continue
        if named is None:
            message, node = "no policy lies beside this file", source.node(("kind",))
        else:
            message, node = f"there is no policy at {name!r}", source.node(("policies", index))
        help_text = f"policies are files named `*{POLICIES.suffix}`; `policies: [PATH]` is relative to this file"
        findings.append(source.diagnostic(Code.TEST_POLICY, message, node, help_text))
    return list(found), findings


def _files(path: Path) -> list[str]:
    try:
        path = _plain(path)
        if path.is_dir():
            return sorted(str(one) for one in path.iterdir() if one.name.endswith(POLICIES.suffix))
        return [str(path)] if path.is_file() and POLICIES.takes(path.name) else []
    except OSError:
        return []


def _plain(path: Path) -> Path:
    """Without the steps up and down that a relative path takes, so that one file has one name."""
    plain = Path(os.path.normpath(path))
    return plain if plain.exists() and path.exists() and plain.samefile(path) else path
