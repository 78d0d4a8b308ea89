"""The page on compliance claims what a test holds, marks what is the operator's duty, and leaves no article out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from test_tutorial import ROOT

PAGE = (ROOT / "docs/compliance.md").read_text(encoding="utf-8")
ARTICLES = (
    *(f"Art. 12({part})" for part in ("1", "2", "3")),
    *(f"Art. 14({part})" for part in ("1", "2", "3", "4", "5")),
    *("Art. 19(1)", "Art. 19(2)"),
    *(f"Art. 26({part})" for part in ("1", "2", "4", "5", "6", "7")),
    *(f"11.10({part})" for part in "abcdefghijk"),
    *("11.50(a)", "11.50(b)", "11.70", "11.100(a)", "11.100(b)", "11.100(c)", "11.200(a)", "11.200(b)", "11.300"),
    *(f"17a-4(f)(2)({part})" for part in ("i", "ii", "iii", "iv", "v")),
    "17a-4(f)(3)",
    *("9.2.1", "9.2.2", "9.2.8", "9.6.2", "12.1.1", "12.1.2", "12.4.2", "12.4.3"),
)


class Row(NamedTuple):
    requirement: str
    helps: str
    tests: tuple[tuple[str, str], ...]

    @property
    def is_duty(self) -> bool:
        return "**Duty:**" in self.helps


def rows() -> list[Row]:
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "Requirement":
            assert len(cells) == 3, line
            proofs = tuple(proof.partition("::")[::2] for proof in re.findall(r"`([^`]+)`", cells[2]))
            found.append(Row(cells[0], cells[1], proofs))
    return found


ROWS = rows()


@cache
def named_in(file: str) -> frozenset[str]:
    """Those that stand in a file, without running it."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(name for name in found if name.startswith("test_"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.requirement.partition(":")[0])
def test_each_claim_has_a_test_or_is_a_duty(row: Row) -> None:
    assert row.helps
    assert row.tests or row.is_duty
    for file, name in row.tests:
        assert file.startswith("tests/")
        assert Path(ROOT / file).is_file(), file
        assert name in named_in(file), f"{file} has no {name}"


@pytest.mark.parametrize("article", ARTICLES)
def test_no_article_is_left_out(article: str) -> None:
    named = [part.strip() for row in ROWS for part in row.requirement.partition(":")[0].split(", ")]
    assert any(name.startswith(article) for name in named)


def test_nothing_is_said_twice() -> None:
    named = [row.requirement for row in ROWS]
    assert len(named) == len(set(named))


def test_it_claims_no_certificate() -> None:
    assert "no legal advice, and no certificate" in " ".join(PAGE.split())
    for word in ("certified", "fully compliant", "guarantees compliance", "ensures compliance"):
        assert word not in PAGE.lower()
