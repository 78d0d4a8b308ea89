"""Law 13: what is told to people gives nobody who gets hold of it anything: a link shows, and answers nothing."""

from __future__ import annotations

from urllib.request import urlopen

import pytest

from hitl_fsm.errors import NotAuthorised
from hitl_fsm.notify import Apprise, Webhook
from house import House, call, calls
from moments import HUNG_S
from receiver import SECRET, desk

ASKED = "- {id: all, tools: [pay], gate: {approval: {of: [role:finance], not: [requester]}}}"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_law13_opening_a_link_that_was_told_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with desk() as told:
        base = told.url.removesuffix("/hook")
        monkeypatch.setenv("HITL_FSM_BASE_URL", base)
        people = Apprise(told.url.replace("http://", "json://", 1))
        engine = house.engine(ASKED, channels=[Webhook(told.url, "env:DESK_SECRET"), people])
        run = house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")
        requirement = run.requirements[0].id
        assert engine.notify().sent == 2
        [machine] = [one for one in told.messages if "webhook-id" in one.headers]
        link = machine.data["link"]
        assert link == f"{base}/{requirement}"  # the id and nothing else: no token that could be passed on
        before = engine.audit.records()
        for _ in range(3):
            # A mail scanner, a preview in a chat, somebody it was forwarded to.
            with urlopen(link, timeout=HUNG_S) as page:
                assert page.status == 200
        assert engine.notify().sent == 0
        assert engine.audit.records() == before
        assert engine.runs.get(run.run_id).is_paused
        for message in told.messages:
            for word in (SECRET, "bob", "maria", "frank"):
                assert word.encode() not in message.body
        for stranger in ("mallory", "alice"):  # who follows it is asked who that is
            with pytest.raises(NotAuthorised):
                engine.inbox.get(requirement).confirm(by=stranger)
        assert house.effects == []
