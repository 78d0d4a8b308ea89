"""The page on parity is what its rows say, and every test that it names is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from parity_page import Row, render
from parity_rows import ROWS

ROOT = Path(__file__).parents[2]
REMEDY = "python tests/docs/parity_rows.py > docs/parity.md"
CLAIMED = [row for row in ROWS if row.test]


def functions(file: Path) -> set[str]:
    """The tests that stand in a file, without running it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in found if name.startswith("test_")}


def test_the_page_is_what_the_rows_say() -> None:
    page = (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    assert page == render(ROWS), f"make it again: {REMEDY}"


@pytest.mark.parametrize("row", CLAIMED, ids=lambda row: row.theirs or row.ours)
def test_the_test_that_a_row_names_is_there(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert file.startswith("tests/")
    assert name in functions(ROOT / file)


def test_what_has_no_test_is_not_claimed() -> None:
    claimed, _, rest = render(ROWS).partition("## Not there yet")
    for row in ROWS:
        assert row.theirs or row.ours
        if row.test:
            assert row.ours
            assert row.test.partition("::")[2] in claimed
        else:
            assert not row.better
            assert f"| {row.theirs} |" in rest
            assert f"| {row.theirs} |" not in claimed


def test_no_cell_breaks_its_table() -> None:
    for row in ROWS:
        assert all("|" not in cell and "\n" not in cell for cell in row)


def test_every_test_of_parity_stands_on_the_page() -> None:
    named = {row.test for row in CLAIMED}
    there = {
        f"{file.relative_to(ROOT).as_posix()}::{name}"
        for file in sorted((ROOT / "tests/parity").glob("test_*.py"))
        for name in functions(file)
    }
    assert len(there) > 50
    assert there - named == set()
