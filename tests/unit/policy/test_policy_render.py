"""Findings as text: the whole rendered text is held against a golden copy."""

from __future__ import annotations

import json
from pathlib import Path

from policy_samples import findings

from hitl_fsm.errors import Diagnostic, Place
from hitl_fsm.policy.render import as_json, concise, text

GOLDEN = Path(__file__).parent / "golden"


def test_the_rendered_findings_are_the_golden_ones() -> None:
    broken = (GOLDEN / "broken.yaml").read_text(encoding="utf-8")
    shown = text(findings(broken)).replace("p0.policy.yaml", "broken.policy.yaml") + "\n"
    assert shown == (GOLDEN / "broken.txt").read_text(encoding="utf-8")


def test_one_line_and_json() -> None:
    found = findings("a: b: c")
    assert concise(found) == "p0.policy.yaml:1:5 HF102 a `:` cannot stand here"
    (data,) = json.loads(json.dumps(as_json(found)))
    assert (data["code"], data["file"], data["line"], data["column"], data["severity"]) == (
        "HF102",
        "p0.policy.yaml",
        1,
        5,
        "error",
    )
    assert data.keys() == {"code", "severity", "message", "file", "line", "column", "width", "help", "excerpt"}


def test_what_would_repaint_the_screen_is_shown_instead() -> None:
    shown = text(findings(b"a: \x1b[2Jx\xe2\x80\xaey"))
    assert "⟦U+001B⟧" in shown
    assert "⟦U+202E⟧" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    hostile = Diagnostic(
        "HF108", "bad \x1b[31mred", Place("a\nb.policy.yaml", 1, 1), help="x\u202ey", excerpt="\tkey: \x07", width=3
    )
    assert all(line.isprintable() for line in text([hostile]).split("\n"))
    assert text([hostile]).count("\n") == 4


def test_the_caret_stands_under_what_it_means_even_in_a_long_line() -> None:
    line = "x" * 300 + "HERE" + "y" * 300
    shown = text([Diagnostic("HF108", "m", Place("f", 7, 301), excerpt=line, width=4)]).split("\n")
    code, caret = shown[2], shown[3]
    assert code[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    assert len(code) < 120
    assert code.startswith("7 | …")
    assert code.endswith("…")


def test_a_finding_without_a_line_takes_it_from_the_sources() -> None:
    found = Diagnostic("HF101", "m", Place("f", 2, 1))
    assert "second" not in text([found])
    assert "2 | second" in text([found], {"f": "first\nsecond\n"})
    assert "|" not in text([Diagnostic("HF101", "m", Place("f", 9, 1))], {"f": "first"})
