"""What to do next: the outputs of the core. Imperative, executed by the driver only after the commit."""

from __future__ import annotations

import msgspec


class CallModel(msgspec.Struct, frozen=True, tag="call_model"):
    """Ask the model of a frame ("": the run's own) for its turn; models of several frames may be asked at once."""

    turn: int
    frame: str = ""


class StartCalls(msgspec.Struct, frozen=True, tag="start_calls"):
    """Commit the intent of these (after checking each digest again), then run them."""

    call_ids: tuple[str, ...]


class RunTools(msgspec.Struct, frozen=True, tag="run_tools"):
    """The intent is on disk: execute, if the intent is this worker's own."""

    call_ids: tuple[str, ...]


class JudgeAgain(msgspec.Struct, frozen=True, tag="judge_again"):
    """What is left is to ask an outside system: reach a verdict of this moment first."""

    call_ids: tuple[str, ...]


Effect = CallModel | StartCalls | RunTools | JudgeAgain
