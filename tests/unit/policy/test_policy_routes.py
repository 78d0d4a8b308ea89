"""What a route says of its results becomes part of the gates that name it, and of the set: its text and its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from policy_samples import action, policy, reader

from hitl_fsm.adapters.policies import load_policy_files
from hitl_fsm.cli.policies.sides import read_side
from hitl_fsm.errors import Diagnostic, PolicyError
from hitl_fsm.model.verdict import External
from hitl_fsm.policy.compare import compare
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import check, load, recheck, restore
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.surroundings import Surroundings

OUT = policy("- {id: out, gate: {external: {route: bank}}}")
OWN = policy("- {id: out, gate: {external: {route: bank, result_schema: {required: [tx]}, silent: true}}}")
HEAD = "apiVersion: hitl-fsm/v1\nkind: Routes\nroutes:\n"
BANK = {"type": "object", "properties": {"fee": {"type": "number"}}}


def routes(text: str, files: Mapping[str, bytes] | None = None) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    return read_surroundings({"a/all.routes.yaml": (HEAD + text).encode()}, {}, reader(files or {}))


def with_bank(text: str, schema: object = BANK) -> PolicySet:
    around, wrong = routes(f"  bank: {{description: x, result_schema: {json.dumps(schema)}}}\n")
    return load({"p.policy.yaml": text.encode()}, reader({}), around, wrong)


def gate_of(policies: PolicySet) -> External:
    (gate,) = policies.evaluate(action()).gates
    assert isinstance(gate, External)
    return gate


def test_a_gate_has_its_own_schema_and_that_of_its_route() -> None:
    assert gate_of(with_bank(OUT)).result_schemas == (BANK,)
    own = gate_of(with_bank(OWN))
    assert (own.result_schemas, own.silent) == (({"required": ["tx"]}, BANK), True)
    assert with_bank(OWN).evaluate(action()).reasons[0].effect == "external bank, silent"


def test_a_set_that_no_route_adds_to_is_what_it_was_before_routes_could() -> None:
    """Sets that were stored by earlier versions keep their names."""
    alone = load({"p.policy.yaml": OUT.encode()}, reader({}))
    free, _ = routes("  bank: {description: x}\n  mail: {description: y, result_schema: {type: object}}\n")
    beside = load({"p.policy.yaml": OUT.encode()}, reader({}), free)
    assert (beside.digest, beside.text) == (alone.digest, alone.text)
    assert set(json.loads(alone.text)) == {"version", "files", "schemas"}
    assert alone.digest == "4be32859ff6538c20eaea6c5e6f0fb99ff7680d0e430c98f570e6b659d425da6"


def test_a_set_with_a_route_comes_back_from_its_text() -> None:
    policies = with_bank(OUT)
    again = restore(policies.text, digest=policies.digest)
    assert (again.digest, again.text) == (policies.digest, policies.text)
    assert gate_of(again) == gate_of(policies)
    assert recheck(policies, Surroundings(tools={})).policies is None, "there is no tool `pay`"
    looked_at = recheck(policies, Surroundings())
    assert looked_at.policies is not None
    assert looked_at.policies.digest == policies.digest
    assert len({one.digest for one in (policies, with_bank(OUT, {}), load({"p": OUT.encode()}, reader({})))}) == 3


@pytest.mark.parametrize("routes", ["[]", "5", '{"bank":5}', '{"bank":{"type":5}}', '{"bank":{"$ref":"http://x/y"}}'])
def test_law06_a_text_with_damaged_routes_restores_nothing(routes: str) -> None:
    text = with_bank(OUT).text
    whole = f'"routes":{json.dumps({"bank": BANK}, separators=(",", ":"), sort_keys=True)}'
    assert whole in text
    with pytest.raises(PolicyError):
        restore(text.replace(whole, f'"routes":{routes}'))


def test_a_schema_may_stand_in_a_file_near_the_routes() -> None:
    files = {"schemas/bank.json": json.dumps(BANK).encode()}
    around, wrong = routes("  bank: {description: x, result_schema: {$ref: ../schemas/bank.json}}\n", files)
    assert (around.route_schemas, wrong) == ({"bank": BANK}, ())


@pytest.mark.parametrize(
    ("schema", "code", "column", "says"),
    [
        ("{type: 5}", "HF119", 41, "not usable as a result schema: "),
        ("{pattern: '(a'}", "HF119", 41, "not usable as a result schema: "),
        ("{$ref: gone.json}", "HF118", 48, "cannot read a/gone.json"),
        ("{$ref: x.json, type: object}", "HF119", 48, "beside `$ref` to a file nothing else holds: `type`"),
        ("[a]", "HF108", 41, "expected a mapping, found a list"),
    ],
)
def test_what_is_wrong_with_a_schema_is_told_at_its_place_and_nothing_loads(
    schema: str, code: str, column: int, says: str
) -> None:
    around, wrong = routes(f"  bank: {{description: x, result_schema: {schema}}}\n")
    [found] = wrong
    assert (found.code, found.place.file, found.place.line, found.place.column) == (
        code,
        "a/all.routes.yaml",
        4,
        column,
    )
    assert says in found.message
    assert (around.routes, dict(around.route_schemas)) == (None, {})
    assert check({"p": OUT.encode()}, reader({}), around).policies is not None
    with pytest.raises(PolicyError, match=code):
        load({"p": OUT.encode()}, reader({}), around, wrong)


def test_files_are_loaded_with_their_routes_and_again_when_these_change(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "pay.policy.yaml").write_text(OUT)
    told, schema = folder / "all.routes.yaml", tmp_path / "bank.json"
    told.write_text(f"{HEAD}  bank: {{description: x, result_schema: {{$ref: ../bank.json}}}}\n")
    schema.write_text(json.dumps(BANK))
    first = load_policy_files([str(folder)])
    assert load_policy_files([str(folder)]) is first
    assert gate_of(first).result_schemas == (BANK,)
    schema.write_text('{"const": 1}')
    second = load_policy_files([str(folder)])
    assert gate_of(second).result_schemas == ({"const": 1},)
    schema.unlink()
    with pytest.raises(PolicyError, match="HF118"):
        load_policy_files([str(folder)])
    told.unlink()
    assert gate_of(load_policy_files([str(folder)])).result_schemas == ()
    told.with_name("all.routes.yml").write_text("")
    with pytest.raises(PolicyError, match=r"the routes cannot be read: .*all\.routes\.yml"):
        load_policy_files([str(folder)])


def test_a_diff_sees_what_a_route_takes_back(tmp_path: Path) -> None:
    found = []
    for name, line in (("old", f", result_schema: {json.dumps(BANK)}"), ("new", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pay.policy.yaml").write_text(OUT)
        (tmp_path / name / "all.routes.yaml").write_text(f"{HEAD}  bank: {{description: x{line}}}\n")
        found.append(read_side(str(tmp_path / name), name).policies.evaluate(action()))
    assert compare(*found).change == "loosened"
    assert [one.told for one in compare(*found).differences] == [
        "external bank: the route has no checks of results any more"
    ]
    (tmp_path / "new" / "all.routes.yaml").write_text("]")
    with pytest.raises(PolicyError, match=r"new cannot be read: .*all\.routes\.yaml"):
        read_side(str(tmp_path / "new"), "new")


@pytest.mark.parametrize("value", ["yes", "'true'", "1", "[true]"])
def test_silent_is_true_or_false(value: str) -> None:
    text = policy(f"- {{id: out, gate: {{external: {{route: bank, silent: {value}}}}}}}")
    [found] = check({"p": text.encode()}, reader({})).findings
    assert (found.code, "true or false" in found.message) == ("HF108", True)
