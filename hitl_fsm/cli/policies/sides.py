"""The two sides of a `diff`: their policies, and the actions that their tests and examples try."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from hitl_fsm.adapters.policy_around import around_of
from hitl_fsm.adapters.policy_files import CALENDARS, ROUTES, SUFFIX, TESTS, gather
from hitl_fsm.cli.policies.existing import refuse_absent
from hitl_fsm.errors import Diagnostic, PolicyError
from hitl_fsm.model.action import Action
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.example_actions import example_actions
from hitl_fsm.policy.load import check
from hitl_fsm.policy.testing.read import read_test

_NO_TESTS = (Code.NO_POLICIES, Code.TEST_EMPTY)  # a folder may be without tests


class CaseAction(NamedTuple):
    """An action that a test case or an example tries, and where that is written."""

    name: str
    file: str
    line: int
    action: Action


class Side(NamedTuple):
    """One side."""

    policies: PolicySet
    cases: tuple[CaseAction, ...]


def read_side(path: str, side: str) -> Side:
    """Everything of one side. PolicyError when its policies do not load, or a test file cannot be read.

    `side` names it in the error. Of a single policy file, the test file of the same name beside it is read.
    """
    refuse_absent([path], side)
    gathered = gather([path])
    routes = gather([path], ROUTES)
    calendars = gather([path], CALENDARS)
    around, wrong = around_of(routes.files, {}, gathered.read, calendars.files)
    project = check(gathered.files, gathered.read, around)
    unread = [*gathered.findings, *routes.findings, *calendars.findings, *wrong]
    findings = [*unread, *project.findings]
    if project.policies is None or unread:
        raise _refused(side, path, [found for found in findings if found.severity == "error"])
    cases = [CaseAction(name, file, line, action) for file, line, name, action in example_actions(project.members)]
    return Side(project.policies, (*_test_cases(path, side), *cases))


def _refused(side: str, path: str, findings: list[Diagnostic]) -> PolicyError:
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    message = f"{side} cannot be read: {first.place} {first.code} {first.message}{more}"
    return PolicyError(message, tuple(findings), help=f"`hitl-fsm validate {path}` shows each finding at its place")


def _test_cases(path: str, side: str) -> list[CaseAction]:
    where = Path(path)
    if not where.is_dir():
        beside = where.with_name(where.name.removesuffix(SUFFIX) + TESTS.suffix)
        if not beside.is_file():
            return []
        path = str(beside)
    gathered = gather([path], TESTS)
    bad = [found for found in gathered.findings if found.code not in _NO_TESTS]
    found: list[CaseAction] = []
    for file, data in sorted(gathered.files.items()):
        test, findings = read_test(data, file)
        bad += [one for one in findings if one.severity == "error"]
        found += [CaseAction(case.name, file, case.node.line, case.action) for case in test.cases]
    if bad:
        raise _refused(side, path, bad)
    return found


def cases_of(old: Side, new: Side) -> list[CaseAction]:
    """Those of both sides; an action that is tried twice counts once, under its name on the newer side."""
    encode = msgspec.json.Encoder(order="sorted").encode
    found: dict[bytes, CaseAction] = {}
    for case in (*new.cases, *old.cases):
        found.setdefault(encode(case.action), case)
    return list(found.values())
