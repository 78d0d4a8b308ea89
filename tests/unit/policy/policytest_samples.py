"""Test files and policies for the tests of `hitl-fsm test`."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from policy_samples import reader

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.load import check
from hitl_fsm.policy.testing.case import PolicyTest
from hitl_fsm.policy.testing.read import read_test
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.suite import Suite, Wish, examine

FILE = "pay.policytest.yaml"
HEAD = "apiVersion: hitl-fsm/v1\nkind: PolicyTest\n"


def written(body: str) -> bytes:
    return (HEAD + dedent(body)).encode()


def read(body: str) -> tuple[PolicyTest, list[Diagnostic]]:
    return read_test(written(body), FILE)


def findings(body: str) -> list[str]:
    """Code, line and column (lines counted from the first of `body`), and message."""
    shift = HEAD.count("\n")
    return [f"{one.code} {one.place.line - shift}:{one.place.column} {one.message}" for one in read(body)[1]]


def suite(policies: Mapping[str, str], body: str, file: str = FILE) -> Suite:
    project = check({name: text.encode() for name, text in policies.items()}, reader({}))
    test, wrong = read_test(written(body), file)
    return Suite(test, project, tuple(wrong))


def tried(policies: Mapping[str, str], body: str, wish: Wish | None = None) -> Report:
    return examine([suite(policies, body)], wish or Wish())
