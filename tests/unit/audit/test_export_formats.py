"""The record as a table, as CloudEvents, as OCSF: each fits what its format wants, and nothing is lost on the way."""

from __future__ import annotations

import csv as readers
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claims import Desk
from hitl_fsm.audit.chain import GENESIS, leaf_of
from hitl_fsm.audit.export.cloudevents import cloudevents
from hitl_fsm.audit.export.csv import COLUMNS, csv
from hitl_fsm.audit.export.lines import Entry, read, read_all
from hitl_fsm.audit.export.ocsf import ocsf
from hitl_fsm.audit.export.ocsf_events import ACTIVITIES, ENTITIES
from hitl_fsm.errors import Tampered
from hitl_fsm.ports import RecordLine

LOG = "hitl-fsm/default/0123456789abcdef"
SCHEMAS = Path(__file__).parents[3] / "schemas/record"
GOLDEN = Path(__file__).parents[2] / "golden"
HOSTILE = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[RecordLine]:
    desk = Desk(Path(tmp_path_factory.mktemp("desk")))
    desk.history()
    return desk.engine().audit.records()


@pytest.fixture(scope="module")
def entries(lines: list[RecordLine]) -> list[Entry]:
    return list(read_all(lines))


def made(event: str = "noted", **more: Any) -> Entry:
    line = {"seq": 1, "prev": GENESIS, "event": event, "at": 1_767_600_000_123, "by": {"id": "alice"}, **more}
    body = json.dumps(line).encode()
    return read(RecordLine(1, body, leaf_of(body)), more.get("opened"))


def rows(found: list[Entry]) -> list[dict[str, str]]:
    return list(readers.DictReader(io.StringIO("".join(csv(found)), newline="")))


# -- csv


def test_each_line_is_a_row_with_what_it_says(entries: list[Entry]) -> None:
    found = rows(entries)
    assert [int(row["seq"]) for row in found] == [entry.seq for entry in entries]
    assert [json.loads(row["data"] or "{}") for row in found] == [entry.data for entry in entries]
    assert [row["leaf"] for row in found] == [entry.leaf for entry in entries]
    rejected = next(row for row in found if row["event"] == "requirement_rejected")
    assert (rejected["printed_name"], rejected["on_behalf_of"]) == ("Nina Okafor", "frank")
    assert (rejected["time"], rejected["waited_ms"]) == ("2026-01-05T08:12:00.000Z", "720000")
    judged = next(row for row in found if row["tool"] == "pay_claim")
    assert re.fullmatch(r"claims/large-payments \(.*claims\.policy\.yaml:9\): .*", judged["rules"])


def test_a_table_is_rfc_4180() -> None:
    text = "".join(csv([made(by={"id": 'a "b", c'}, data={"tool": "x\r\ny"})]))
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    head, row = readers.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(head) == COLUMNS
    assert row[COLUMNS.index("actor")] == 'a "b", c'
    assert row[COLUMNS.index("tool")] == "x⟦U+000D⟧⟦U+000A⟧y"
    assert len(row) == len(COLUMNS)


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0A", "  =1", "\u00a0=1", HOSTILE])
def test_no_cell_is_a_formula(start: str) -> None:
    entry = made(start, run=start, by={"id": start, "printed_name": start, "roles": [start]}, data={"tool": start})
    (row,) = rows([entry])
    for name, cell in row.items():
        assert cell.lstrip(" \u00a0")[:1] not in set("=+-@|%\t\r"), (name, cell)
    assert row["actor"].endswith(start.lstrip("\u00a0")) or "U+00A0" in row["actor"]


def test_what_hides_or_reorders_is_spelled_out_in_a_table() -> None:
    text = "".join(csv([made(by={"id": "eve\u202e"}, data={"tool": "a\u0000b", "x": "\u202e\u200b"})]))
    assert not {"\u202e", "\u200b", "\u0000"} & set(text)
    (row,) = readers.DictReader(io.StringIO(text, newline=""))
    assert row["actor"] == "eve⟦U+202E⟧"
    assert json.loads(row["data"]) == {"tool": "a\u0000b", "x": "\u202e\u200b"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**90), 2**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.text())
@example("\x7f", "a\u0000\r\n")
@example({"b": 1, "a": "\u202e"}, "\ud7ff\U0001f600")
def test_any_data_is_read_back_from_a_cell_without_anything_in_it_that_hides(value: Any, tool: str) -> None:
    text = "".join(csv([made(data={"x": value, "tool": tool})]))
    (row,) = readers.DictReader(io.StringIO(text, newline=""))
    assert json.loads(row["data"]) == {"x": value, "tool": tool}
    assert row["data"].isascii()
    assert row["data"].isprintable()


# -- cloudevents

CLOUDEVENT = {  # CloudEvents 1.0.2, "Required Attributes" and "Optional Attributes", and its JSON format
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "pattern": r"^hitl-fsm\.[a-z_]+\.v1$"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "minLength": 1, "format": "uri"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "data": {"type": "object"},
    },
    "patternProperties": {"^[a-z0-9]{1,20}$": True},
    "additionalProperties": False,
}


def test_each_line_is_a_cloudevent(entries: list[Entry], lines: list[RecordLine]) -> None:
    check = jsonschema.Draft202012Validator(CLOUDEVENT)
    texts = list(cloudevents(entries, source=LOG))
    assert len(texts) == len(lines)
    for text, line in zip(texts, lines, strict=True):
        event = json.loads(text)
        check.validate(event)
        assert event["data"] == json.loads(line.body)
        schema = json.loads((SCHEMAS / f"{event['data']['event']}.v1.schema.json").read_text(encoding="utf-8"))
        assert schema["$id"] == event["dataschema"]
        jsonschema.Draft202012Validator(schema).validate(event["data"])
        assert line.body.decode() in text, "the line itself, not another writing of it"
        assert (event["id"], event["leaf"], event["source"]) == (line.leaf, line.leaf, f"/{LOG}")
        assert text.count("\n") == 1
    assert len({json.loads(text)["id"] for text in texts}) == len(texts)


def test_opened_contents_stand_beside_the_line() -> None:
    entry = made("call_judged", contents={"args": "00"}, run="run_1")
    (text,) = cloudevents([read(RecordLine(1, entry.body, entry.leaf), {"args": {"to": "bob"}})], source=LOG)
    assert json.loads(text)["data"]["opened"] == {"args": {"to": "bob"}}
    assert "dataschema" not in json.loads(text)


def test_the_version_of_a_lines_shape_is_in_its_type() -> None:
    (text,) = cloudevents([made("call_judged", v=2)], source=LOG)
    assert json.loads(text)["type"] == "hitl-fsm.call_judged.v2"
    assert json.loads(text)["dataschema"].endswith(":call_judged:v2")


# -- ocsf


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "ocsf-1.8.0.json").read_text(encoding="utf-8"))
    return found


KINDS = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool}


def check_ocsf(event: dict[str, Any], schema: dict[str, Any]) -> None:
    profiles = set(event["metadata"].get("profiles", ()))
    _check(event, schema["classes"][str(event["class_uid"])], schema["objects"], profiles)
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["category_uid"] == event["class_uid"] // 1000
    assert (event["status_id"] == 99) == ("status" in event)


def _check(value: dict[str, Any], name: str, objects: dict[str, Any], profiles: set[str]) -> None:
    about = objects[name]
    for attribute, row in about["attributes"].items():
        wanted = row.get("required") and row.get("profile") in {None, *profiles}
        assert not wanted or attribute in value, (name, attribute)
    assert not about.get("at_least_one") or set(about["at_least_one"]) & set(value), name
    for attribute, found in value.items():
        row = about["attributes"][attribute]
        assert row.get("profile") in {None, *profiles}, (name, attribute)
        assert isinstance(found, list) == row.get("array", False), (name, attribute)
        for one in found if isinstance(found, list) else [found]:
            if row["type"] in objects:
                _check(one, row["type"], objects, profiles)
            elif row["type"] in KINDS:
                assert type(one) is KINDS[row["type"]], (name, attribute, one)
                assert one in row.get("enum", (one,)), (name, attribute, one)
            else:
                assert row["type"] in {"object", "json_t"}, (name, attribute)


def test_each_line_is_an_event_of_its_class(
    entries: list[Entry], lines: list[RecordLine], schema: dict[str, Any]
) -> None:
    texts = list(ocsf(entries, version="1", source=LOG))
    assert len(texts) == len(lines)
    for text, line in zip(texts, lines, strict=True):
        event = json.loads(text)
        check_ocsf(event, schema)
        assert event["raw_data"].encode() == line.body
        assert leaf_of(event["raw_data"].encode()) == event["raw_data_hash"]["value"]
        assert isinstance(event["time"], int)
        assert event["observables"]


def test_a_verdict_says_what_the_policies_made_of_it(entries: list[Entry]) -> None:
    found = {}
    for text in ocsf(entries, version="1", source=LOG):
        event = json.loads(text)
        found.setdefault((event["metadata"]["event_code"], event.get("api", {}).get("operation")), event)
    judged = found["call_judged", "pay_claim"]
    assert (judged["action_id"], judged["action"], judged["severity_id"]) == (99, "gated", 4)
    (rule,) = judged["authorizations"]
    assert rule["policy"]["name"] == "claims/large-payments"
    assert rule["policy"]["desc"].endswith("claims.policy.yaml:9")
    assert found["call_judged", "look_up"]["action_id"] == 1
    no = found["requirement_rejected", None]
    assert (no["class_uid"], no["status_id"], no["entity"]["type"]) == (3004, 2, "requirement")
    assert (no["actor"]["user"]["full_name"], no["unmapped"]["on_behalf_of"]) == ("Nina Okafor", "frank")
    assert "invoked_by" not in no["actor"]  # of a service, and deprecated
    reply = found["model_replied", "model_replied"]
    assert (reply["ai_model"]["name"], reply["message_context"]["total_tokens"]) == ("scripted", 0)


@pytest.mark.parametrize("event", [*ACTIVITIES, "call_judged", "model_replied", "an_event_of_tomorrow"])
def test_every_event_fits_its_class_whatever_its_line_has(event: str, schema: dict[str, Any]) -> None:
    for data in ({}, {"outcome": "deny", "tokens": "x", "severity": 7, "reasons": [3, {}]}):
        (text,) = ocsf([made(event, data=data)], version="1", source=LOG)
        check_ocsf(json.loads(text), schema)
    activity = ACTIVITIES.get(event)
    assert activity is None or not activity.entity or activity.entity in ENTITIES


# -- lines


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"seq":1}', b"\xff", b"[" * 100_000])
def test_what_is_no_line_is_told_as_such(body: bytes) -> None:
    with pytest.raises(Tampered) as refused:
        read(RecordLine(7, body, leaf_of(body)))
    assert "line 7" in refused.value.message
