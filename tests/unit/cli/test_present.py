"""What the terminal makes of a question: the people, the changes, the time, in the words of the presentation."""

from __future__ import annotations

from msgspec.structs import replace

from hitl_fsm.cli import plain
from hitl_fsm.cli.answers.present import question_page, waiting_lines
from hitl_fsm.cli.page import Field, Fields, Grid, Lines
from hitl_fsm.cli.session import Session
from hitl_fsm.model.flag import Flag
from hitl_fsm.runtime.presenting.presentation import (
    Change,
    FormField,
    Given,
    Presentation,
    ShownVote,
    presentation,
    presentation_digest,
)
from house import House, call, calls

AT = "2025-06-15T15:06:40.000Z"


def shown(house: House) -> Presentation:
    run = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    return presentation(run.active_requirements[0].value, run.value)


def facts(one: Presentation) -> dict[str, str]:
    return {
        row.label: row.value
        for block in question_page(one).blocks
        if isinstance(block, Fields)
        for row in block.rows
        if isinstance(row, Field)
    }


def lines(one: Presentation, title: str) -> tuple[str, ...]:
    return next(block.body for block in question_page(one).blocks if isinstance(block, Lines) and block.title == title)


def test_what_a_plain_question_has_not_is_not_on_its_page(house: House) -> None:
    one = shown(house)
    labels = set(facts(one))
    told = {"it takes", "so far", "passed on", "may be changed", "may be remembered", "in an emergency", "reminder"}
    assert not labels & told
    assert [block.title for block in question_page(one).blocks if isinstance(block, Lines)] == [
        "pay with exactly",
        "why",
        "answer it",
    ]


def test_people_and_time_stand_among_the_facts(house: House) -> None:
    one = replace(
        shown(house), needs="N", quorum="Q", passed_on="P", editing="only a", grant="G", break_glass="B",
        calendar="madrid", reminders=(AT, AT), reminded=1, name="cfo", expires_at=AT, on_expiry="the cfo is asked",
    )  # fmt: skip
    found = facts(one)
    assert [found[label] for label in ("it takes", "so far", "passed on")] == ["N", "Q", "P"]
    assert found["may be changed"] == "only a"
    assert [found[label] for label in ("may be remembered", "in an emergency")] == ["G", "B"]
    assert found["its time counts"] == "in the open hours of the calendar madrid"
    assert found["kind"] == "confirm (gate cfo, 1 of 1 of this call)"
    assert found["expires"].endswith("; then the cfo is asked")
    assert plain.render(question_page(one)).count("\nreminder ") == 1


def test_changes_are_told_line_by_line(house: House) -> None:
    changes = (Change("a", "changed", 1, "x\n"), Change("b", "added", now=2), Change("c", "removed", was=[3]))
    one = replace(shown(house), changes=changes, editors=("eve", "ada"))
    assert lines(one, "changed by eve, ada, from what the model asked for") == (
        'a: 1 -> "x\\n"',
        "b: 2 (it was not there)",
        "c: [3] is left out",
    )


def test_votes_and_advice_stand_apart(house: House) -> None:
    vote = ShownVote("maria", "approve", AT, "os:1", counts=True, printed_name="Maria Keller", on_behalf_of="otto")
    out = replace(vote, counts=False, why="neither yes nor no", printed_name="", on_behalf_of="", note="hm")
    advice = replace(vote, by="bot", kind="agent", printed_name="", on_behalf_of="", note="fine\nstate  resolved")
    one = replace(shown(house), votes=(vote, out), advice=(advice,))
    (grid,) = (block for block in question_page(one).blocks if isinstance(block, Grid))
    assert [(row[0], row[1], row[3], row[4]) for row in grid.rows] == [
        ("approve", "Maria Keller (maria) for otto (os:1)", "yes", ""),
        ("approve", "maria (os:1)", "no: neither yes nor no", "hm"),
    ]
    assert lines(one, "advice: it never counts") == ("│ approve, bot (agent): fine", "│ state  resolved")


def test_words_that_are_cut_say_how_much(house: House) -> None:
    one = replace(shown(house), said="so\nit is", said_cut=1234)
    title = "what the model says beside it: data, whatever it says"
    assert lines(one, title) == ("│ so", "│ it is", "(1,234 more characters are left out)")


def test_who_answered_and_a_hidden_field_are_told(house: House) -> None:
    one = replace(
        shown(house),
        given=Given("approve", "maria", "os:1", AT, "ok", printed_name="Maria Keller"),
        fields=(FormField("pin", "string", required=True, schema={}, sensitive=True),),
    )
    assert lines(one, "answered")[0].startswith("approve by Maria Keller (maria) (os:1), ")
    (grid,) = (block for block in question_page(one).blocks if isinstance(block, Grid))
    assert grid.rows == (("pin", "string", "yes", "nobody is shown it"),)


def test_a_run_that_waits_says_what_to_look_at_twice(house: House) -> None:
    run = house.agent(house.engine(), [calls(call("pay", to="b\u043eb", amount=5))]).run("go", user="alice")
    (flag,) = run.active_requirements[0].value.flags
    assert isinstance(flag, Flag)
    assert f"    look twice: to: {flag.note}" in waiting_lines(run.value, Session())


DESCRIBED = """
- id: all
  description: |
    Money that leaves us
    is seen by a person.
  when: args.amount > 1
  gate: confirm
"""


def test_what_a_rule_is_for_stands_under_it_also_where_its_condition_has_no_answer(house: House) -> None:
    run = house.agent(house.engine(DESCRIBED), [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    one = presentation(run.active_requirements[0].value, run.value)
    assert one.why[0].description == "Money that leaves us\nis seen by a person.\n"
    said = lines(one, "why")
    assert said[0].startswith("pay/all asks for confirm")
    assert said[1:] == ("    Money that leaves us is seen by a person.",)
    other = replace(one, why=(replace(one.why[0], description=""),))
    assert presentation_digest(other) != presentation_digest(one)
    odd = house.engine(DESCRIBED.replace("> 1", "> args.none"))
    denied = house.agent(odd, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    (reason,) = denied.calls[0].verdict.reasons
    assert (reason.effect, reason.description) == ("deny", one.why[0].description)
