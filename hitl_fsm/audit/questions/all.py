"""Every question, in the order in which they are listed."""

from __future__ import annotations

from difflib import get_close_matches

from hitl_fsm.audit.questions.after_hours import AFTER_HOURS
from hitl_fsm.audit.questions.approved_not_run import APPROVED_NOT_RUN
from hitl_fsm.audit.questions.break_glass import BREAK_GLASS
from hitl_fsm.audit.questions.bursts import BURSTS
from hitl_fsm.audit.questions.collusion import COLLUSION
from hitl_fsm.audit.questions.coverage import COVERAGE
from hitl_fsm.audit.questions.edited import EDITED
from hitl_fsm.audit.questions.erased import ERASED
from hitl_fsm.audit.questions.expired import EXPIRED
from hitl_fsm.audit.questions.flagged import FLAGGED
from hitl_fsm.audit.questions.holds import HOLDS
from hitl_fsm.audit.questions.indeterminate import INDETERMINATE
from hitl_fsm.audit.questions.integrity import INTEGRITY
from hitl_fsm.audit.questions.model_changes import MODEL_CHANGES
from hitl_fsm.audit.questions.overrides import OVERRIDES
from hitl_fsm.audit.questions.policy_flips import POLICY_FLIPS
from hitl_fsm.audit.questions.question import Question
from hitl_fsm.audit.questions.role_changes import ROLE_CHANGES
from hitl_fsm.audit.questions.rubber_stamp import RUBBER_STAMP
from hitl_fsm.audit.questions.self_approved import SELF_APPROVED
from hitl_fsm.audit.questions.splitting import SPLITTING
from hitl_fsm.audit.questions.timeline import TIMELINE
from hitl_fsm.audit.questions.unapproved_effects import UNAPPROVED_EFFECTS
from hitl_fsm.audit.questions.weak_auth import WEAK_AUTH
from hitl_fsm.audit.questions.who_could_approve import WHO_COULD_APPROVE
from hitl_fsm.audit.questions.who_read import WHO_READ
from hitl_fsm.errors import QuestionError

QUESTIONS: dict[str, Question] = {
    one.name: one
    for one in (
        SELF_APPROVED,
        OVERRIDES,
        RUBBER_STAMP,
        BURSTS,
        UNAPPROVED_EFFECTS,
        APPROVED_NOT_RUN,
        INDETERMINATE,
        EDITED,
        POLICY_FLIPS,
        WHO_COULD_APPROVE,
        ROLE_CHANGES,
        BREAK_GLASS,
        EXPIRED,
        WEAK_AUTH,
        FLAGGED,
        SPLITTING,
        MODEL_CHANGES,
        TIMELINE,
        AFTER_HOURS,
        WHO_READ,
        ERASED,
        HOLDS,
        COVERAGE,
        COLLUSION,
        INTEGRITY,
    )
}


def question(name: str) -> Question:
    """The one of that name; QuestionError, with the nearest one, where there is none."""
    found = QUESTIONS.get(name)
    if found is not None:
        return found
    near = get_close_matches(name[:100], QUESTIONS, n=1)
    msg = f"there is no question {name[:100]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    raise QuestionError(msg, help="`hitl-fsm audit q` lists them")
