"""The interpreter: each node, each word of `on_reject` and `on_error`, told again from the record at every turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from played import Outcome, Played, Rule

from hitl_fsm.errors import ModelError, WorkflowChanged, WorkflowStopped
from hitl_fsm.policy.workflows.limits import STEP_NAME_MAX
from hitl_fsm.runtime.tools.tool import NAME_MAX
from hitl_fsm.runtime.workflow.given import StepInput
from hitl_fsm.runtime.workflow.nodes import Condition, Loop, Parallel, Retry, Router, Step, Steps
from hitl_fsm.runtime.workflow.plan import BRANCH, ON_ERROR


def add(letter: str) -> Callable[[str], str]:
    def run(text: str) -> str:
        return text + letter

    return run


def step(letter: str, **words: Any) -> Step:
    return Step(letter, add(letter), **words)


def ends(name: str, *outcomes: Outcome | None) -> Rule:
    """What becomes of the calls by that name, one after the other; the last holds on."""
    left = list(outcomes)

    def rule(called: str, args: dict[str, Any]) -> Outcome | None:
        if called != name:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return rule


DENIED = ("denied", "Rejected by bob: too much. It was not executed.")
WITHHELD = ("withheld", "Its result was rejected by bob: too long. It was executed.")


def test_each_step_gets_the_output_of_the_one_before() -> None:
    played = Played(lambda: [step("a"), step("b"), step("c")])
    assert played.run("-") == "-abc"
    assert [args["input"] for _, args in played.made] == ["-", "-a", "-ab"]


def test_values_keep_their_types() -> None:
    def total(order: dict[str, int]) -> dict[str, int]:
        return {"sum": sum(order.values())}

    def nothing(order: dict[str, int]) -> None:
        assert order == {"sum": 3}

    assert Played(lambda: [total]).run({"a": 1, "b": 2}) == {"sum": 3}
    played = Played(lambda: [total, nothing, Step("see", lambda value: [value])])
    assert played.run({"a": 1, "b": 2}) == [None]


def test_a_function_gets_what_it_names() -> None:
    seen: list[Any] = []

    def by_name(text: str, outputs: dict[str, Any], workflow_input: str, feedback: str) -> str:
        seen.append((text, outputs, workflow_input, feedback))
        return "x"

    async def whole(given: StepInput) -> str:
        seen.append(given)
        return "y"

    assert Played(lambda: [step("a"), by_name, whole]).run("-") == "y"
    assert seen[0] == ("-a", {"a": "-a"}, "-", "")
    assert seen[1] == StepInput("x", {"a": "-a", "by_name": "x"}, "-")


@pytest.mark.parametrize(("first", "told"), [(True, ["c", "a", "b"]), (False, ["c", "d", "b"])])
def test_a_condition_takes_one_way(first: bool, told: list[str]) -> None:
    played = Played(lambda: [Condition("c", lambda text: first, step("a"), [step("d")]), step("b")])
    played.run("-")
    assert played.names == told
    assert played.made[0] == ("c", {"holds": first, "input": "-"})


def test_without_otherwise_the_input_goes_on() -> None:
    assert Played(lambda: [Condition("c", lambda text: False, step("a")), step("b")]).run("-") == "-b"


def test_people_decide_a_condition_by_what_they_leave_in_it() -> None:
    rule = ends("c", ("succeeded", {"holds": False, "input": "!"}))
    played = Played(lambda: [Condition("c", lambda text: True, step("a"), step("b"))], rule)
    assert played.run("-") == "!b"


def test_a_loop_goes_round_until_it_is_told() -> None:
    played = Played(lambda: [Loop("l", [step("a")], until=lambda text: text == "-aa", max_iterations=5)])
    assert played.run("-") == "-aa"
    assert [args for name, args in played.made if name == "l"] == [
        {"iteration": 1, "input": "-"},
        {"iteration": 2, "input": "-a"},
    ]


def test_a_loop_ends_at_its_bound_without_asking() -> None:
    asked: list[int] = []

    def until(text: str, iteration: int) -> bool:
        asked.append(iteration)
        return False

    assert Played(lambda: [Loop("l", step("a"), until, 3)]).run("-") == "-aaa"
    assert asked == [1, 2]


def test_what_was_decided_is_not_decided_again() -> None:
    asked: list[str] = []

    def when(text: str) -> bool:
        asked.append(text)
        return True

    played = Played(lambda: [Condition("c", when, [step("a"), step("b"), step("d")])])
    assert played.run("-") == "-abd"
    assert asked == ["-"]


@pytest.mark.parametrize(("route", "output"), [("a", "-a"), ("g", "-bd")])
def test_a_router_takes_the_way_in_the_calls_result(route: str, output: str) -> None:
    choices = [step("a"), Steps("g", [step("b"), step("d")])]
    assert Played(lambda: [Router("r", choices, lambda text: route)]).run("-") == output
    played = Played(lambda: [Router("r", choices)], ends("r", ("succeeded", {"route": route, "input": "-"})))
    assert played.run("-") == output
    assert played.made[0] == ("r", {"input": "-"})


def test_a_route_that_is_none_is_refused_whoever_says_it() -> None:
    with pytest.raises(ModelError, match="r said 'z', not one of a, b"):
        Played(lambda: [Router("r", [step("a"), step("b")], lambda text: "z")]).run()
    rule = ends("r", ("succeeded", {"route": "z", "input": "-"}))
    with pytest.raises(WorkflowStopped, match="something else than one of a, b"):
        Played(lambda: [Router("r", [step("a"), step("b")])], rule).run()


@pytest.mark.parametrize("said", [1, "true", None])
def test_only_true_and_false_decide(said: object) -> None:
    with pytest.raises(ModelError, match="not True or False"):
        Played(lambda: [Condition("c", lambda text: said, step("a"))]).run()


def test_branches_go_together_and_keep_their_names() -> None:
    played = Played(
        lambda: [Parallel(step("a"), Steps("g", [step("b"), step("c")]), name="p"), Step("see", lambda value: value)]
    )
    assert played.run("-") == {"a": "-a", "g": "-bc"}
    assert played.batches == [("p",), ("a", "g.branch"), ("g",), ("b",), ("c",), ("see",)]


def test_a_branch_knows_what_was_before_it_and_tells_what_it_did() -> None:
    seen: list[Any] = []

    def look(text: str, outputs: dict[str, Any], workflow_input: str) -> str:
        seen.append((sorted(outputs), workflow_input))
        return text

    def after(value: dict[str, str], outputs: dict[str, Any]) -> str:
        seen.append(sorted(outputs))
        return "end"

    tree = [step("a"), Parallel(Steps("g", [step("b"), Step("look", look)]), step("c")), after]
    assert Played(lambda: tree).run("-") == "end"
    assert seen == [(["a", "b"], "-"), ["a", "b", "c", "g", "look"]]


def test_a_branch_that_must_be_retried_does_so_with_the_others() -> None:
    tree = [Parallel(step("a", on_reject="retry"), step("b"))]
    played = Played(lambda: tree, ends("a", DENIED, None))
    assert played.run("-") == {"a": "-a", "b": "-b"}
    assert played.batches == [("a", "b"), ("a",)]


@pytest.mark.parametrize("outcome", [DENIED, WITHHELD])
def test_a_rejected_step_ends_the_workflow_skips_or_gives_way(outcome: Outcome) -> None:
    with pytest.raises(WorkflowStopped, match=r"a: .*bob"):
        Played(lambda: [step("a"), step("b")], ends("a", outcome)).run("-")
    played = Played(lambda: [step("a", on_reject="skip"), step("b")], ends("a", outcome))
    assert (played.run("-"), played.names) == ("-b", ["a", "b"])
    played = Played(lambda: [step("a", on_reject=Steps("g", [step("x"), step("y")])), step("b")], ends("a", outcome))
    assert (played.run("-"), played.names) == ("-xyb", ["a", "g", "x", "y", "b"])


@pytest.mark.parametrize("name", ["l", "a"])
def test_a_result_that_a_person_gave_instead_is_the_output(name: str) -> None:
    played = Played(lambda: [Loop("l", step("a"), max_iterations=1), step("z")], ends(name, ("substituted", "given")))
    assert played.run("-") == "givenz"


def test_retry_hands_the_step_what_the_person_said_and_has_an_end() -> None:
    said: list[str] = []

    def write(text: str, feedback: str) -> str:
        said.append(feedback)
        return "done"

    tree = [Step("write", write, on_reject="retry")]
    assert Played(lambda: tree, ends("write", WITHHELD, DENIED, None)).run() == "done"
    assert said == ["Rejected by bob: too much."], (
        "not that it was not executed, which is for a model that is to leave it"
    )
    played = Played(lambda: tree, ends("write", DENIED))
    with pytest.raises(WorkflowStopped):
        played.run()
    assert len(played.made) == 4
    played = Played(lambda: [Step("write", write, on_reject=Retry(1, then="skip"))], ends("write", DENIED))
    assert (played.run("-"), len(played.made)) == ("-", 2)


def test_errors_fail_skip_retry_or_ask() -> None:
    error = ("failed", "RuntimeError: no truck")
    with pytest.raises(WorkflowStopped, match="step a failed: RuntimeError: no truck"):
        Played(lambda: [step("a")], ends("a", error)).run()
    assert Played(lambda: [step("a", on_error="skip"), step("b")], ends("a", error)).run("-") == "-b"
    assert Played(lambda: [step("a", on_error=Retry(2))], ends("a", error, error, None)).run("-") == "-a"
    with pytest.raises(WorkflowStopped):
        Played(lambda: [step("a", on_error=Retry(1))], ends("a", error)).run()


@pytest.mark.parametrize(("decision", "output"), [("retry", "-a"), ("skip", "-")])
def test_a_person_says_what_follows_an_error(decision: str, output: str) -> None:
    failing = ends("a", ("failed", "no truck"), None)

    def rule(name: str, args: dict[str, Any]) -> Outcome | None:
        return ("succeeded", {**args, "decision": decision}) if name == "a.error" else failing(name, args)

    played = Played(lambda: [step("a", on_error="ask")], rule)
    assert played.run("-") == output
    assert played.made[1] == ("a.error", {"error": "no truck", "input": "-"})


@pytest.mark.parametrize("answer", [("succeeded", {"decision": "fail"}), DENIED, ("succeeded", "what")])
def test_without_a_retry_or_skip_the_error_stands(answer: Outcome) -> None:
    def rule(name: str, args: dict[str, Any]) -> Outcome:
        return answer if name == "a.error" else ("failed", "no truck")

    with pytest.raises(WorkflowStopped, match="no truck"):
        Played(lambda: [step("a", on_error="ask")], rule).run()


@pytest.mark.parametrize(
    "node",
    [
        lambda **words: Steps("n", [step("a")], **words),
        lambda **words: Parallel(step("a"), name="n", **words),
        lambda **words: Condition("n", lambda text: True, step("a"), **words),
        lambda **words: Loop("n", step("a"), **words),
        lambda **words: Router("n", [step("a")], lambda text: "a", **words),
    ],
)
def test_what_is_rejected_at_its_beginning_does_nothing(node: Callable[..., Any]) -> None:
    played = Played(lambda: [node(on_reject="skip"), step("z")], ends("n", DENIED))
    assert (played.run("-"), played.names) == ("-z", ["n", "z"])
    with pytest.raises(WorkflowStopped, match="n: Rejected by bob"):
        Played(lambda: [node(), step("z")], ends("n", DENIED)).run()
    played = Played(lambda: [node(on_reject=step("x")), step("z")], ends("n", DENIED))
    assert played.run("-") == "-xz"


def test_a_rejected_iteration_ends_the_loop_with_what_there_is() -> None:
    rule = ends("l", None, DENIED)
    assert Played(lambda: [Loop("l", step("a"), on_reject="skip"), step("b")], rule).run("-") == "-ab"


def test_a_function_that_raises_is_asked_again() -> None:
    def broken(text: str) -> bool:
        raise LookupError("gone")

    with pytest.raises(ModelError, match="c raised LookupError: gone"):
        Played(lambda: [Condition("c", broken, step("a"))]).run()


@pytest.mark.parametrize(
    "later",
    [
        [step("a"), step("x"), step("c")],
        [step("a")],
        [step("a"), Condition("q", lambda text: True, step("b")), step("c")],
        [Parallel(step("a"), step("b")), step("c")],
    ],
)
def test_another_workflow_than_the_recorded_one_is_told(later: list[Any]) -> None:
    built = [0]

    def tree() -> list[Any]:
        built[0] += 1
        return [step("a"), step("b"), step("c")] if built[0] < 3 else later

    with pytest.raises(WorkflowChanged, match="is not the one that this run has recorded"):
        Played(tree).run()


def test_a_decision_that_is_gone_is_told() -> None:
    built = [0]

    def tree() -> list[Any]:
        built[0] += 1
        return [Loop("l", step("a"), (lambda text: False) if built[0] < 5 else None, 3)]

    with pytest.raises(WorkflowChanged, match=r"had decided 'l.until' where it does not now"):
        Played(tree).run()


def test_a_turn_records_no_more_than_its_own() -> None:
    played = Played(lambda: [Loop("l", step("a"), lambda text: False, 40)])
    played.run("-")
    sizes = [len(str(reply.echo)) for reply in played.replies[3::2]]
    assert max(sizes) == min(sizes)


def test_a_name_leaves_room_for_the_calls_that_are_named_after_it() -> None:
    assert STEP_NAME_MAX + max(len(BRANCH), len(ON_ERROR)) <= NAME_MAX
