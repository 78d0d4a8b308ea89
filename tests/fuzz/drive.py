"""One mutated file through everything that reads it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from fuzz.broken_actions import actions
from fuzz.mutate import Mutated
from fuzz.oracle import Broken, findings_hold, holds, seen_hold, texts_hold, verdicts_hold
from fuzz.seeds import HERE, ROOT, read
from hitl_fsm.errors import Diagnostic, PolicyError, ToolError
from hitl_fsm.model.visible import visible_block
from hitl_fsm.policy.catalogue import read_catalogue
from hitl_fsm.policy.compare import compare_sets
from hitl_fsm.policy.describe.html import html
from hitl_fsm.policy.describe.markdown import markdown
from hitl_fsm.policy.describe.page import page
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.example_actions import example_actions
from hitl_fsm.policy.explain import explain
from hitl_fsm.policy.form import Form, ask_user_schema, check_form, form, value_problems
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check, load, restore
from hitl_fsm.policy.project import Project
from hitl_fsm.policy.schemas import read_schema
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.surroundings import Surroundings
from hitl_fsm.policy.testing import as_data, as_junit, as_text
from hitl_fsm.policy.testing.read import read_test
from hitl_fsm.policy.testing.suite import Suite, Wish, examine

TOOLS, ROLES, ROUTES = (
    f"{HERE.relative_to(ROOT).as_posix()}/{name}" for name in ("tools.json", "all.roles.yaml", "all.routes.yaml")
)
WITH_TOOLS = 0.35
"""How often the policies are held against the tools; most seeds name others, so that they do not load."""
WITH_ANSWERS = 0.3
"""How often the forms of policies are answered; those of files of their own always are."""
MAX_JUDGED = 8
"""Actions that one file's policies judge."""
_deep: Any = 1
for _ in range(5000):
    _deep = [_deep]
_ANSWERS: list[Any] = [
    *(
        {},
        None,
        [],
        1,
        "x",
        {"a": None},
        {"reason": 1},
        {"reason": "aaa"},
        {"a": "x" * 5000},
        {"a": {"b": [1, "1", True, 1.0]}},
    ),
    *(
        {"a": float("nan")},
        {"a": "\ud800"},
        {1: 2},
        {"a": 10**400},
        {"x" * 500: 1},
        {"a": [[[]]] * 50, "lines": [{"text": 1}]},
        _deep,
    ),
]


class Outcome(NamedTuple):
    """`codes` of what was found; whether the policies loaded all the same; what must hold and did not."""

    codes: frozenset[str]
    loaded: bool
    judged: int


def drive(number: int, one: Mutated) -> Outcome:
    """Whatever the file holds: findings at places, or policies that say the same in every way. Raises otherwise."""
    rng = random.Random(number)
    files = _files(one)
    around, found = _around(one.seed.name, files)
    if one.seed.kind != "tools" and rng.random() > WITH_TOOLS:
        around = around._replace(tools=None)
    project = check({name: files[name] for name in files if _is_policy(name)}, _reader(one), around)
    found += [*project.findings, *lint(project)]
    findings_hold(found, files)
    texts_hold(found, files)
    judged = 0
    if project.policies is not None:
        judged = _loaded(rng, project, project.policies)
    else:
        holds(any(one.severity == "error" for one in project.findings), "nothing is wrong, and it does not load")
        _refused(project)
    found += _tests(files, project)
    if one.seed.kind == "form":
        _form(one)
    return Outcome(frozenset(finding.code for finding in found), project.policies is not None, judged)


def _is_policy(name: str) -> bool:
    return (
        ".policytest." not in name and ".roles." not in name and ".routes." not in name and not name.endswith(".json")
    )


def _files(one: Mutated) -> dict[str, bytes]:
    """The mutated file, and those that go with it."""
    files = {name: read(name) for name in one.seed.beside}
    return {**files, TOOLS: read(TOOLS), ROLES: read(ROLES), ROUTES: read(ROUTES), one.seed.name: one.data}


def _around(name: str, files: Mapping[str, bytes]) -> tuple[Surroundings, list[Diagnostic]]:
    if name.endswith((".roles.yaml", ".routes.yaml")):
        kind = "roles" if name.endswith(".roles.yaml") else "routes"
        around, found = read_surroundings(
            *({file: files[file]} if kind == which else {} for which, file in (("routes", name), ("roles", name)))
        )
        holds((getattr(around, kind) is None) == bool(found), f"{kind} are known and wrong")
        return around._replace(tools=_untouched().tools), list(found)
    if name == TOOLS:
        known = read_catalogue(files[TOOLS], TOOLS)
        holds((known.tools is None) == bool(known.findings), "tools are known and wrong")
        return _untouched()._replace(tools=known.tools), list(known.findings)
    return _untouched(), []


@cache
def _untouched() -> Surroundings:
    around, found = read_surroundings({ROUTES: read(ROUTES)}, {ROLES: read(ROLES)})
    known = read_catalogue(read(TOOLS), TOOLS)
    holds(not found and known.tools, "the corpus itself is wrong")
    return around._replace(tools=known.tools)


def _reader(one: Mutated) -> Any:
    def reading(path: str) -> bytes:
        if path == one.seed.name:
            return one.data
        if not (path.startswith(("schemas/", "tests/unit/policy/lint/")) and path.endswith(".json")) or ".." in path:
            raise FileNotFoundError(2, "No such file or directory", path)
        return read(path)

    return reading


def _refused(project: Project) -> None:
    try:
        page(project)
    except PolicyError:
        return
    msg = "policies that do not load were described"
    raise Broken(msg)


def _loaded(rng: random.Random, project: Project, policies: PolicySet) -> int:
    """What loads is described, restored, explained and compared, and says the same everywhere."""
    paper = page(project)
    for shown, what in ((markdown(paper), "markdown"), (html(paper), "html")):
        seen_hold(shown, what)
        holds(policies.digest in shown, f"the digest is not in the {what}")
    restored = restore(policies.text, digest=policies.digest)
    holds(
        (restored.text, restored.names, restored.rule_count) == (policies.text, policies.names, policies.rule_count),
        "restored otherwise",
    )
    asked = actions(rng, policies)
    rng.shuffle(asked)
    examples = [action for _, _, _, action in example_actions(project.members)]
    asked = [*asked[:MAX_JUDGED], *examples[:2]]
    for action in asked:
        verdicts_hold(policies, restored, action)
    for compared in compare_sets(policies, restored, asked[:4]):
        holds(compared.comparison.change == "equal", f"not equal to itself: {compared.comparison}")
    for compared in compare_sets(_before(), policies, asked[:4]):
        holds(
            compared.comparison.change != "equal" or compared.old.outcome == compared.new.outcome,
            "equal, and not the same",
        )
    for action in examples[:2]:
        seen_hold(visible_block(msgspec.json.encode(explain(policies, action).as_json()).decode()), "explain")
    if rng.random() < WITH_ANSWERS:
        for schema in _schemas(policies):
            _answered(schema)
    return len(asked)


@cache
def _before() -> PolicySet:
    name = "policies/payments/payments.policy.yaml"
    return load({name: read(name)}, read)


def _schemas(policies: PolicySet) -> Iterator[Mapping[str, Any]]:
    for policy in policies._policies:
        for rule in policy.rules:
            for gate in rule.gates:
                for name in ("schema", "result_schema"):
                    if getattr(gate, name, None) is not None:
                        yield getattr(gate, name)


def _answered(schema: Mapping[str, Any]) -> None:
    """A form that was taken can be held against any answer."""
    for answer in _ANSWERS:
        lines = value_problems(schema, answer)
        holds(all(isinstance(line, str) and line and len(line) < 1000 for line in lines), f"answers: {lines!r:.200}")
    with_form = _form_of(schema)
    if with_form is not None:
        for index, answer in enumerate(_ANSWERS):
            holds(with_form.problems(answer) or isinstance(answer, dict), f"a form takes answer {index}")


def _form_of(schema: Mapping[str, Any]) -> Form | None:
    try:
        return form(schema)
    except ToolError:
        return None


def _form(one: Mutated) -> None:
    """A form by itself, also as one that a model asks with."""
    try:
        schema = read_schema(one.data, one.seed.name)
    except ValueError:
        return
    if not check_form(schema):
        _answered(schema)
    try:
        form(ask_user_schema({"question": "Which?", "schema": schema}))
    except ToolError:
        return


def _tests(files: Mapping[str, bytes], project: Project) -> list[Diagnostic]:
    suites: list[Suite] = []
    for name, data in files.items():
        if ".policytest." in name:
            test, wrong = read_test(data, name)
            findings_hold(wrong, files)
            suites.append(Suite(test, project, tuple(wrong)))
    if not suites:
        return []
    report = examine(suites, Wish(coverage=True))
    findings_hold(report.findings, files)
    for result in report.results:
        findings_hold(result.findings, files)
        holds(result.passed == (not result.findings), "a failure says nothing")
    for render in (as_text.render, as_text.summary, as_junit.render):
        seen_hold(render(report), render.__module__)
    msgspec.json.encode(as_data.as_object(report))
    return [*report.findings, *(one for suite in suites for one in suite.findings)]
