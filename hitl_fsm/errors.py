"""Every error a user can meet: a class with a stable code, a message and a next step.

Code ranges: HF1xx policy files · HF3xx runs, requirements and answers · HF4xx tools and models ·
HF5xx the store · HF6xx the record · HF7xx settings and the command line.
The text is data first (`code`, `message`, `help`); rendering happens at the surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file: 1-based line and column (in characters)."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding in one file; `excerpt` is the offending source line, `width` the length of its caret run."""

    code: str
    message: str
    place: Place
    severity: str = "error"
    help: str | None = None
    excerpt: str | None = None
    width: int = 1


class HitlError(Exception):
    """Base of all errors of this package.

    `code` is stable across releases, `help` says what to do next, `exit_code` is what the
    command line ends with (DESIGN section 8).
    """

    code: ClassVar[str] = "HF000"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the word users know
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        text = f"{self.code} {self.message}"
        return f"{text}\n  hint: {self.help}" if self.help else text


class PolicyError(HitlError):
    """The policies do not load; nothing runs under them (law 6). `diagnostics` has all findings."""

    code = "HF100"
    exit_code = 1

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = (), *, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.diagnostics = diagnostics


class IllegalTransition(HitlError):
    """A trigger that the state does not accept (law 11). Nothing happened."""

    code = "HF301"
    exit_code = 5


class RunNotFound(HitlError):
    code = "HF302"
    exit_code = 2


class RequirementNotFound(HitlError):
    """No such requirement, or one of another run."""

    code = "HF303"
    exit_code = 2


class AlreadyResolved(HitlError):
    """The second answer (law 2). The message says who answered first and when; nothing changed."""

    code = "HF304"
    exit_code = 5


class RunBusy(HitlError):
    """Another worker holds the run's lease."""

    code = "HF305"
    exit_code = 5


class Fenced(HitlError):
    """The worker lost the run to another one; what it wanted to commit was refused."""

    code = "HF306"
    exit_code = 5


class RequirementChanged(HitlError):
    """The action is no longer the one that was shown (law 5)."""

    code = "HF307"
    exit_code = 5


class NotAuthorised(HitlError):
    """The actor may not give this answer."""

    code = "HF308"
    exit_code = 4


class AnswerRefused(HitlError):
    """The answer does not fit the question (law 9): `problems` has one line per field. It can be answered again."""

    code = "HF309"
    exit_code = 2

    def __init__(self, message: str, problems: tuple[str, ...] = (), *, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.problems = problems

    def __str__(self) -> str:
        lines = [f"{self.code} {self.message}", *(f"  - {problem}" for problem in self.problems)]
        if self.help:
            lines.append(f"  hint: {self.help}")
        return "\n".join(lines)


class RunEnded(HitlError):
    """The run is done, failed or cancelled; the request needs a live one."""

    code = "HF310"
    exit_code = 5


class RequirementExpired(HitlError):
    """Its time ran out before the answer; time never says yes (law 12)."""

    code = "HF311"
    exit_code = 5


class Paused(HitlError):
    """A gated callable met a gate. `run_id` continues it once answered."""

    code = "HF312"
    exit_code = 8

    def __init__(self, message: str, run_id: str, *, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.run_id = run_id


class Denied(HitlError):
    """A policy or a person said no to a gated callable."""

    code = "HF313"
    exit_code = 1


class LimitExceeded(HitlError):
    """A named limit was reached."""

    code = "HF314"
    exit_code = 3


class Tampered(HitlError):
    """What is stored is not what was approved or recorded; nothing runs."""

    code = "HF315"
    exit_code = 3


class InputRefused(HitlError):
    """A prompt, actor, answer, name or reason of another type, too long, or no valid text. Nothing was done."""

    code = "HF316"
    exit_code = 2


class AnswerTooEarly(HitlError):
    """`Did it happen?` cannot be answered while the lost worker may still act. The message says from when on."""

    code = "HF317"
    exit_code = 5


class ForkRefused(HitlError):
    """The run never stood where another one should go on."""

    code = "HF318"
    exit_code = 2


class GrantGone(HitlError):
    """A grant on which a step relies is used up, over or revoked. Nothing was written; people are to be asked."""

    code = "HF319"
    exit_code = 5

    def __init__(self, message: str, *, grant_id: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.grant_id = grant_id


class GrantNotFound(HitlError):
    """No grant has this id."""

    code = "HF320"
    exit_code = 2


class NotRevocable(HitlError):
    """There is no yes that could be taken back: it was another answer, or what it allowed has begun."""

    code = "HF321"
    exit_code = 5


class CalendarError(HitlError):
    """When a calendar is open cannot be told here. A run does not meet it: there, all hours count instead."""

    code = "HF330"


class ToolError(HitlError):
    """A tool cannot be declared or called."""

    code = "HF401"
    exit_code = 2


class UnknownTool(HitlError):
    code = "HF402"
    exit_code = 2


class UnknownRunnable(HitlError):
    """The run's agent or callable is not known to this engine."""

    code = "HF403"
    exit_code = 2


class ArgumentsUnreadable(HitlError):
    """A model's argument text is not one JSON object within the named limits; the call does not happen (law 6)."""

    code = "HF404"
    exit_code = 2


class ToolTimedOut(HitlError):
    """A tool did not end within its `timeout_s`. It may still act: its outcome is unknown (law 3), not a failure.

    `still` is what its thread will come to; None when the tool was stopped.
    """

    code = "HF405"

    def __init__(self, message: str, *, still: Future[Any] | None = None, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.still = still


class ToolNotBegun(HitlError):
    """It is certain that the tool did not begin."""

    code = "HF406"


class ToolLost(HitlError):
    """A tool that runs elsewhere was begun, and nobody knows what came of it (law 3).

    `may_act`: it may still act, until its time is over; otherwise it acts no more.
    """

    code = "HF407"

    def __init__(self, message: str, *, may_act: bool = False, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.may_act = may_act


class ToolsUnavailable(HitlError):
    """What has the tools (a server, a process) cannot be reached or used. Nothing was executed."""

    code = "HF408"


class ModelError(HitlError):
    """The model could not be reached or its reply could not be used. `retryable` says whether trying again may help."""

    code = "HF410"
    exit_code = 3

    def __init__(self, message: str, *, retryable: bool = False, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.retryable = retryable


class TeamError(HitlError):
    """A team that cannot be built like that."""

    code = "HF411"
    exit_code = 2


class WorkflowError(HitlError):
    """A workflow cannot be built: a name stands twice, a node has no steps, a word is unknown.

    `diagnostics` has all findings where it was read from a file.
    """

    code = "HF420"
    exit_code = 2

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = (), *, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.diagnostics = diagnostics


class WorkflowChanged(HitlError):
    """The workflow is no longer the one that its run has recorded. Nothing was done, and what was answered is kept."""

    code = "HF421"
    exit_code = 5


class WorkflowStopped(ModelError):
    """The workflow ends here: a step was rejected, or failed, and it says to stop then."""

    code = "HF422"
    exit_code = 1


class CallbackRefused(HitlError):
    """A message that is to be a route's word is not: unsigned, old, unreadable, or about nothing that was sent."""

    code = "HF430"
    exit_code = 4


class NotifyError(HitlError):
    """A channel did not take a notice. `retryable`: another try may help, after `retry_after_s` at the earliest."""

    code = "HF435"

    def __init__(self, message: str, *, retryable: bool = True, retry_after_s: float = 0.0) -> None:
        super().__init__(message, help="`hitl-fsm notices list` tells what was not sent")
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class SinkError(HitlError):
    """A second copy of the record did not take lines. They are offered again."""

    code = "HF436"


class CopyBehind(HitlError):
    """An action waits, since its lines are not with every second copy of the record yet. It did not begin."""

    code = "HF437"


class StoreError(HitlError):
    """The store cannot be opened, read or written; the action did not happen (law 6)."""

    code = "HF501"


class SchemaTooNew(StoreError):
    """The database was made by a newer version of this program."""

    code = "HF502"


class StoreBusy(StoreError):
    """Another process held the store longer than the named wait."""

    code = "HF503"


class NoHeadroom(StoreError):
    """The room that is kept for outcomes is not there, so that nothing begins; outcomes are still written."""

    code = "HF504"


class RecordError(HitlError):
    """The record cannot be read as one."""

    code = "HF601"


class Uncanonical(HitlError, ValueError):
    """A value without a canonical form: no digest can bind it, so nothing that carries it is started."""

    code = "HF602"
    exit_code = 2


class BadNote(RecordError):
    """A signed note, a checkpoint or a key's text is not well-formed, or a signature on it is wrong."""

    code = "HF610"
    exit_code = 1


class KeysError(RecordError):
    """The keys of a record cannot be used: lost, readable by others, or those of another store."""

    code = "HF611"


class AnchorError(RecordError):
    """An anchor of the record's checkpoints could not be written or read, or holds another checkpoint."""

    code = "HF612"


class CannotVerify(RecordError):
    """What is to be verified, or what it is to be held against, cannot be used: no proof, no key, no checkpoint."""

    code = "HF613"


class QuestionError(HitlError, ValueError):
    """There is no such question to ask the record, or what was given with it does not fit. Nothing was read."""

    code = "HF620"
    exit_code = 2


class RecordHeld(RecordError):
    """A legal hold covers what was to be forgotten, erased or pruned. Nothing was."""

    code = "HF630"
    exit_code = 5

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the word users know
        super().__init__(message, help=help or "`hitl-fsm audit hold list` tells who placed it, and why")


class ErasureRefused(RecordError):
    """A run about the person is in the store, and cannot be forgotten yet. Nothing was erased."""

    code = "HF631"
    exit_code = 5


class RecordKept(RecordError):
    """The record is too young to be pruned, or a reader has not read it, or no signed checkpoint covers it.

    Or a run is too young. Nothing was pruned.
    """

    code = "HF632"
    exit_code = 5


class SubjectUnknown(RecordError):
    """Nothing is kept of this person, or there is no such hold, or reader of the record."""

    code = "HF633"
    exit_code = 2


class ExportRefused(RecordError):
    """There is nothing to export, it is more than one export holds, or the place for it is taken."""

    code = "HF640"
    exit_code = 2


class SettingsError(HitlError):
    """A setting, environment variable or target is wrong."""

    code = "HF701"
    exit_code = 2
