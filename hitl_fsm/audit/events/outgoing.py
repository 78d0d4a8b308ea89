"""What goes out: notices to people's channels, calls handed to outside systems."""

from __future__ import annotations

from typing import ClassVar

from hitl_fsm.audit.events.base import ActionDigest, Count, Data, Digest, RequirementId


class OfNotice(Data):
    """A notice, its channel, what it is about, and after how many attempts."""

    notice: str
    channel: str
    requirement: RequirementId
    event: str
    attempts: Count


class NoticeSent(OfNotice):
    """A channel took a notice; `content` is the digest of what was sent, under its run's salt."""

    content: Digest


class NoticeFailed(OfNotice):
    """A notice was given up: somebody may not know that they were asked."""

    CONTENTS: ClassVar = {"error": "what the channel said"}


class NoticeRetried(Data):
    """Somebody had a notice sent again that was given up."""

    notice: str


class OfDispatch(Data):
    """A call that an outside system carries out: for which question, by which route, the how-manieth handover."""

    requirement: RequirementId
    route: str
    digest: ActionDigest
    attempt: Count


class DispatchBegun(OfDispatch):
    """The intent: this is on disk before the call is handed over."""


class DispatchLost(OfDispatch):
    """It was being handed over when its worker died: whether it was is not known."""


class DispatchEnded(OfDispatch):
    """What came of a handover; `became` says whether it is tried again."""

    became: str


class DispatchReturned(DispatchEnded):
    """The outside system carried it out, and gave a result."""


class DispatchTaken(DispatchEnded):
    """The outside system took it, and will tell later."""


class DispatchFailed(DispatchEnded):
    """The outside system says that it did not work."""


class DispatchNotBegun(DispatchEnded):
    """It certainly did not reach the outside system."""


class DispatchUnknown(DispatchEnded):
    """Nobody knows whether the outside system carried it out."""


class DispatchRefused(DispatchEnded):
    """The outside system refused it."""


class DispatchRepeated(Data):
    """A person said that it did not happen, and had it handed over once more; `was` says how it stood."""

    requirement: RequirementId
    route: str
    was: str


EVENTS: dict[str, type[Data]] = {
    "notice_sent": NoticeSent,
    "notice_failed": NoticeFailed,
    "notice_retried": NoticeRetried,
    "dispatch_begun": DispatchBegun,
    "dispatch_returned": DispatchReturned,
    "dispatch_taken": DispatchTaken,
    "dispatch_failed": DispatchFailed,
    "dispatch_not_begun": DispatchNotBegun,
    "dispatch_unknown": DispatchUnknown,
    "dispatch_refused": DispatchRefused,
    "dispatch_lost": DispatchLost,
    "dispatch_repeated": DispatchRepeated,
}
