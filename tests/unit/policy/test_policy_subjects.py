"""What a policy or a rule is about: tools, steps, agents."""

from __future__ import annotations

import pytest

from hitl_fsm.policy.subjects import Subject, selects

CALL = Subject("pay", "", "bot")
STEP = Subject("", "ship", "bot")
START = Subject("", "", "bot")
NOBODYS = Subject("pay")


@pytest.mark.parametrize(
    ("tools", "steps", "agents", "chosen"),
    [
        ("pay", "", "", [CALL, NOBODYS]),
        ("*", "", "", [CALL, NOBODYS]),
        ("", "ship", "", [STEP]),
        ("", "*", "", [STEP]),
        ("pay", "ship", "", [CALL, STEP, NOBODYS]),
        ("", "", "bot", [CALL, STEP, START]),
        ("", "", "*", [CALL, STEP, START]),
        ("", "", "other", []),
        ("pay", "", "b*", [CALL]),
        ("pay", "", "other", []),
        ("", "ship", "bot", [STEP]),
        ("", "ship", "other", []),
        ("pay", "ship", "bot", [CALL, STEP]),
        ("other", "other", "", []),
        ("", "", "", [CALL, STEP, START, NOBODYS]),
    ],
)
def test_tools_name_calls_steps_name_steps_and_agents_narrow(
    tools: str, steps: str, agents: str, chosen: list[Subject]
) -> None:
    names = [[pattern] if pattern else [] for pattern in (tools, steps, agents)]
    assert [subject for subject in (CALL, STEP, START, NOBODYS) if selects(*names, subject)] == chosen
