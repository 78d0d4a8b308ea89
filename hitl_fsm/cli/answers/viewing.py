"""What is shown to a person is on the record before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.cli.answers.identity import typist
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.answers.answering import Looked
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run

SHELL, TUI = "shell", "tui"


def tell_viewed(
    session: Session, requirement: Requirement, run: Run, speaker: str | None = None, surface: str = SHELL
) -> None:
    """That who types looks at it. A StoreError where it cannot be recorded; then it is not shown."""
    from hitl_fsm.runtime.people.viewing import tell_viewed as tell  # noqa: PLC0415 - loaded with the engine

    parts = session.engine().parts
    run_sync(tell(parts.store, parts.clock, typist(session, speaker), requirement, run, surface))


def put_before(session: Session, looked: Looked, speaker: str | None) -> None:
    """The whole question on the screen, before who types is asked for more than a yes. It is a look."""
    import sys  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.answers.present import question_page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import show  # noqa: PLC0415 - as above

    tell_viewed(session, looked.requirement, looked.run, speaker)
    show(session, question_page(looked.shown), sys.stderr)
