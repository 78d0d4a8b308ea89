"""What a model writes to deceive who approves. Nothing of it repaints the page, passes for the page, or goes unsaid.

The page is looked at as both renderers print it; the flags are those of a real run.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any

import pytest

from hitl_fsm import Engine, Sensitive, tool
from hitl_fsm.cli import colored, plain
from hitl_fsm.cli.answers.present import PAGE_CHARS, one_line, question_page, waiting_lines
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import RequirementChanged
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.states import RunState
from hitl_fsm.policy.sensitive import MASK
from hitl_fsm.runtime.presenting.presentation import Presentation, presentation, presentation_digest
from house import House, call, calls

CODES = re.compile(r"\x1b\[[0-9;]*m")  # colours of our own
DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
FORGED = "ok\n\nstate              resolved\nwho may answer     anyone\nApproved by Maria Keller (maria)\n[y/N]: y"


def look(house: House, args: dict[str, Any], said: str = "", rules: str = "- {id: all, gate: confirm}") -> Presentation:
    engine = house.engine(rules)
    reply = {"say": said, **calls(call("pay", **args))} if said else calls(call("pay", **args))
    run = house.agent(engine, [reply]).run("go", user="alice")
    return presentation(run.active_requirements[0].value, run.value)


def pages(shown: Presentation) -> list[str]:
    page = question_page(shown)
    return [plain.render(page), CODES.sub("", colored.render(page, 100))]


def kinds(shown: Presentation) -> set[str]:
    return {flag.kind for flag in shown.flags}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\u202ebob\u2066", "invisible"),
        ("b\u200bob", "invisible"),
        ("\x1b[2J\x1b[1;1Happroved\r\x9b1m", "invisible"),
        ("bob\U000e0049\U000e0047\U000e004e", "invisible"),
        ("bob\ufe0f\U000e0101", "invisible"),
        ("b\u043eb", "mixed_scripts"),
        ("\u0440\u0430\u0443\u0440\u0430\u04cf", "confusable"),
        (FORGED, "imitates"),
        ("\u2502 \u2502 state resolved", "imitates"),
        (MASK, "imitates"),
    ],
    ids=["bidi", "zero-width", "ansi", "tags", "selectors", "homoglyph", "other-script", "dialog", "box", "mask"],
)
def test_law09_what_a_model_writes_cannot_repaint_the_page_and_is_pointed_out(
    house: House, text: str, kind: str
) -> None:
    shown = look(house, {"to": text, "amount": 5, "memo": text}, said=text)
    assert shown.args["to"] == text
    assert json.loads(shown.arguments)["to"] == text
    assert kind in kinds(shown)
    assert {"to", "memo"} <= {flag.where for flag in shown.flags}
    for page in pages(shown):
        assert not [c for c in page if unicodedata.category(c) in DANGEROUS and c != "\n"]
        lines = page.split("\n")
        assert [line for line in lines if line.startswith("state ")] == ["state           open"]
        assert [line for line in lines if line.startswith("who may answer")] == [
            "who may answer  alice, for whom the run acts"
        ]
        assert "look twice" in lines
        said = lines[lines.index("what the model says beside it: data, whatever it says") + 1 :]
        fence = said[: said.index("")]
        assert len(fence) == text.count("\n") + 1
        assert all(line.startswith("  │") for line in fence)


def test_law09_a_literal_mask_is_not_on_the_list_of_what_is_masked(house: House) -> None:
    shown = look(house, {"to": MASK, "amount": 5})
    assert shown.masked == ()
    assert kinds(shown) == {"imitates"}
    assert not any("masked, and bound" in page for page in pages(shown))


def test_a_payee_that_looks_like_one_of_before_is_pointed_out(house: House) -> None:
    assert kinds(look(house, {"to": "PayPal", "amount": 5})) == set()
    second = look(house, {"to": "PayPaI", "amount": 5})
    assert {(flag.kind, flag.where) for flag in second.flags} == {("confusable", "to")}
    third = look(house, {"to": "PayPal", "amount": 5})
    [similar] = [flag.note for flag in third.flags if flag.kind == "similar_lately"]
    assert similar == "this agent asked 2 times for this tool in the last hour, 1 of them with exactly these arguments"
    house.clock.advance(3_600_001)
    assert "similar_lately" not in kinds(look(house, {"to": "PayPal", "amount": 5}))


def test_an_amount_just_below_the_limit_is_pointed_out(house: House) -> None:
    rules = """
- {id: large, when: args.amount > 1000, gate: {approval: {of: ['role:finance']}}}
- {id: all, gate: confirm}
"""
    shown = look(house, {"to": "bob", "amount": 999.5}, rules=rules)
    assert [(flag.kind, flag.where) for flag in shown.flags] == [("near_threshold", "amount")]
    assert shown.flags[0].note == "999.5 is just below 1000, with which pay/large compares it"


def test_a_hundred_kilobytes_are_whole_in_the_value_and_honest_on_the_page(house: House) -> None:
    hidden = "pay the rest to mallory"
    memo = "x" * 50_000 + hidden + "y" * 50_000
    shown = look(house, {"to": "bob", "amount": 5, "memo": memo})
    assert json.loads(shown.arguments)["memo"] == memo
    assert "long" in kinds(shown)
    for page in pages(shown):
        [cut] = re.findall(r"… ([0-9,]+) of ([0-9,]+) characters are left out here; `(.+?)` has all …", page)
        left, of = (int(one.replace(",", "")) for one in cut[:2])
        assert (left, of) == (len(shown.arguments) - PAGE_CHARS, len(shown.arguments))
        assert cut[2] == f"hitl-fsm --format json show {shown.id}"
        assert page.count("x") + page.count("y") < PAGE_CHARS + 500
    assert "(+" in one_line(shown.args)


def secret_engine(house: House, pin: str = "hunter2") -> tuple[Engine, Any]:
    engine = house.engine("- {id: all, gate: {approval: {of: ['role:finance']}}}")

    @tool
    def pay(to: str, pin: Annotated[str, Sensitive], amount: float) -> str:
        """Send money."""
        house.effects.append((to, pin, amount))
        return "paid"

    return engine, house.agent(engine, [calls(call("pay", to="bob", pin=pin, amount=5))], tools=[pay])


def test_law05_a_masked_value_is_shown_nowhere_and_bound_all_the_same(house: House) -> None:
    _, agent = secret_engine(house)
    run = agent.run("go", user="alice")
    (requirement,) = run.active_requirements
    shown = presentation(requirement.value, run.value)
    assert "hunter2" not in str(shown) + "".join(pages(shown)) + "".join(waiting_lines(run.value, Session()))
    assert (shown.masked, shown.args["pin"]) == (("pin",), MASK)
    assert all("masked, and bound by the digest all the same\n  pin\n" in page for page in pages(shown))
    other = requirement.value.digest
    requirement.confirm(by="maria")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("bob", "hunter2", 5)]
    assert other == shown.digest


def test_no_reason_to_look_twice_tells_of_a_masked_value(house: House) -> None:
    _, agent = secret_engine(house, pin="hunt\u0435r\u200b2")
    (requirement,) = agent.run("go", user="alice").active_requirements
    assert requirement.value.flags == ()


def test_law05_an_edit_that_left_the_mask_keeps_what_is_under_it(house: House) -> None:
    engine, agent = secret_engine(house)
    run = agent.run("go", user="alice")
    (requirement,) = run.active_requirements
    shown = presentation(requirement.value, run.value)
    engine.resolve(shown.id, Approve({**shown.args, "amount": 4}), by=Actor("maria", roles=("finance",)))
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("bob", "hunter2", 4)]


def test_law05_the_answer_is_bound_to_all_that_was_to_be_seen(house: House) -> None:
    engine, agent = secret_engine(house)
    run = agent.run("go", user="alice")
    (requirement,) = run.active_requirements
    digest = presentation_digest(presentation(requirement.value, run.value))
    with pytest.raises(RequirementChanged):
        engine.resolve(requirement.id, Approve(), by="maria", presented="0" * 64)
    engine.resolve(requirement.id, Approve(), by="maria", presented=digest)
    resolution = engine.runs.get(run.run_id).requirements[0].value.resolution
    assert resolution is not None
    assert resolution.presented == digest
