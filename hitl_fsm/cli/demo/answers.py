"""Who answers the demo's questions: the demo itself, saying so, or the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from hitl_fsm.cli.demo.agent import USER
from hitl_fsm.model.answer import Answer, Approve, Provide, Reject, Report

if TYPE_CHECKING:
    from hitl_fsm.cli.demo.view import Teller
    from hitl_fsm.runtime.presenting.presentation import Presentation

APPROVER: Final = "maria"
BANK: Final = "bank"
_RECEIPT: Final = {"accepted": True, "reference": "SEPA-2041"}

Tries = Iterator[tuple[Answer, str]]


class Answering(Protocol):
    """Gives answers, each with who gives it, until one is accepted; the last one has to be."""

    def answers(self, page: Presentation) -> Tries: ...


class Scripted:
    """The demo answers by itself, and shows on the way what is refused."""

    def answers(self, page: Presentation) -> Tries:
        """See `Answering`."""
        match page.kind:
            case "approval":
                yield Approve(note="my own request"), USER
                yield Approve(note="within policy"), APPROVER
            case "external":
                yield Report({"accepted": "yes"}), BANK
                yield Report(_RECEIPT), BANK
            case "user_input" if page.tool == "ask_user":
                yield Provide({"broken": "shade", "keeps_it": False}), USER
            case "user_input":
                yield Provide({"reason": "just because"}), USER
                yield Provide({"reason": "damaged", "evidence": "photo in ticket 7"}), USER
            case _:
                yield Approve(), USER


class Asking:
    """The person at the terminal answers for everybody in the play."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def answers(self, page: Presentation) -> Tries:
        """See `Answering`; asks again for as long as the answers are refused."""
        from hitl_fsm.cli.answers.form import ask_form  # noqa: PLC0415 - only at a terminal

        while True:
            match page.kind:
                case "external":
                    self._teller.line(f"    (the demo's {BANK} answers this one)")
                    yield Report(_RECEIPT), BANK
                case "user_input":
                    yield Provide(ask_form(page)), USER
                case "approval":
                    yield _yes_or_no(f"You are {APPROVER} of finance. Approve?"), APPROVER
                case _:
                    yield _yes_or_no(f"You are {USER}. Go ahead?"), USER


def _yes_or_no(question: str) -> Answer:
    from hitl_fsm.cli.terminal import agreed, ask  # noqa: PLC0415 - only at a terminal

    if agreed(question):
        return Approve()
    return Reject(ask("Why not? The agent reads it:") or None)
