"""The how-to page on what an approver sees: its program prints what the page says."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest

from hitl_fsm.model.action import MoneyAt
from hitl_fsm.model.flag import FlagKind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/what-an-approver-sees.md").read_text(encoding="utf-8")


def test_the_page_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    for name, text in re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    program, marked = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (said,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    printed = StringIO()
    names: dict[str, object] = {"__name__": "page"}
    with redirect_stdout(printed):
        exec(compile(program, "page", "exec"), names)
        exec(compile(marked, "page", "exec"), names)
    names["engine"].close()  # type: ignore[attr-defined]
    refund: Any = names["refund"]
    assert (refund.money, refund.subject) == ((MoneyAt("amount", currency_at="currency"),), "customer")
    assert printed.getvalue() == said


def test_the_page_names_every_reason_to_look_twice() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(get_args(FlagKind))
