"""What is planted in the month of `reviewed_month`, by day."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hitl_fsm.model.actor import Actor

if TYPE_CHECKING:
    from reviewed_month import Month

Story = Callable[["Month"], None]
HOUR = 3_600_000
DIGEST = "ab" * 32


def _pay(amount: float, to: str = "acme") -> dict[str, object]:
    return {"tool": "pay", "args": {"to": to, "amount": amount}}


def own_word(month: Month) -> None:
    run = month.ask("selma", _pay(3_000))
    month.plant("self-approved", month.answer(run, "selma"))


def own_word_by_another_name(month: Month) -> None:
    run = month.ask("dora", _pay(3_000))
    question = month.answer(run, Actor("dora-mobile", ("finance",), authenticated_by="oidc:sso", person="dora"))
    month.plant("self-approved", question)


def emergencies(month: Month) -> None:
    for reviewed in (True, False):
        run = month.ask("user1", _pay(9_000))
        question = run.active_requirements[0]
        olga = Actor("olga", ("oncall",), authenticated_by="oidc:sso")
        question.break_glass(by=olga, note="the bank closes")
        month.agent_of(run).continue_run(run_id=run.run_id)
        month.plant("overrides", question.id)
        if reviewed:
            month.clock.advance(2 * HOUR)
            rita = Actor("rita", ("audit",), authenticated_by="oidc:sso")
            month.engine.overrides.review(question.id, by=rita, finding="it was one")
        else:
            month.plant("break-glass", (question.id, "the bank closes"))


def stamped(month: Month) -> None:
    for number in range(8):
        month.answer(month.ask(f"user{number % 4}", _pay(2_100)), "stan", after_ms=900)
        month.clock.advance(20 * 60_000)
    month.plant("rubber-stamp", "stan")


def burst(month: Month) -> None:
    runs = [month.ask(f"user{number % 4}", _pay(2_200)) for number in range(12)]
    for run in runs:
        month.answer(run, "burt", after_ms=9_000)
    month.plant("bursts", ("burt", 12))


def unapproved(month: Month) -> None:
    """What no engine does: a start without a word, and one on the word of somebody who never gave it."""
    told = {"call": "9.0", "tool": "pay", "digest": DIGEST}
    month.write("call_started", month.runs[0], **told, attempt=1)
    month.plant("unapproved-effects", (month.runs[0], "9.0", "no policy was asked about it"))
    told = {**told, "call": "9.1"}
    judged = {**told, "outcome": "gated", "reasons": [], "policies": DIGEST, "gates": ["0123456789abcdef"]}
    month.write("call_judged", month.runs[1], **judged)
    passes = [{"gate": "0123456789abcdef", "by": ["ann"]}]
    month.write("call_authorised", month.runs[1], **told, passes=passes)
    month.write("call_started", month.runs[1], **told, attempt=1)
    why = "the record has no yes at gate 0123456789abcdef by ann"
    month.plant("unapproved-effects", (month.runs[1], "9.1", why))


def left(month: Month) -> None:
    run = month.ask("user2", _pay(2_500))
    question = month.look(run, "ann")
    month.clock.advance(30_000)
    month.engine.inbox.get(question).confirm(by=Actor("ann", ("finance",), authenticated_by="oidc:sso", person="ann"))
    month.plant("approved-not-run", run.run_id)


def lost(month: Month) -> None:
    run = month.ask("user3", {"tool": "hang", "args": {}})
    month.plant("indeterminate", run.run_id)


def changed(month: Month) -> None:
    run = month.ask("user4", _pay(5_000))
    month.plant("self-approved", month.answer(run, "ed", args={"to": "acme", "amount": 1_500}))
    month.plant("edited", (run.run_id, "amount: 5000 -> 1500"))


def flip(month: Month) -> None:
    from reviewed_month import LOOSE, RULES

    nora = Actor("nora", ("finance",), authenticated_by="oidc:sso")
    month.rules(LOOSE)
    month.engine.reload_policies(by=nora)
    month.ask("user1", _pay(50_000))
    month.clock.advance(HOUR)
    month.rules(RULES)
    month.engine.reload_policies(by=nora)
    month.plant("policy-flips", ("nora", 1))


def lent(month: Month) -> None:
    """Somebody gets a role for a day, and says yes with it."""
    until = month.clock.now() + 24 * HOUR
    nora = Actor("nora", ("finance",), authenticated_by="oidc:sso", person="nora")
    month.engine.delegations.add("dana", by=nora, until=until, roles=["finance"])
    month.plant("who-could-approve", ("dana", "finance", month.clock.now()))
    run = month.ask("user1", _pay(2_600))
    dana = month.engine.delegations.speaking(Actor("dana", authenticated_by="oidc:sso", person="dana"), "nora")
    month.plant("role-changes", ("dana", month.answer(run, dana)))


def promoted(month: Month) -> None:
    """The roles file gives somebody a role, and they say yes an hour later."""
    change = [{"person": "zed", "gained": ["role:finance"]}]
    month.write("people_activated", "", people="22" * 32, was="11" * 32, count=1, changed=change)
    run = month.ask("user1", _pay(2_650))
    month.clock.advance(HOUR)
    zed = Actor("zed", ("finance",), authenticated_by="oidc:sso", person="zed")
    month.plant("role-changes", ("zed", month.answer(run, zed)))


def late(month: Month) -> None:
    run = month.ask("user2", _pay(2_700))
    question = run.active_requirements[0].id
    month.clock.advance(25 * HOUR)
    month.engine.sweep()
    month.plant("expired", question)


def weak(month: Month) -> None:
    run = month.ask("user3", _pay(2_800))
    month.plant("weak-auth", ("wally", month.answer(run, Actor("wally", ("finance",)))))


def disguised(month: Month) -> None:
    run = month.ask("user1", _pay(2_900, to="p\u0430ypal"))
    month.plant("flagged", month.answer(run, "flo"))


def split(month: Month) -> None:
    """Three of 400 where 1000 is asked about; and two of 300, which are no matter."""
    for user, amounts in (("user0", (400, 400, 400)), ("user1", (300, 300))):
        for amount in amounts:
            run = month.ask(user, _pay(amount), name="buyer")
            told = {"call": "1.0", "tool": "pay", "digest": run.calls[0].digest, "outcome": "allow", "reasons": []}
            money = [{"at": "amount", "minor": amount * 100, "currency": "EUR"}]
            month.write("call_judged", run.run_id, **told, policies=month.engine.policies.digest, money=money)
            if user == "user0":
                month.plant("splitting", run.run_id)


def other_model(month: Month) -> None:
    run = month.ask("user4", {"tool": "look", "args": {"page": "p"}}, name="turncoat")
    month.write("model_replied", run.run_id, turn=2, model="cheap-1", calls=0, tokens=[1, 1])
    month.plant("model-changes", ("turncoat", "cheap-1"))


def at_night(month: Month) -> None:
    run = month.ask("user0", {"tool": "deploy", "args": {"what": "v2"}})
    month.clock.advance(16 * HOUR)
    month.plant("after-hours", month.answer(run, "otto"))


def kept_and_erased(month: Month) -> None:
    lea = Actor("lea", ("audit",), authenticated_by="oidc:sso")
    hold = month.engine.audit.hold.place(by=lea, reason="a lawsuit", subject="user0")
    month.plant("holds", (hold.hold_id, "a lawsuit"))
    over = month.engine.audit.hold.place(by=lea, reason="a mistake", subject="user1")
    month.engine.audit.hold.release(over.hold_id, by=lea, reason="it was one")
    month.plant("erased", [("hold_placed", "subject user0"), ("hold_placed", "subject user1")])


def each_other(month: Month) -> None:
    for number in range(8):
        one, other = ("pat", "quinn") if number % 2 else ("quinn", "pat")
        month.answer(month.ask(one, {"tool": "deploy", "args": {"what": str(number)}}), other, after_ms=45_000)
        month.clock.advance(20 * 60_000)
    month.plant("collusion", ("pat", "quinn"))


def read(month: Month) -> None:
    month.engine.audit.ask("expired", by=Actor("ari", authenticated_by="oidc:sso"), tool="pay")
    month.plant("who-read", ("ari", "q expired"))


STORIES: dict[int, tuple[Story, ...]] = {
    2: (own_word, own_word_by_another_name),
    3: (emergencies,),
    4: (stamped,),
    7: (burst,),
    8: (left, changed),
    9: (lost, flip),
    10: (lent, promoted),
    14: (late,),
    16: (weak, disguised),
    17: (split,),
    18: (other_model, at_night),
    21: (kept_and_erased, each_other),
    23: (unapproved,),
    24: (read,),
}
