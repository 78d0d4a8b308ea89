"""The evidence pack tells all of a history, shows who signed what, and does nothing but show it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from claims import HOSTILE, Desk
from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.export.evidence.changes import changes
from hitl_fsm.audit.export.evidence.collect import Collected, collect
from hitl_fsm.audit.export.evidence.cover import Cover, Verified
from hitl_fsm.audit.export.evidence.parts import VALUE_LIMIT, block, esc, lasted
from hitl_fsm.audit.export.evidence.path import MAX_STEPS, path
from hitl_fsm.audit.export.evidence.points import points
from hitl_fsm.audit.export.evidence.policies import Appendix
from hitl_fsm.audit.export.evidence.policy import File, files_of, rule_lines
from hitl_fsm.audit.export.evidence.signatures import signatures
from hitl_fsm.audit.export.html import html
from hitl_fsm.audit.export.lines import Entry, read
from hitl_fsm.model.instant import iso
from hitl_fsm.ports import RecordLine
from hitl_fsm.runtime.loop import run_sync

WHOLE = Verified("intact", 96, "aa", "hitl-fsm/default/00", 96, "bb", "name+key")
VOID = frozenset({"br", "meta", "link", "img", "input", "hr"})


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, the text; and whether each is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


class History:
    """A run, its lines, the policies' texts."""

    def __init__(self, folder: Path) -> None:
        desk = Desk(folder)
        self.run = desk.history()
        engine = desk.engine()
        self.lines = engine.audit.records(run_id=self.run)
        self.opened = run_sync(engine.store.contents([line.seq for line in self.lines]))
        self.texts = {one: run_sync(engine.store.policies(one)) for one in self.collected().stories[self.run].policies}

    def entries(self, contents: bool = True) -> list[Entry]:
        return [read(line, self.opened.get(line.seq, {}) if contents else None) for line in self.lines]

    def collected(self, contents: bool = True) -> Collected:
        return collect(self.entries(contents))

    def page(self, verified: Verified = WHOLE, contents: bool = True) -> str:
        about = Cover("run", 1_767_600_000_000, "Carla Gil (carla)", "log", "1", verified, "cc", contents)
        return "".join(html(about, self.collected(contents), self.texts))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(Path(tmp_path_factory.mktemp("desk")))


@pytest.fixture(scope="module")
def page(history: History) -> Page:
    return Page(history.page())


def line(seq: int, event: str, opened: dict[str, Any] | None = None, by: str = "alice", **data: Any) -> Entry:
    contents = dict.fromkeys(opened or {}, "00")
    told = {"seq": seq, "prev": "", "event": event, "at": seq, "by": {"id": by}, "run": "run_1", "data": data}
    body = json.dumps({**told, "contents": contents}).encode()
    return read(RecordLine(seq, body, leaf_of(body)), opened)


def drawn(entries: list[Entry], texts: dict[str, str | None] | None = None) -> Page:
    about = Cover("run", 0, "x", "log", "1", WHOLE, "cc", contents=True)
    return Page("".join(html(about, collect(entries), texts or {})))


# -- what it tells


def test_each_signature_has_a_printed_name_a_time_and_a_meaning(history: History) -> None:
    found = history.collected()
    story = found.stories[history.run]
    signed = [
        (one.name, one.meaning, one.took_ms, one.on_behalf_of)
        for question in story.questions.values()
        for one in signatures(question, found)
    ]
    minute = 60_000
    assert signed == [
        ("María Peña", "Approved", 7 * minute, ""),
        ("Frank O'Neill", "Approved, with changes", 9 * minute, ""),
        ("Nina Okafor", "Rejected", 12 * minute, "frank"),
        ("Frank O'Neill", "Approved, as the one who changed it", None, ""),
        ("María Peña", "Approved", 3 * minute, ""),
        ("Alice Aalto", "Approved", 0, ""),
        ("María Peña", "Reviewed the result and released another one instead", minute, ""),
        ("Alice Aalto", "Approved", 0, ""),
        ("Alice Aalto", "Declared that the action took effect", 30 * minute, ""),
        ("Otto Brandt", "Approved alone, in an emergency", minute, ""),
        ("María Peña", "Approved", 0, ""),
    ]
    did = {(line.actor, line.at) for line in story.lines}
    text = Page(history.page()).text
    for question in story.questions.values():
        for one in signatures(question, found):
            assert (one.id, one.at) in did
            assert iso(one.at)[:-1].replace("T", " ") + " UTC" in text


def test_the_page_has_all_that_a_reviewer_asks_for(page: Page, history: History) -> None:
    for word in (
        "The record verified",
        "María Peña",
        "Nina Okafor",
        "on behalf of frank",
        "nobody asked for that",
        "the deductible is 2,200",
        "claims/large-payments",
        "claims.policy.yaml:9",
        "Whether tell_authority (call 4.0) took effect was not known",
        "Otto Brandt passed the gate of pay_claim (call 5.0) alone, in an emergency; María Peña reviewed it",
        "Frank O'Neill changed the arguments of pay_claim (call 2.0): amount",
        "Reviewed the emergency approval",
        "the family is without a roof; finance is unreachable",
        "Settle claim C-1042 of Rosa Lind",
        "12000",
        "9800",
        "receipt 55-1",
        "without a new question",
        "python3 -I -S verify.py",
        "2026-01-05 08:12:00.000 UTC",
        "when: args.amount > 1000",
    ):
        assert word in page.text, word
    for one in history.lines:
        assert one.leaf in page.text
    for digest in re.findall(r'"digest":"([0-9a-f]{64})"', b"".join(x.body for x in history.lines).decode()):
        assert digest in page.text


def test_what_is_hidden_is_said_to_be_so(history: History, page: Page) -> None:
    assert "pin-of-rosa" not in page.text
    assert "DE89" not in page.text
    classes = [attributes.get("class") for _, attributes in page.tags]
    assert classes.count("hidden") >= 4
    closed = Page(history.page(contents=False))
    assert "12000" not in closed.text
    assert "Rosa" not in closed.text
    assert "Not shown in this export; the line is committed to it by" in closed.text


def test_what_was_erased_is_said_to_be_so() -> None:
    judged = line(2, "call_judged", {"args": 1}, call="1.0", tool="pay", outcome="allow")
    erased = read(RecordLine(2, judged.body, judged.leaf), {})
    assert "No longer kept (erased, pruned, or never stored)" in drawn([line(1, "run_created"), erased]).text


def test_a_record_that_did_not_verify_is_no_evidence(history: History) -> None:
    broken = Page(history.page(Verified("broken", 96, "aa", findings=("line 7: changed",))))
    assert "THE RECORD DID NOT VERIFY" in broken.text
    assert "line 7: changed" in broken.text
    assert "The record verified" not in broken.text
    unsigned = Page(history.page(Verified("unsigned", 96, "aa")))
    assert "no checkpoint is signed" in unsigned.text


def test_what_a_person_had_before_the_eyes_is_shown() -> None:
    asked = line(2, "requirement_opened", requirement="req_1", kind="confirm", call="1.0", tool="pay")
    seen = line(
        3, "requirement_viewed", {"presentation": {"title": "Pay 5 to bob"}}, requirement="req_1", presented="ffee"
    )
    text = drawn([line(1, "run_created"), asked, seen]).text
    assert "Looked at by alice" in text
    assert "Pay 5 to bob" in text
    assert "ffee" in text


# -- what it does


def test_the_page_stands_alone_and_does_nothing(page: Page, history: History) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "img", "link", "form", "input", "base", "audio", "video"}
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style", "srcset"}]
        assert str(attributes.get("href", "#")).startswith("#")
    text = history.page()
    assert "url(" not in text
    assert "@import" not in text
    assert "http://" not in text.replace("http-equiv", "")


def test_every_link_leads_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids), targets - set(ids)


def test_hostile_text_is_shown_and_does_nothing(page: Page) -> None:
    assert "</script><script>alert(1)</script>" in page.text
    assert "⟦U+202E⟧evil⟦U+2066⟧" in page.text
    assert not {"\u202e", "\u2066", "\x00"} & set("".join(page.texts))


@pytest.mark.parametrize(
    "text", [HOSTILE, "<img src=x onerror=alert(1)>", '"><b id="line-1">', "\x00\u202e\ud800", "&lt;"]
)
@pytest.mark.parametrize(
    "made",
    [
        lambda text: line(2, "call_judged", {"args": {text: text}}, text, call=text, tool=text, outcome=text),
        lambda text: line(2, text or "x", None, text, call=text, requirement=text),
        lambda text: line(2, "requirement_opened", None, text, requirement=text, kind=text, call="1.0", of=[text]),
        lambda text: line(2, "run_done", None, text, trigger=text),
        lambda text: line(
            2, "call_judged", reasons=[dict.fromkeys(("policy", "rule", "effect", "file"), text)], call="1"
        ),
    ],
)
def test_no_field_of_a_line_can_break_out(text: str, made: Callable[[str], Entry]) -> None:
    text = text.encode("utf-8", "ignore").decode()
    entries = [line(1, "run_created", {"input": text}, kind=text, name=text, policies=text), made(text)]
    page = drawn(entries, {text: json.dumps({"files": {text: text}})})
    assert not {tag for tag, _ in page.tags} & {"script", "img", "b"}
    assert not {"\u202e", "\x00", "\u2066"} & set("".join(page.texts))


def test_a_page_of_nothing_and_of_parts_is_a_page() -> None:
    assert drawn([]).text
    for event in ("requirement_resolved", "call_succeeded", "call_started", "requirement_voted", "break_glass", "x"):
        assert drawn([line(5, event, call="1.0", requirement="req_1")]).text


# -- its parts


def test_an_effect_that_no_line_authorises_is_grave() -> None:
    found = collect([line(1, "run_created"), line(2, "call_started", call="1.0", tool="pay")])
    (point,) = points(found.stories["run_1"], found)
    assert point.grave
    assert "no line authorises it" in point.text


def test_a_fast_answer_to_a_grave_question_is_a_point() -> None:
    lines = [
        line(1, "run_created"),
        line(2, "call_judged", call="1.0", tool="pay", severity="high"),
        line(3, "requirement_opened", call="1.0", tool="pay", requirement="req_1", kind="approval"),
        line(903, "requirement_resolved", call="1.0", requirement="req_1", answer="approve", by="maria"),
    ]
    found = collect(lines)
    assert [one.text for one in points(found.stories["run_1"], found)] == [
        "maria answered about pay (call 1.0) within 900 ms"
    ]


def test_a_long_way_is_drawn_in_part_and_told_whole() -> None:
    states = ("paused", "resolving", "continuing")
    lines = [line(1, "run_created"), *(line(n, f"run_{states[n % 3]}") for n in range(2, MAX_STEPS + 12))]
    shown = path(collect(lines).stories["run_1"]).text
    assert shown.count("<rect") == MAX_STEPS
    assert "more steps stand in the table" in shown
    assert shown.count("<tr>") == MAX_STEPS + 12


def test_a_rule_is_marked_from_its_first_line_to_its_last() -> None:
    text = "rules:\n  - id: a\n    tools: x\n\n    gate: confirm\n\n  - {id: b}\n"
    (file,) = files_of(json.dumps({"files": {"p.yaml": text}}))
    assert (list(rule_lines(file, 2)), list(rule_lines(file, 7))) == ([2, 3, 4, 5], [7])
    assert [list(rule_lines(file, line)) for line in (0, 99, -1)] == [[], [], []]
    assert files_of("no json") == (File("", ("no json",)),)
    assert files_of('{"files": 3}') == (File("", ('{"files": 3}',)),)


def test_the_policies_that_decided_come_before_the_others() -> None:
    rule = {"policy": "p", "rule": "r", "effect": "allow", "file": "second", "line": 2}
    found = collect([line(1, "call_judged", call="1.0", tool="pay", policies="cd" * 32, reasons=[rule])])
    files = dict.fromkeys(("first", "second", "third"), "rules:\n  - id: r\n")
    text = Appendix({"cd" * 32: json.dumps({"files": files})}, found.stories.values()).page().text
    assert text.index("<code>second</code>") < text.index("<code>first</code>") < text.index("<code>third</code>")


def test_changes_are_told_value_by_value() -> None:
    told = unescape(changes({"a": 1, "b": True, "c": [1]}, {"a": 1.0, "b": 1, "d": "x"}).text)
    assert re.findall(r"<code>(\w)</code>", told) == ["b", "c", "d"]
    assert "Nothing that is shown" in changes({"a": 1}, {"a": 1}).text
    assert "all of it" in changes("x", "y").text


def test_small_words() -> None:
    assert [lasted(ms) for ms in (None, 0, 999, 1_500, 60_000, 61_000, 3_600_000, 90_000_000, -5)] == [
        *("", "0 ms", "999 ms", "1.5 s", "1 min", "1 min 1 s", "1 h", "1 d 1 h", "-5 ms")
    ]
    assert esc("<\u202e>").text == "&lt;⟦U+202E⟧&gt;"
    cut = block("x" * (VALUE_LIMIT + 7)).text
    assert "7 characters more stand in the record" in cut
    hidden = block('"⟦masked⟧" "⟦redacted: iban⟧" "⟦other⟧"').text
    assert hidden.count('class="hidden"') == 2
    assert "⟦U+27E6⟧other⟦U+27E7⟧" in hidden
