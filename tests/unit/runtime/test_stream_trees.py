"""Streams of teams and workflows: who says what is told apart, as it is said."""

from __future__ import annotations

from streamed import CLERK, SCOUT, Held, Timed, a_team, a_workflow

from hitl_fsm import stream
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls


def texts(events: list[stream.StreamEvent]) -> dict[tuple[str, ...], str]:
    """What was said, by who said it."""
    told: dict[tuple[str, ...], str] = {}
    for event in events:
        if isinstance(event, stream.ContentDelta):
            told[event.path] = told.get(event.path, "") + event.text
    return told


# -- who says what


def test_members_and_leader_are_told_apart_from_start_to_end(house: House) -> None:
    team = a_team(house)
    first = list(team.run("go", user="alice", stream=True))
    assert texts(first) == {("team finance", "agent scout"): "scout saw it"}
    paused = first[-1]
    assert isinstance(paused, stream.RunPaused)
    assert not paused.is_nested
    (asked,) = paused.active_requirements
    assert asked.path == ("team finance", "agent clerk")
    asked.confirm(by="alice")
    second = list(team.continue_run(run_id=paused.run_id, stream=True))
    assert texts(second) == {
        ("team finance", "agent clerk"): "clerk paid bob",
        ("team finance",): "both are done",
    }
    own = "".join(e.text for e in second if isinstance(e, stream.ContentDelta) and not e.is_nested)
    assert own == second[-1].run.output == "both are done"


def test_each_turn_that_begins_ends_members_last_ones_too(house: House) -> None:
    events = list(a_team(house).run("go", user="alice", stream=True))
    (asked,) = events[-1].active_requirements
    asked.confirm(by="alice")
    events += a_team(house).continue_run(run_id=events[-1].run_id, stream=True)
    began, ended = (
        [(e.path, e.frame, e.turn) for e in events if isinstance(e, kind)]
        for kind in (stream.StepStarted, stream.StepCompleted)
    )
    assert len(began) == len(set(began)) == 6
    assert sorted(ended) == sorted(began)


def test_a_step_and_the_agent_in_it_carry_their_way(house: House) -> None:
    flow = a_workflow(house, ScriptedModel(SCOUT))
    events = list(flow.run("go", user="alice", stream=True))
    step = [e for e in events if isinstance(e, stream.StepStarted | stream.StepCompleted) and e.step]
    assert [(type(e).__name__, e.step, e.path[:2], e.call_id, e.frame) for e in step] == [
        ("StepStarted", "payout", ("workflow refunds", "step payout"), "1.0", ""),
        ("StepCompleted", "payout", ("workflow refunds", "step payout"), "1.0", ""),
    ]
    inside = {(e.path, e.frame) for e in events if e.is_nested}
    assert inside == {(("workflow refunds", "step payout", "agent clerk"), "1.0")}
    assert step[1].result == "scout saw it" == events[-1].run.output


def test_one_member_that_is_asked_twice_at_once_is_told_apart(house: House) -> None:
    twice = [calls(call("ask_scout", task="a"), call("ask_scout", task="b")), {"say": "end"}]
    events = list(a_team(house, scout=Timed("one ", "two"), leader=twice).run("go", user="alice", stream=True))
    deltas = [e for e in events if isinstance(e, stream.ContentDelta) and e.is_nested]
    assert {e.path for e in deltas} == {("team finance", "agent scout")}
    by_frame = {f: "".join(e.text for e in deltas if e.frame == f) for f in {e.frame for e in deltas}}
    started = [e.call_id for e in events if isinstance(e, stream.ToolCallStarted)]
    assert by_frame == {started[0]: "one two", started[1]: "one two"}


def test_what_two_members_say_comes_as_they_say_it(house: House) -> None:
    team = a_team(house, clerk=Timed("a", "b", "c", "d"), scout=Timed("1", "2", "3", "4"))
    events = list(team.run("go", user="alice", stream=True))
    said = [e.text for e in events if isinstance(e, stream.ContentDelta) and e.is_nested]
    assert sorted(said) == sorted("abcd1234")
    assert said not in (list("abcd1234"), list("1234abcd")), "one was kept back until the other had ended"
    ended = [i for i, e in enumerate(events) if isinstance(e, stream.ToolCallCompleted)]
    spoke = [i for i, e in enumerate(events) if isinstance(e, stream.ContentDelta) and e.is_nested]
    assert min(spoke) < min(ended)


async def test_text_arrives_while_the_member_still_speaks(house: House) -> None:
    held = Held()
    events = a_team(house, clerk=held, leader=[calls(call("ask_clerk", task="go")), {"say": "end"}]).arun(
        "go", user="alice", stream=True
    )
    async for event in events:
        if isinstance(event, stream.ContentDelta) and event.is_nested:
            assert event.text == "well "
            assert not held.go.is_set()
            held.go.set()
    assert held.go.is_set()


# -- the loop that people know


def test_the_loop_answers_a_members_question_and_goes_on_in_the_same_words(house: House) -> None:
    agent = a_team(house)
    said, asked = "", 0
    for run_event in agent.run("Pay bob", user="alice", stream=True):
        if run_event.is_paused:
            for requirement in run_event.active_requirements:
                asked += 1
                if requirement.needs_confirmation:
                    requirement.confirm()
            response = agent.continue_run(run_id=run_event.run_id, requirements=run_event.requirements, stream=True)
            for more in response:
                said += more.text if isinstance(more, stream.ContentDelta) and not more.is_nested else ""
    assert (asked, said) == (1, "both are done")
    assert house.effects.count(("pay", "bob", 5, "-")) == 1


async def test_the_asynchronous_loop_does_so_for_a_workflow(house: House) -> None:
    flow = a_workflow(house, ScriptedModel(CLERK))
    output = None
    async for run_event in flow.arun("Pay bob", user="alice", stream=True):
        if run_event.is_paused:
            for requirement in run_event.active_requirements:
                assert requirement.path == ("workflow refunds", "step payout", "agent clerk")
                requirement.confirm()
            response = flow.acontinue_run(run_id=run_event.run_id, requirements=run_event.requirements, stream=True)
            output = [more async for more in response][-1].run.output
    assert output == "clerk paid bob"
    assert house.effects == [("pay", "bob", 5, "-")]


# -- what a handle shows of a tree


def test_a_handle_shows_the_runs_under_way(house: House) -> None:
    team = a_team(house)
    run = team.run("go", user="alice")
    (inside,) = run.frames
    assert (inside.path, inside.kind, inside.name) == (("team finance", "agent clerk"), "agent", "clerk")
    assert (inside.turn, inside.waits, inside.error) == (1, True, None)
    assert inside.frame == run.active_requirements[0].value.call_id.rpartition("/")[0]
    assert run.version == len(team.engine.runs.events(run.run_id))
