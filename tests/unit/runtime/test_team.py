"""Teams: who is asked, what the leader reads, and what a team cannot be built like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, Team
from hitl_fsm.errors import HitlError, TeamError, ToolError
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.limits import Limits
from hitl_fsm.testing import MemoryStore, ScriptedModel
from house import policies, policy_text

RULES = policies(policy_text("- {id: look, tools: [look], gate: allow}\n- {id: pay, tools: [pay], gate: confirm}"))


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(RULES, MemoryStore())
    yield made
    made.close()


class Spy:
    """A model that keeps what it was sent, and says what it is told to say."""

    def __init__(self, *replies: Any) -> None:
        self._script = ScriptedModel(replies)
        self.seen: list[list[tuple[str, str]]] = []
        self.tools: list[str] = []

    async def reply(self, request: Any, on_text: Any = None) -> Any:
        self.seen.append([(message.role, message.content) for message in request.messages])
        self.tools = [tool.name for tool in request.tools]
        return await self._script.reply(request, on_text)


def member(engine: Engine, name: str, *says: str, description: str = "") -> Agent:
    return Agent(name, ScriptedModel([{"say": one} for one in says]), engine=engine, description=description)


def ask(member: str, task: str) -> dict[str, Any]:
    return {"tool": f"ask_{member}", "args": {"task": task}}


def test_a_leader_hands_tasks_over_and_answers(engine: Engine) -> None:
    leader = Spy({"calls": [ask("clerk", "count"), ask("scout", "look")]}, {"say": "both done"})
    members = [member(engine, "clerk", "seven", description="who counts"), member(engine, "scout", "trees")]
    run = Team("desk", members, model=leader, engine=engine, instructions="Be kind.").run("go")
    assert (run.state, run.output) == (RunState.DONE, "both done")
    assert [content for role, content in leader.seen[1] if role == "tool"] == ["seven", "trees"]
    (system, *_) = leader.seen[0]
    assert system[0] == "system"
    assert system[1].startswith("Be kind.\n\nYou lead a team.")
    assert "- ask_clerk: who counts\n- ask_scout: scout" in system[1]


def test_a_member_sees_nothing_but_its_task(engine: Engine) -> None:
    clerk = Spy({"say": "ok"})
    team = Team(
        "desk",
        [Agent("clerk", clerk, engine=engine)],
        model=ScriptedModel([{"calls": [ask("clerk", "count")]}, {"say": "."}]),
        engine=engine,
    )
    team.run("a secret of the team")
    assert clerk.seen == [[("user", "count")]]


def test_a_route_gives_the_member_s_answer_and_asks_the_leader_once(engine: Engine) -> None:
    leader = Spy({"calls": [ask("clerk", "count"), ask("scout", "look")]})
    team = Team(
        "desk",
        [member(engine, "clerk", "seven"), member(engine, "scout", "trees")],
        model=leader,
        mode="route",
        engine=engine,
    )
    run = team.run("go")
    assert (run.output, len(leader.seen)) == ("seven", 1)


def test_a_route_whose_member_failed_is_the_leader_s_again(engine: Engine) -> None:
    leader = Spy({"calls": [ask("clerk", "count")]}, {"say": "I do it myself"})
    broken = Agent("clerk", ScriptedModel([{"calls": [{"tool": "none"}]}] * 3), engine=engine, limits=Limits(turns=1))
    run = Team("desk", [broken], model=leader, mode="route", engine=engine).run("go")
    assert run.output == "I do it myself"
    assert "turns" in leader.seen[1][-1][1]


def test_a_broadcast_asks_everybody_and_the_leader_reads_the_answers_as_told(engine: Engine) -> None:
    leader = Spy({"say": "joined"})
    members = [member(engine, "clerk", "seven"), member(engine, "scout", "trees")]
    run = Team("desk", members, model=leader, mode="broadcast", engine=engine).run("go")
    assert run.output == "joined"
    ((*_, last),) = leader.seen
    assert last == ("user", "Your members were asked the same, and answered:\n\nclerk: seven\n\nscout: trees")


def test_a_broadcast_without_a_leader_puts_the_answers_below_each_other(engine: Engine) -> None:
    members = [member(engine, "clerk", "seven"), member(engine, "scout", "trees")]
    run = Team("desk", members, mode="broadcast", engine=engine).run("go")
    assert run.output == "clerk: seven\n\nscout: trees"
    assert run.value.result == {"clerk": "seven", "scout": "trees"}


def test_who_stands_in_for_the_leader_leads_a_broadcast_too(engine: Engine) -> None:
    stand_in = Spy({"say": "joined"})
    members = [member(engine, "clerk", "seven")]
    team = Team("desk", members, model=ScriptedModel([]), mode="broadcast", fallbacks=[stand_in], engine=engine)
    assert team.run("go").output == "joined"
    assert len(stand_in.seen) == 1


def test_a_broadcast_in_a_session_hands_over_what_is_asked_now(engine: Engine) -> None:
    clerk = Spy({"say": "one"}, {"say": "two"})
    team = Team("desk", [Agent("clerk", clerk, engine=engine)], mode="broadcast", engine=engine)
    team.run("first", user="alice", session="s")
    team.run("second", user="alice", session="s")
    assert clerk.seen == [[("user", "first")], [("user", "second")]]


def test_a_team_may_be_a_member(engine: Engine) -> None:
    inner = Team("inner", [member(engine, "clerk", "seven")], mode="broadcast", engine=engine)
    outer = Team("outer", [inner, member(engine, "scout", "trees")], mode="broadcast", engine=engine)
    assert outer.run("go").output == 'inner: {"clerk":"seven"}\n\nscout: trees'


@pytest.mark.parametrize("instructions", ["Hello {name}", lambda context: f"Hello {context['name']}"])
def test_a_leader_s_instructions_are_filled_in_and_a_member_s_description_is_not(
    engine: Engine, instructions: Any
) -> None:
    leader = Spy({"say": "."})
    members = [member(engine, "clerk", description="who writes {json}")]
    team = Team("desk", members, model=leader, engine=engine, instructions=instructions)
    assert team.run("go", context={"name": "Ada"}).state is RunState.DONE
    told = leader.seen[0][0][1]
    assert told.startswith("Hello Ada\n\n")
    assert "who writes {json}" in told


def test_what_a_team_cannot_be(engine: Engine) -> None:
    model = ScriptedModel([{"say": "."}])
    clerk = member(engine, "clerk")
    other = Engine(RULES, MemoryStore())

    def refused(error: type[HitlError], text: str, *members: Any, **options: Any) -> None:
        with pytest.raises(error, match=text):
            Team("desk", members, engine=engine, **options)

    refused(TeamError, "has 0 members", model=model)
    refused(TeamError, "no model to lead it", clerk)
    refused(TeamError, "'shout' is no mode", clerk, model=model, mode="shout")
    refused(TeamError, "both be the tool 'ask_clerk'", clerk, member(engine, "clerk"), model=model)
    refused(TeamError, "both be the tool 'ask_a_b'", member(engine, "a b"), member(engine, "a/b"), model=model)
    refused(TeamError, "belongs to another engine", member(other, "far"), model=model)
    refused(TeamError, "cannot be a member", print, model=model)
    refused(ToolError, "has no option 'colour'", clerk, model=model, colour="red")
    other.close()
