"""Whether the row of a question says what its run's log does."""

from __future__ import annotations

import msgspec

from hitl_fsm.model.requirement import Requirement

_SINCE_VOTES = ("said", "said_cut", "proposed", "editors", "approvers")
_TOLD_LATER = (_SINCE_VOTES, ("path", *_SINCE_VOTES))
"""What a log always told, and rows did not before there were votes, and before there were runs within runs. Nothing is
decided by a row's word on these."""


def is_as_told(stored: Requirement, told: Requirement) -> bool:
    """Whether it does; a question that an older release asked says less."""
    return stored == told or any(stored == _without(told, names) for names in _TOLD_LATER)


def _without(told: Requirement, names: tuple[str, ...]) -> Requirement:
    plain = Requirement("", "", "", "", {}, "", told.question, 0)
    return msgspec.structs.replace(told, **{name: getattr(plain, name) for name in names})
