"""Findings in the formats that other programs read.

The SARIF shape below is written from the standard: of each object that is printed, what it must and what it may have.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hitl_fsm.errors import Diagnostic, Place
from hitl_fsm.policy.formats.report import Report, summary
from hitl_fsm.policy.formats.sarif import FINGERPRINT, units
from hitl_fsm.policy.render import Format, render

ERROR = Diagnostic(
    "HF112", "unknown name `arg`", Place("p/a.policy.yaml", 3, 11), help="args?", excerpt="    when: arg.x"
)
WARNING = Diagnostic("HF217", "no owner", Place("p/a.policy.yaml", 1, 1), "warning", excerpt="name: a")
INFO = Diagnostic("HF225", "still in shadow", Place("p/b.policy.yaml", 2, 7), "info", excerpt="mode: shadow", width=6)
ALL = Report((WARNING, ERROR, INFO), ("p/a.policy.yaml", "p/b.policy.yaml", "p/c.policy.yaml"), base="/here")
FORMATS: tuple[Format, ...] = ("text", "concise", "json", "sarif", "github", "junit")


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
FROM_1 = {"type": "integer", "minimum": 1}
MESSAGE = closed({"text": TEXT})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
URI = {"type": "string", "pattern": r"^(file:///)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})+$"}
PLACE = {"anyOf": [closed({"uri": URI, "uriBaseId": TEXT}), closed({"uri": {**URI, "pattern": "^file:///"}})]}
REGION = closed({"startLine": FROM_1, "startColumn": FROM_1, "endColumn": FROM_1}, {"snippet": closed({"text": {}})})
RULE = closed(
    {
        "id": {"type": "string", "pattern": r"^HF\d{3}$"},
        "name": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$"},
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": closed({"text": TEXT, "markdown": TEXT}),
        "helpUri": {"type": "string", "pattern": "^[a-z]+:[^ ]+$"},
        "defaultConfiguration": closed({"level": LEVEL}),
    }
)
RESULT = closed(
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": MESSAGE,
        "locations": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": closed({"physicalLocation": closed({"artifactLocation": PLACE, "region": REGION})}),
        },
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT, "minProperties": 1},
    }
)
RUN = closed(
    {
        "tool": closed({"driver": closed({"name": TEXT, "rules": {"items": RULE}}, {"version": TEXT})}),
        "invocations": {"items": closed({"executionSuccessful": {"const": True}, "exitCode": {"enum": [0, 1]}})},
        "columnKind": {"const": "utf16CodeUnits"},
        "originalUriBaseIds": {"type": "object", "additionalProperties": closed({"description": MESSAGE})},
        "artifacts": {"type": "array", "items": closed({"location": PLACE})},
        "results": {"type": "array", "items": RESULT},
    }
)
SARIF = closed(
    {
        "$schema": {"type": "string", "pattern": r"^https://.*/sarif-schema-2\.1\.0\.json$"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "maxItems": 1, "items": RUN},
    }
)


def sarif(report: Report) -> dict[str, Any]:
    log = json.loads(render(report, "sarif", "1.2.3"))
    assert list(Draft202012Validator(SARIF).iter_errors(log)) == []
    run: dict[str, Any] = log["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(ids)) == len(ids)
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert all(base["uriBaseId"] in run["originalUriBaseIds"] for base in bases(run))
    return run


def bases(run: dict[str, Any]) -> list[dict[str, Any]]:
    places = [artifact["location"] for artifact in run["artifacts"]]
    places += [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"]]
    return [place for place in places if "uriBaseId" in place]


def uris(run: dict[str, Any]) -> list[str]:
    return [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]]


def region(found: Diagnostic) -> dict[str, Any]:
    told: dict[str, Any] = sarif(Report((found,)))["results"][0]["locations"][0]["physicalLocation"]["region"]
    return told


def test_sarif_says_of_each_finding_what_it_is_how_bad_and_where() -> None:
    run = sarif(ALL)
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("HF217", "warning"),
        ("HF112", "error"),
        ("HF225", "note"),
    ]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert run["invocations"][0]["exitCode"] == 1
    assert [one["location"]["uri"] for one in run["artifacts"]] == list(ALL.files)
    assert "Hint: args?" in run["results"][1]["message"]["text"]
    assert region(ERROR) == {
        "startLine": 3,
        "startColumn": 11,
        "endColumn": 12,
        "snippet": {"text": "    when: arg.x"},
    }
    assert sarif(Report(()))["results"] == []


def test_sarif_counts_columns_in_utf16_code_units() -> None:
    assert [units(text) for text in ("", "aé", "😀", "e\u0301")] == [0, 2, 2, 2]
    found = Diagnostic("HF108", "m", Place("a", 1, 4), excerpt="a😀 b😀c", width=2)
    told = region(found)
    assert (told["startColumn"], told["endColumn"]) == (5, 8)
    assert "a😀 b😀c".encode("utf-16-le")[2 * 4 : 2 * 7].decode("utf-16-le") == "b😀"
    past = region(Diagnostic("HF107", "m", Place("a", 1, 9), excerpt="abc"))
    assert (past["startColumn"], past["endColumn"]) == (9, 10)


def test_sarif_names_files_by_relative_encoded_references() -> None:
    names = [
        "./p/./ä b#?.policy.yaml",
        "/here/p/x.policy.yaml",
        "../up.policy.yaml",
        "/hereafter/y",
        "a/../b",
        "\udcff",
    ]
    found = tuple(Diagnostic("HF101", "m", Place(name, 1, 1)) for name in names)
    assert uris(sarif(Report(found, base="/here"))) == [
        "p/%C3%A4%20b%23%3F.policy.yaml",
        "p/x.policy.yaml",
        "../up.policy.yaml",
        "file:///hereafter/y",
        "b",
        "%FF",
    ]


def prints(*findings: Diagnostic) -> list[str]:
    return [one["partialFingerprints"][FINGERPRINT] for one in sarif(Report(findings))["results"]]


def test_a_fingerprint_stays_when_lines_move_and_differs_when_the_finding_does() -> None:
    (first,) = prints(ERROR)
    moved = Diagnostic("HF112", ERROR.message, Place("p/a.policy.yaml", 40, 13), excerpt="      when: arg.x")
    assert prints(WARNING, moved)[1] == first
    others = [
        Diagnostic("HF111", ERROR.message, ERROR.place, excerpt=ERROR.excerpt),
        Diagnostic("HF112", "unknown name `argh`", ERROR.place, excerpt=ERROR.excerpt),
        Diagnostic("HF112", ERROR.message, Place("p/b.policy.yaml", 3, 11), excerpt=ERROR.excerpt),
        Diagnostic("HF112", ERROR.message, ERROR.place, excerpt="    when: arg.y"),
    ]
    assert first not in prints(*others)
    assert len(set(prints(ERROR, moved))) == 2, "the same line twice is two findings"


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner of GitHub Actions reads them."""
    found = []
    for line in text.split("\n"):
        match = re.fullmatch(r"::(\w+) ([^:\r\n]*)::([^\r\n]*)", line)
        assert match, line
        properties = dict(pair.split("=", 1) for pair in match[2].split(","))
        for name, value in properties.items():
            for written, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(written, sign)  # noqa: PLW2901 - one after the other
            properties[name] = value
        data = match[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        found.append((match[1], properties, data))
    return found


def test_github_commands_come_back_as_they_were_meant() -> None:
    told = commands(render(ALL, "github"))
    assert [(kind, one["title"]) for kind, one, _ in told] == [
        ("warning", "HF217"),
        ("error", "HF112"),
        ("notice", "HF225"),
    ]
    place = {"file": "p/a.policy.yaml", "line": "3", "col": "11", "endColumn": "12", "title": "HF112"}
    assert told[1][1:] == (place, "unknown name `arg`\nhint: args?")
    hostile = Diagnostic("HF108", "100%0A: a,b\n::error::x\r\x1b[31m", Place("a,b:c%2C\n.policy.yaml", 1, 1))
    ((kind, properties, data),) = commands(render(Report((hostile,)), "github"))
    assert kind == "error"
    assert properties["file"] == "a,b:c%2C⟦U+000A⟧.policy.yaml"
    assert data == "100%0A: a,b\n::error::x⟦U+000D⟧⟦U+001B⟧[31m"


def cases(report: Report) -> dict[str, ET.Element]:
    root = ET.fromstring(render(report, "junit"))
    (suite,) = root
    found = {case.attrib["name"]: case for case in suite}
    failed = sum(case.find("failure") is not None for case in found.values())
    for element in (root, suite):
        assert (element.attrib["tests"], element.attrib["failures"]) == (str(len(found)), str(failed))
    return found


def test_junit_has_a_case_a_file_failed_by_errors_and_when_strict_by_warnings() -> None:
    found = cases(ALL)
    assert list(found) == list(ALL.files)
    failure = found["p/a.policy.yaml"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "3:11 HF112 unknown name `arg`"
    assert "when: arg.x\n" in (failure.text or "")
    assert "HF217 warning: no owner" in (found["p/a.policy.yaml"].findtext("system-out") or "")
    assert found["p/b.policy.yaml"].find("failure") is None
    assert len(found["p/c.policy.yaml"]) == 0
    only = Report((WARNING,), strict=True)
    assert cases(only)["p/a.policy.yaml"].find("failure") is not None
    assert cases(only._replace(strict=False))["p/a.policy.yaml"].find("failure") is None


def test_junit_is_xml_whatever_the_files_hold() -> None:
    hostile = Diagnostic("HF108", 'a]]>&<b "\x00\ufffe\x1b', Place('<"&>\n.policy.yaml', 1, 1), excerpt="<&>\t\x07]]>")
    (case,) = cases(Report((hostile,))).values()
    assert case.attrib["name"] == '<"&>⟦U+000A⟧.policy.yaml'
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == '1:1 HF108 a]]>&<b "⟦U+0000⟧⟦U+FFFE⟧⟦U+001B⟧'
    assert "<&> ⟦U+0007⟧]]>" in (failure.text or "")


def test_text_and_concise_name_what_is_no_error() -> None:
    assert render(ALL, "concise").split("\n") == [
        "p/a.policy.yaml:1:1 HF217 warning: no owner",
        "p/a.policy.yaml:3:11 HF112 unknown name `arg`",
        "p/b.policy.yaml:2:7 HF225 info: still in shadow",
    ]
    assert "b.policy.yaml:2:7 HF225 info: still in shadow\n  |\n2 | mode: shadow\n  |       ^^^^^^" in render(
        ALL, "text"
    )


def test_the_summary_counts_each_level() -> None:
    assert summary(ALL) == "1 error, 1 warning, 1 info in 2 files"
    assert summary(Report((INFO,))) == "1 info in 1 file: ok"
    assert summary(Report((WARNING, WARNING))) == "2 warnings in 1 file: ok"
    flows = ("a.workflow.yaml", "b.workflow.yaml")
    assert summary(Report((), flows)) == "2 workflows: ok"
    assert summary(Report((), ("p.policy.yaml", *flows[:1]), 1, 2)) == "1 policy, 2 rules, 1 workflow: ok"
    assert summary(Report(())) == "0 policies, 0 rules: ok"
    assert summary(Report((WARNING,), strict=True)) == "1 warning in 1 file"
    assert summary(Report((), policies=1, rules=2)) == "1 policy, 2 rules: ok"
    data = json.loads(render(ALL, "json"))
    assert (data["ok"], data["errors"], data["warnings"], data["infos"]) == (False, 1, 1, 1)


def test_an_unknown_severity_is_an_error() -> None:
    odd = Report((Diagnostic("HF101", "m", Place("a", 1, 1), "fatal"),))
    assert not odd.ok
    assert odd.counts() == {"error": 1, "warning": 0, "info": 0}


@pytest.mark.parametrize("one", FORMATS)
def test_no_format_prints_what_a_terminal_would_obey(one: Format) -> None:
    hostile = Diagnostic("HF108", "\x1b[2J\u202e", Place("\x1b]0;x\x07", 1, 1), help="\x9b", excerpt="\x1b[2J\u202e")
    told = render(Report((hostile,), ("\x1b]0;x\x07",)), one)
    assert told
    assert all(char.isprintable() or char == "\n" for char in told)
