"""The how-to page on sessions and forks: its program prints what the page says."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/sessions.md").read_text(encoding="utf-8")


def test_the_page_works_as_written() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (said,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(program.replace('"policies/"', repr(str(ROOT / "policies"))), "page", "exec"), {})
    assert printed.getvalue() == said
