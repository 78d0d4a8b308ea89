"""The how-to pages on grants and on breaking glass: their programs print what the pages say."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs/how-to"


@pytest.mark.parametrize("name", ["grants", "break-glass"])
def test_the_page_works_as_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (HOW_TO / f"{name}.md").read_text(encoding="utf-8")
    for file, text in re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        place = tmp_path / file
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    said = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(programs) == len(said) > 0
    names: dict[str, object] = {}
    for program, expected in zip(programs, said, strict=True):
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(program, str(tmp_path / "page.py"), "exec"), names)
        assert printed.getvalue() == expected
