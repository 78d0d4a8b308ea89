"""A judged call's record says which rules were looked at, and what shadow policies would have come to."""

from __future__ import annotations

import msgspec
from runs import PureRun, gated

from hitl_fsm.core.facts import content_digest
from hitl_fsm.model.verdict import Approval, Looked, Reason, UserInput, Verdict, Would

FORM = {"type": "object", "properties": {"iban": {"type": "string"}}}
LOOKED = (Looked("refunds", "large", 16, "T", "TT", "F"), Looked("refunds", "small", 12, "F", "F"))
WOULD = Would(
    "gated",
    gates=(UserInput(FORM, of=("requester",)), Approval(("role:cfo",))),
    severity="critical",
    looked=(Looked("next", "all", 9, "T"),),
)


def told(verdict: Verdict) -> dict[str, object]:
    run = PureRun(verdict)
    (data,) = [data for name, data in run.told() if name == "call_judged"]
    return msgspec.json.decode(msgspec.json.encode(data))  # type: ignore[no-any-return]


def test_the_record_has_what_was_looked_at() -> None:
    data = told(Verdict("allow", looked=LOOKED, policy_digest="p1"))
    assert data["looked"] == [["refunds", "large", 16, "T", "TT", "F"], ["refunds", "small", 12, "F", "F", ""]]
    assert "would" not in data
    assert "looked" not in told(Verdict("allow"))
    assert len(msgspec.json.encode(LOOKED[0])) < 50


def test_the_record_has_what_shadow_policies_come_to_and_their_forms_by_digest() -> None:
    reasons = (Reason("next", "all", "user_input, approval of role:cfo", "f", 9),)
    data = told(Verdict("allow", shadow=reasons, would=WOULD, policy_digest="p1"))
    assert data["would"] == {
        "outcome": "gated",
        "gates": [
            {"type": "user_input", "schema": content_digest(FORM), "of": ["requester"]},
            {"type": "approval", "of": ["role:cfo"]},
        ],
        "severity": "critical",
        "looked": [["next", "all", 9, "T", "", ""]],
    }
    assert "iban" not in str(data)


def test_verdicts_that_were_stored_before_can_be_read_and_all_come_back_as_they_were() -> None:
    old = msgspec.json.decode(b'{"outcome":"gated","gates":[{"type":"confirm"}],"policy_digest":"p"}', type=Verdict)
    assert (old.looked, old.would) == ((), None)
    verdict = Verdict("allow", looked=LOOKED, would=WOULD)
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


def test_the_record_has_no_descriptions_of_rules_and_the_question_does() -> None:
    why = Reason("p", "all", "confirm", "f", 9, description="Money that leaves us.")
    run = PureRun(gated(reasons=(why,), shadow=(why,)))
    (data,) = [data for name, data in run.told() if name == "call_judged"]
    bare = Reason("p", "all", "confirm", "f", 9)
    assert (data["reasons"], data["shadow"]) == ((bare,), (bare,))
    assert b"Money" not in msgspec.json.encode(run.told())
    assert run.asked()[0].reasons == (why,)
