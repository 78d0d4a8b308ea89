"""What the tests of the lint rules share: projects from files on disk, from texts, and from pages.

A fixture marks where a finding is expected at the end of its line: `# expect HF217:7` (code and column). A fixture that
needs several files is a folder; one file otherwise. What a page shows may be a part of a policy: the rest is added.
Files of roles and routes beside it, `bad.roles.yaml` for `bad.policy.yaml`, say what there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.project import Project
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.surroundings import Surroundings

ROOT = Path(__file__).parents[3]
FIXTURES = Path(__file__).parent / "lint"
PAGES = ROOT / "docs/rules"
SECTIONS = ["What", "Why", "Bad", "Good"]

_EXPECT = re.compile(r"# expect (HF\d{3}):(\d+)((?: HF\d{3}:\d+)*)\s*$")
_HEAD = {
    "apiVersion": "hitl-fsm/v1",
    "kind": "Policy",
    "name": "example",
    "owner": "finance@example.com",
    "tools": "[payments.refund]",
}
Found = set[tuple[str, str, int, int]]


def project_of(files: Mapping[str, str], around: Surroundings | None = None) -> Project:
    """The checked project of some texts; schema files are read from the repository's `schemas` and beside the file."""

    def read(path: str) -> bytes:
        return (ROOT / path).read_bytes()

    return check({name: text.encode() for name, text in files.items()}, read, around or Surroundings())


def findings(files: Mapping[str, str]) -> list[Diagnostic]:
    """What the lint says of the policies among the files, beside the roles and routes among them."""
    roles, routes = (_of_kind(files, kind) for kind in ("Roles", "Routes"))
    around, wrong = read_surroundings(routes, roles)
    assert wrong == ()
    return lint(project_of({name: text for name, text in files.items() if name not in {*roles, *routes}}, around))


def _of_kind(files: Mapping[str, str], kind: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items() if f"\nkind: {kind}\n" in text}


def places(found: list[Diagnostic]) -> Found:
    return {(one.place.file, one.code, one.place.line, one.place.column) for one in found}


def expected(files: Mapping[str, str]) -> Found:
    marked: Found = set()
    for name, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if found := _EXPECT.search(line):
                marks = [(found[1], found[2]), *re.findall(r"(HF\d{3}):(\d+)", found[3])]
                marked |= {(name, code, number, int(column)) for code, column in marks}
    return marked


def fixtures(code: str, kind: str) -> list[Path]:
    """The good or bad fixtures of a rule: files `bad*.policy.yaml`, folders `bad*`."""
    folder = FIXTURES / code
    return sorted([*folder.glob(f"{kind}*.policy.yaml"), *(one for one in folder.glob(f"{kind}*") if one.is_dir())])


def files_of(fixture: Path) -> dict[str, str]:
    beside = (fixture.with_name(fixture.name.replace(".policy.", f".{kind}.")) for kind in ("roles", "routes"))
    paths = (
        sorted(fixture.glob("*.policy.yaml")) if fixture.is_dir() else [fixture, *(p for p in beside if p.is_file())]
    )
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def section(text: str, name: str) -> str:
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def blocks(text: str, kind: str = "yaml") -> list[str]:
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def whole(block: str, number: int = 0) -> str:
    """A block of a page as a policy file: what every policy has is added, unless the block says `apiVersion` itself."""
    if block.startswith("apiVersion:"):
        return block
    body = "rules:\n" + "".join(f"  {line}\n" for line in block.splitlines()) if block.startswith("- ") else block
    present = set(re.findall(r"^(\w+):", body, re.MULTILINE))
    head = {**_HEAD, "name": f"example{number or ''}"}
    if present & {"steps", "agents"}:
        head.pop("tools")
    return "".join(f"{key}: {value}\n" for key, value in head.items() if key not in present) + body


def page_files(text: str, name: str) -> dict[str, str]:
    """The policies that a section of a page shows, as one project."""
    return {f"{number}.policy.yaml": whole(block, number) for number, block in enumerate(blocks(section(text, name)))}
