"""`hitl-fsm demo`: one ticket that meets every kind of gate, offline, in a few seconds.

Each answer is given on an engine that was opened for it and closed again: between two of them nothing of the run is
in memory, only on disk.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hitl_fsm.cli.output import json_document, say, write
from hitl_fsm.cli.terminal import is_interactive

if TYPE_CHECKING:
    from hitl_fsm.cli.demo.answers import Answering
    from hitl_fsm.cli.demo.view import Teller
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.evaluate import PolicySet
    from hitl_fsm.runtime.agents.agent import Agent
    from hitl_fsm.runtime.handles import RequirementHandle, RunHandle

DATABASE: Final = "demo.db"
LEDGER: Final = "ledger.txt"


def demo(
    ctx: typer.Context,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Answer every question by itself, saying each answer.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep the store here instead of in a temporary folder.")
    ] = None,
) -> None:
    """See every kind of gate in one minute, offline.

    A support agent handles one refund ticket. On a terminal you are asked what the people in it would be asked; off a
    terminal, or with --yes, the demo answers and says so.

    JSON: {"run_id", "store", "state", "path", "gates", "intact"}; the text goes to stderr then.
    """
    from hitl_fsm.cli.demo.answers import Asking, Scripted  # noqa: PLC0415 - not for --help
    from hitl_fsm.cli.demo.view import Teller  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    teller = Teller((lambda text: say(session, text.removesuffix("\n"))) if session.json else write)
    asking = not yes and is_interactive() and sys.stdout.isatty()
    summary = Demo(_folder(keep), teller, Asking(teller) if asking else Scripted()).play()
    if session.json:
        json_document(summary)


class Demo:
    """One play of the ticket in one folder."""

    def __init__(self, folder: Path, teller: Teller, answering: Answering) -> None:
        self.folder = folder
        self._teller = teller
        self._answering = answering
        self._policies = _starter_policies()
        self._seen = 0

    @property
    def store_url(self) -> str:
        """Absolute, so that it can be given to another command."""
        return f"sqlite:///{self.folder / DATABASE}"

    @property
    def ledger(self) -> Path:
        """Where the refund tool writes a line each time that it runs."""
        return self.folder / LEDGER

    def play(self) -> dict[str, object]:
        """The whole ticket; what came of it."""
        from hitl_fsm.cli.demo.agent import TICKET, USER  # noqa: PLC0415 - not for --help

        self._teller.opening(TICKET, self._policies, self.store_url)
        with self._agent() as agent:
            run = agent.run(TICKET, user=USER)
            self._tell(run)
        while run.is_paused:
            for requirement in run.active_requirements:
                self._answer(requirement, run)
            with self._agent() as agent:
                run = agent.continue_run(run_id=run.run_id)
                self._tell(run)
        return self._close(run)

    @contextmanager
    def _agent(self) -> Iterator[Agent]:
        """The agent on a freshly opened store, as another process would have it."""
        from hitl_fsm.cli.demo.agent import PEOPLE, support  # noqa: PLC0415 - not for --help
        from hitl_fsm.connect import Engine  # noqa: PLC0415 - as above

        engine = Engine(policies=self._policies, store=self.store_url, actors=PEOPLE)
        try:
            yield support(engine, self.ledger)
        finally:
            engine.close()

    def _tell(self, run: RunHandle) -> None:
        with self._agent() as agent:
            entries = agent.engine.runs.events(run.run_id, after=self._seen)
        self._seen = run.value.version
        self._teller.entries(entries)

    def _answer(self, asked: RequirementHandle, run: RunHandle) -> None:
        """Ask until an answer is accepted; each try on a fresh engine. The run's log is told up to there."""
        tries = self._answering.answers(self._teller.question(asked, run))
        for answer, by in tries:
            with self._agent() as agent:
                accepted = self._teller.attempt(agent.engine, asked, answer, by)
            if accepted:
                break
        with self._agent() as agent:
            after = agent.engine.runs.get(asked.value.run_id)
            self._seen = after.value.version

    def _close(self, run: RunHandle) -> dict[str, object]:
        with self._agent() as agent:
            records = agent.engine.runs.timeline(run.run_id)
            report = agent.engine.audit.verify()
        ledger = self.ledger.read_text(encoding="utf-8").splitlines() if self.ledger.exists() else []
        path = self._teller.closing(records, report, [line for line in ledger if run.run_id in line])
        self._teller.next_steps(run.run_id, self.store_url)
        return {
            "run_id": run.run_id,
            "store": self.store_url,
            "state": run.state,
            "path": path,
            "gates": self._teller.gates,
            "intact": report.intact,
        }


def _starter_policies() -> PolicySet:
    from hitl_fsm.cli.starter import starter  # noqa: PLC0415 - not for --help
    from hitl_fsm.connect import load_policies  # noqa: PLC0415 - as above

    return load_policies(starter("policies"))


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="hitl-fsm-demo-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from hitl_fsm.errors import SettingsError  # noqa: PLC0415 - only for a mistake

        message = f"{keep} cannot be made: {error.strerror}"
        raise SettingsError(message, help="give --keep a folder that can be written") from error
    return keep.resolve()
