"""The model of a workflow's run: what was recorded goes in, the next calls come out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import msgspec

from hitl_fsm.core.draft import as_text
from hitl_fsm.errors import HitlError, ModelError, WorkflowChanged, WorkflowStopped
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall
from hitl_fsm.runtime.loop import run_blocking
from hitl_fsm.runtime.tools.results import error_text
from hitl_fsm.runtime.workflow.nodes import Node
from hitl_fsm.runtime.workflow.plan import Batch, Decide, Ended, Scope, Walk, in_order, told, walk
from hitl_fsm.runtime.workflow.program import Program
from hitl_fsm.runtime.workflow.walks import Waiting, Walks

_DECIDED = "decided"


class Planner:
    """Every turn is told from the messages alone. `branch`: it walks that node alone, as a run of its own."""

    origin = "workflow"  # what it decided comes back to it

    def __init__(self, name: str, program: Program, branch: Node | None = None) -> None:
        self.name = name
        self._program = program
        self._branch = branch
        self._walks = Walks()

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """The next batch of calls, or the output.

        WorkflowChanged where the messages tell of another workflow, WorkflowStopped where it ends before its output;
        ModelError where a function of the application raised, or said what it cannot say.
        """
        del on_text
        messages = tuple(message for message in request.messages if message.role != "system")
        waiting = self._walks.take(messages)
        at = self._told(messages) if waiting is None else self._next(waiting, messages)
        return at if isinstance(at, ModelReply) else await self._go_on(at, messages)

    def _told(self, messages: tuple[Message, ...]) -> _At | ModelReply:
        """Walk from the beginning to where the messages end."""
        history = _history(messages)
        scope, steps = self._begin(history.given)
        left = len(history.turns)
        try:
            asked = next(steps)
            for turn in history.turns:
                left -= 1
                asked = self._again(steps, asked, turn)
        except (StopIteration, WorkflowStopped) as end:
            if left:
                self._changed("it now ends where it had gone on")
            if isinstance(end, WorkflowStopped):
                raise
            return self._output(end.value, scope, [])
        return _At(steps, scope, asked)

    def _next(self, waiting: Waiting, messages: tuple[Message, ...]) -> _At | ModelReply:
        """Go on with a walk that has seen all but the last turn."""
        results = [_ended(message) for message in messages[waiting.length + 1 :]]
        try:
            return _At(waiting.steps, waiting.scope, waiting.steps.send(results))
        except StopIteration as end:
            return self._output(end.value, waiting.scope, [])

    def _begin(self, given: Sequence[Message]) -> tuple[Scope, Walk]:
        value = _value(given[0])
        feedback = "\n".join(message.content for message in given[1:])
        scope = Scope(self._program.arguments, value, self._program.wanted, feedback)
        if self._branch is None:
            return scope, in_order(self._program.nodes, value, scope)
        if not isinstance(value, dict) or "input" not in value:
            self._changed("a branch was begun without its input")
        scope.workflow_input = value.get("workflow_input")
        scope.outputs.update(value.get("outputs", {}))
        return scope, walk(self._branch, value["input"], scope)

    def _again(self, steps: Walk, request: Batch | Decide, turn: _Turn) -> Batch | Decide:
        """What is asked for after a turn that was recorded; StopIteration where that was the last."""
        decided = list(turn.decided)
        while isinstance(request, Decide):
            if not decided or decided[0][0] != request.what:
                self._changed(f"it now decides {request.what!r} where it had not")
            request = steps.send(decided.pop(0)[1])
        if decided:
            self._changed(f"it had decided {decided[0][0]!r} where it does not now")
        now, then = [call.name for call in request.calls], [call.tool for call in turn.calls]
        if now != then:
            self._changed(f"it had called {', '.join(then)} where it now calls {', '.join(now)}")
        if len(turn.results) != len(then):
            self._changed(f"it was told {len(turn.results)} results of {len(then)} calls")
        return steps.send([_ended(result) for result in turn.results])

    async def _go_on(self, at: _At, messages: tuple[Message, ...]) -> ModelReply:
        steps, scope, request = at
        decided: list[list[Any]] = []
        try:
            while isinstance(request, Decide):
                said = await self._decide(request)
                decided.append([request.what, said])
                request = steps.send(said)
        except StopIteration as end:
            return self._output(end.value, scope, decided)
        called = tuple(call.name for call in request.calls)
        seen = (messages[0], messages[-1])
        self._walks.keep(messages, Waiting(steps, scope, seen, len(messages), decided, called))
        calls = tuple(
            ToolCall(f"{len(messages)}.{index}", call.name, msgspec.json.encode(call.args).decode())
            for index, call in enumerate(request.calls)
        )
        return ModelReply(calls=calls, echo={_DECIDED: decided} if decided else None)

    async def _decide(self, request: Decide) -> Any:
        function, takes = request.function, self._program.takes[request.function]
        arguments = takes.arguments(request.given)
        try:
            if inspect.iscoroutinefunction(function):
                said = await function(**arguments)
            else:
                said = await run_blocking(lambda: function(**arguments), alone=True)
                said = await said if inspect.isawaitable(said) else said
        except HitlError:
            raise
        except Exception as error:
            msg = f"{request.what} raised {error_text(error)}"
            raise ModelError(msg, help="repair it, then continue the run") from error
        wanted = request.check(said)
        if wanted is not None:
            msg = f"{request.what} said {said!r:.80}, not {wanted}"
            raise ModelError(msg, help="repair it, then continue the run")
        return said

    def _output(self, output: Any, scope: Scope, decided: list[list[Any]]) -> ModelReply:
        if self._branch is not None:
            output = told(scope, output=output)
            output.pop("workflow_input", None)
        text = "" if output is None else as_text(output)
        return ModelReply(
            text=text,
            echo={_DECIDED: decided} if decided else None,
            value=None if isinstance(output, str) else output,
        )

    def _changed(self, why: str) -> NoReturn:
        msg = f"workflow {self.name!r} is not the one that this run has recorded: {why}"
        raise WorkflowChanged(msg, help="give it its steps back and continue the run, or cancel it; answers are kept")


class _At(NamedTuple):
    """Where a walk is: what it asks for."""

    steps: Walk
    scope: Scope
    asked: Batch | Decide


class _Turn(NamedTuple):
    """One recorded turn: what was decided before its calls, these, and what became of them."""

    decided: list[list[Any]]
    calls: tuple[ToolCall, ...]
    results: list[Message]


class _History(NamedTuple):
    """`given`: the input, and what people said beside it."""

    given: list[Message]
    turns: list[_Turn]


def _history(messages: Sequence[Message]) -> _History:
    given: list[Message] = []
    turns: list[_Turn] = []
    for message in messages:
        if message.role == "assistant":
            turns.append(_Turn(list((message.echo or {}).get(_DECIDED, [])), message.calls, []))
        elif message.role == "tool":
            turns[-1].results.append(message)
        elif message.role == "user" and not turns:
            given.append(message)
    return _History(given, turns)


def _ended(message: Message) -> Ended:
    return Ended(message.outcome, _value(message), message.content)


def _value(message: Message) -> Any:
    """What was given or returned; nothing and the text `null` look the same, and are taken for nothing."""
    if message.value is None and message.content != "null":
        return message.content
    return message.value
