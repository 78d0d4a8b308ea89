"""What the tests of the lint rules share: projects from files on disk, from texts, and from pages.

A fixture marks where a finding is expected at the end of its line: `# expect HF217:7` (code and column). A fixture that
needs several files is a folder; one file otherwise. What a page shows may be a part of a policy: the rest is added.
A first line such as `# roles: {finance: [ann, bob]}` or `# routes: [bank]` says what there is beside the policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.project import Project
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


def around_of(files: Mapping[str, str]) -> Surroundings:
    """The roles and routes that the first lines of the files tell."""
    told = dict(re.findall(r"^# (roles|routes): (.+)$", "\n".join(files.values()), re.MULTILINE))
    roles = (
        {name: frozenset(people) for name, people in yaml.safe_load(told["roles"]).items()} if "roles" in told else None
    )
    routes = frozenset(yaml.safe_load(told["routes"])) if "routes" in told else None
    return Surroundings(routes=routes, roles=roles)


def findings(files: Mapping[str, str]) -> list[Diagnostic]:
    return lint(project_of(files, around_of(files)))


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
    paths = sorted(fixture.glob("*.policy.yaml")) if fixture.is_dir() else [fixture]
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
