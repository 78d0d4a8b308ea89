"""The page that a reviewer signs: what it says, in both forms, and that no text of a file becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from policy_samples import FORM_FILE, REFUNDS, REFUNDS_FILE

from hitl_fsm.errors import PolicyError
from hitl_fsm.model.verdict import Approval, Gate
from hitl_fsm.policy.describe import by_subject, words
from hitl_fsm.policy.describe.html import html
from hitl_fsm.policy.describe.markdown import markdown
from hitl_fsm.policy.describe.page import page
from hitl_fsm.policy.describe.paper import Code, Facts, Heading, Item, Items, Link, Paper, Para, Signatures, Table
from hitl_fsm.policy.describe.words import duration, sentence, who
from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings, ToolShape

GOLDEN = Path(__file__).parent / "golden"
FORM = b"""{"type": "object", "required": ["reason"], "additionalProperties": false, "properties": {
  "reason": {"type": "string", "title": "Why", "description": "For the file.", "minLength": 3},
  "kind": {"type": "string", "enum": ["damage", "late | lost"]},
  "parts": {"type": "array", "items": {"type": "string"}}}}"""
STEPS = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: shipping
description: >
  What leaves the house,
  and who sees it.
steps: ["ship-*"]
agents: [packer]
mode: shadow
default: confirm
on_error: {approval: {of: [role:ops], expires: 90m}}
on_change: pin
batch: hold_all
rules:
  - {id: heavy, steps: ship-sea, severity: critical, when: "args.kg > 20 && size(args.items) > 3", gate: deny}
  - id: all
    agents: packer
    when: [args.kg <= 20, "!(args.express || args.to.endsWith('.org'))"]
    unless: ["'cfo' in user.roles", user.id == 'otto']
    gate: [audit, {review: {of: [maria, "role:ops"], not: [requester], retries: 2, expires: 1w}}]
    examples: {match: [{args: {kg: 1, express: false, to: x}, step: ship-air, agent: packer}]}
"""


def read(path: str) -> bytes:
    if path == FORM_FILE:
        return FORM
    raise FileNotFoundError(path)


def paper(files: dict[str, str], around: Surroundings | None = None) -> Paper:
    encoded = {name: text.encode() for name, text in files.items()}
    return page(check(encoded, read, around or Surroundings()))


def both() -> Paper:
    return paper({"policies/z/steps.policy.yaml": STEPS, REFUNDS_FILE: REFUNDS})


@pytest.mark.parametrize(("name", "write"), [("describe.md", markdown), ("describe.html", html)])
def test_the_page_is_as_it_was_read_by_people(name: str, write: Any) -> None:
    assert write(both()) == (GOLDEN / name).read_text(encoding="utf-8"), "after reading it: write it there"


def test_the_same_files_give_the_same_page() -> None:
    again = paper({REFUNDS_FILE: REFUNDS, "policies/z/steps.policy.yaml": STEPS})
    assert again == both()
    assert html(again) == html(both())


def test_a_set_that_does_not_load_is_not_described() -> None:
    with pytest.raises(PolicyError, match=r"refunds\.policy\.yaml:\d+:\d+ HF110"):
        paper({REFUNDS_FILE: REFUNDS.replace("gate: allow", "gate: alow")})


def test_every_rule_is_in_the_tables_and_has_a_section_that_the_tables_point_to() -> None:
    blocks = both().blocks
    anchors = [block.anchor for block in blocks if isinstance(block, Heading)]
    assert len(anchors) == len(set(anchors))
    linked = {
        piece
        for table in blocks
        if isinstance(table, Table)
        for row in table.rows
        for cell in row
        for piece in cell
        if isinstance(piece, Link)
    }
    rules = {("refunds / small", "refunds / large", "refunds / sanctions"), ("shipping / heavy", "shipping / all")}
    assert {name for names in rules for name in names} <= {link.text for link in linked}
    assert {link.anchor for link in linked} <= set(anchors)


def test_with_the_tools_it_says_what_a_pattern_stands_for_and_what_is_left_out() -> None:
    number, text_ = {"type": "number"}, {"type": "string"}
    shape_ = {
        "type": "object",
        "properties": {"amount": number, "currency": text_, "order_id": text_, "reason": text_},
        "required": ["amount", "currency"],
    }
    tools = {name: ToolShape(name, shape_) for name in ("payments.payout.sepa", "payments.payout.swift", "shell")}
    tools["payments.refund"] = ToolShape("payments.refund", shape_)
    text = markdown(paper({REFUNDS_FILE: REFUNDS}, Surroundings(tools=tools)))
    assert "Today it stands for `payments.payout.sepa` and `payments.payout.swift`." in text
    assert "The application has this tool." in text
    assert "Tools without a policy: `shell`: no policy covers them." in text


def test_tables_that_would_be_too_long_are_left_out_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_subject, "MAX_ROWS", 2)
    text = markdown(paper({REFUNDS_FILE: REFUNDS}))
    assert "More than 2 rows: the other tools are described under their policies only." in text
    assert "#### Rule `large`" in text


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (1, "1 milliseconds"),
        (1000, "1 second"),
        (90_000, "90 seconds"),
        (5_400_000, "90 minutes"),
        (86_400_000, "1 day"),
    ],
)
def test_durations(ms: int, said: str) -> None:
    assert duration(ms) == said


def test_a_gate_that_says_more_than_there_are_sentences_for_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the language has grown, and the sentences have not."""
    monkeypatch.setitem(words._KNOWN, Approval, frozenset({"of", "expires_ms"}))
    gate = Approval(("role:finance",), ("requester",))
    assert who(gate) == ("see the policy",)
    assert any(isinstance(piece, Code) and '"excluded":["requester"]' in piece.text for piece in sentence(gate))
    assert sentence(Approval(("maria",)))[0] == "One person must say yes: "


def test_every_gate_has_its_sentence() -> None:
    for kind in get_args(Gate):
        assert {field.name for field in msgspec.structs.fields(kind)} == words._KNOWN[kind], kind


# -- text that wants to be markup

NASTY = [
    "<script>alert(1)</script>",
    "</code></td></table><h1>Approved</h1>",
    "a | b\n| --- |\n# Signed",
    "**bold** _it_ ~~no~~ `code` ``two``",
    "[x](javascript:alert(1)) ![i](http://evil.example/p.png) <http://evil.example>",
    "1. one",
    "- item",
    "    indented",
    "> quote",
    "&lt;b&gt; &#60;",
    "\\` \\| \\",
    "\u202egnp.exe\u200b\u2066",
    '" onmouseover="x',
    "$$x$$ {{ x }} :-- ---",
]
TAGS = {"strong", "em", "s", "link", "image", "html_block", "heading", "blockquote", "fence", "code_block", "hr"}


def one_of_each(text: str) -> Paper:
    row = ((text,), (Code(text),), (Link(text, "a1"),))
    return Paper(
        text,
        (
            Heading(2, (text, Code(text)), "a1"),
            Para((text, " ", Code(text))),
            Items((Item((text,), (Item((Code(text),)),)),)),
            Facts(((text, (text, Code(text))),)),
            Table(text, ("A", "B", "C"), (row,)),
            Signatures((text,)),
        ),
    )


class Tags(HTMLParser):
    """Every tag, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def tags(text: str) -> Tags:
    found = Tags()
    found.feed(html(one_of_each(text)))
    return found


def check_html(text: str) -> None:
    assert tags(text).seen == tags("plain").seen
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069]", html(one_of_each(text)))


def shape(text: str) -> list[str]:
    """What a reader of Markdown makes of it: the kinds of its tokens, and the places of its links."""
    kinds: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown(one_of_each(text))):
        kinds.append(token.type)
        for child in token.children or ():
            if child.type in {"text", "code_inline", "text_special", "html_inline"}:
                assert child.type != "html_inline" or child.content in {"<code>", "</code>", '<a id="a1">', "</a>"}
                continue
            kinds.append(f"{child.type} {child.attrGet('href') or ''}")
    return kinds


def check_markdown(text: str) -> None:
    assert shape(text) == shape("plain")


@pytest.mark.parametrize("text", NASTY)
def test_no_text_becomes_markup(text: str) -> None:
    check_html(text)
    check_markdown(text)


@given(
    st.text(st.sampled_from("ab1 `|\\*_[]()<>#+-.!~&$:/\"'{}=\n\t\u202e;^@"), min_size=1, max_size=12).filter(
        lambda text: text.strip(" ")
    )
)
@example("`|")
@example("\\|")
@example(" `")
def test_no_text_at_all_becomes_markup(text: str) -> None:
    check_html(text)
    check_markdown(text)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = html(both())
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|\son\w+=", text)
    assert "default-src 'none'" in text
    assert len(re.findall(r"<th scope=", text)) == len(re.findall(r"<th[ >]", text))
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no level is left out"
