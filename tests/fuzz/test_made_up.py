"""Made up from nothing, by grammars and by chance: bytes, YAML, conditions and forms that no seed leads to."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.drive import drive
from fuzz.mutate import SCALARS, WORDS, Mutated
from fuzz.mutate_expressions import ATOMS
from fuzz.mutate_forms import _KEYWORDS as KEYWORDS
from fuzz.mutate_forms import _NAMES as NAMES
from fuzz.mutate_forms import _PATTERNS as PATTERNS
from fuzz.seeds import Kind, Seed, seeds

HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: a\ntools: [pay]\n"
SOME = settings(max_examples=20, deadline=None)

operands = st.one_of(
    st.sampled_from(ATOMS), st.text(max_size=5).map(json.dumps), st.integers().map(str), st.floats().map(str)
)
conditions = st.recursive(
    operands,
    lambda one: st.one_of(
        st.builds("({0}) {1} ({2})".format, one, st.sampled_from(["&&", "||", "==", "<", ">=", "in", "+", "%"]), one),
        st.builds("!({0})".format, one),
        st.builds("({0}) ? ({1}) : ({2})".format, one, one, one),
        st.builds(
            "({0}).{1}(x, {2})".format, one, st.sampled_from(["all", "exists", "map", "filter", "exists_one"]), one
        ),
        st.builds(
            "({0}).{1}({2})".format,
            one,
            st.sampled_from(["matches", "contains", "startsWith", "size", "getHours"]),
            one,
        ),
        st.builds(
            "{1}({0})".format,
            one,
            st.sampled_from(["size", "int", "string", "double", "timestamp", "type", "has", "dyn"]),
        ),
        st.builds("[{0}, {1}][{2}]".format, one, one, one),
    ),
    max_leaves=8,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["string", "object", "#", "#/$defs/a", *PATTERNS]),
    lambda one: st.lists(one, max_size=4) | st.dictionaries(st.sampled_from([*KEYWORDS, *NAMES]), one, max_size=5),
    max_leaves=25,
)
yaml = st.recursive(
    st.sampled_from([*WORDS, *SCALARS]),
    lambda one: st.one_of(
        st.lists(one, max_size=4).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(st.tuples(st.sampled_from([*WORDS, *SCALARS]), one), max_size=4).map(
            lambda parts: "{" + ", ".join(f"{key}: {value}" for key, value in parts) + "}"
        ),
    ),
    max_leaves=20,
)


def read(kind: Kind, data: bytes) -> None:
    drive(0, Mutated(seeds()[kind][0]._replace(data=data), data, ()))


@SOME
@given(kind=st.sampled_from(sorted(seeds())), data=st.binary(max_size=200))
def test_bytes(kind: Kind, data: bytes) -> None:
    read(kind, data)


@SOME
@given(kind=st.sampled_from(sorted(seeds())), text=st.one_of(yaml, st.text(max_size=200)))
def test_yaml(kind: Kind, text: str) -> None:
    read(kind, text.encode("utf-8", "replace"))


@SOME
@given(
    kind=st.sampled_from(["policy", "policytest", "roles", "routes"]),
    entries=st.lists(st.tuples(st.sampled_from(WORDS), yaml), min_size=1, max_size=8),
)
def test_documents_of_the_languages_own_words(kind: Kind, entries: list[tuple[str, str]]) -> None:
    body = "".join(f"{key}: {value}\n" for key, value in entries)
    read(kind, (body if kind != "policy" else HEAD + body).encode("utf-8", "replace"))


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(conditions, min_size=1, max_size=3),
    key=st.sampled_from(["when", "unless"]),
    gate=st.sampled_from(["allow", "audit", "deny"]),
)
def test_law06_conditions(texts: list[str], key: str, gate: str) -> None:
    note = "{deny: {note: no}}" if gate == "deny" else gate
    text = f"{HEAD}vars: {{limit: 5, home: [EUR]}}\nrules: [{{id: r, {key}: {json.dumps(texts)}, gate: {note}}}]\n"
    read("policy", text.encode("utf-8", "replace"))


@SOME
@given(schema=st.dictionaries(st.sampled_from(KEYWORDS), values, max_size=6), bare=st.booleans())
def test_forms(schema: dict[str, Any], bare: bool) -> None:
    whole = schema if bare else {"type": "object", "properties": {"a": schema}}
    text = json.dumps(whole)
    read("form", text.encode())
    read("policy", f"{HEAD}rules: [{{id: r, gate: {{user_input: {{schema: {text}}}}}}}]\n".encode())


def test_a_seed_of_each_kind_can_stand_for_it() -> None:
    for kind, found in seeds().items():
        assert isinstance(found[0], Seed)
        drive(0, Mutated(found[0], found[0].data, ()))
        assert found[0].kind == kind
