"""Hooks: what an application looks at before a tool begins, and after it returned.

`before` may refuse, `after` may give another result. Neither can change what runs: each is given a copy of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import msgspec

from hitl_fsm.core.draft import RAN
from hitl_fsm.errors import ToolNotBegun
from hitl_fsm.model.context import CallContext
from hitl_fsm.runtime.agents.callback import called, checked_callables, name_of
from hitl_fsm.runtime.tools.results import error_text, to_result

Before = Callable[[CallContext, str, dict[str, Any]], Awaitable[None] | None]
"""Context, the tool's name, the arguments; what it raises refuses the call."""
After = Callable[[CallContext, str, Any], Any]
"""Context, the tool's name, the result; what it returns is the result then, and None leaves it as it is."""


class HookRefused(Exception):
    """A `before` hook said no; the tool did not begin."""


class HookFailed(Exception):
    """An `after` hook raised; the tool did run, and its result goes nowhere."""


@dataclass(frozen=True)
class Hooks:
    """For `Agent(hooks=Hooks(before=[...], after=[...]))`; plain or async functions, called in order.

    They see each start of a function of the agent's tools, one that is tried again too. They do not see a question to a
    person, nor what a person or an outside system reported as a call's result. An `after` hook reads what the hook
    before it left; what the last one left is recorded, reviewed and read by the model. Where one raises, the result is
    withheld: it may be the one that takes secrets out.
    """

    before: Sequence[Before] = ()
    after: Sequence[After] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", checked_callables(self.before, "before"))
        object.__setattr__(self, "after", checked_callables(self.after, "after"))

    async def allow(self, context: CallContext, tool: str, args: Mapping[str, Any]) -> None:
        """Ask each `before`; HookRefused from the first that raises, ToolNotBegun when this worker is stopped."""
        for hook in self.before:
            try:
                await called(hook, _own(context), tool, deepcopy(dict(args)))
            except Exception as error:
                msg = f"The hook {name_of(hook)} refused it: {error_text(error)}. It was not executed."
                raise HookRefused(msg) from error
            except asyncio.CancelledError as error:
                msg = f"{tool} did not begin: the worker was stopped"
                raise ToolNotBegun(msg) from error

    async def result_of(self, context: CallContext, tool: str, result: Any) -> Any:
        """What each `after` made of it, JSON-able; HookFailed from the first that raises, or is cut off.

        Of its error only the kind is told: the text may hold what the hook was there to take out.
        """
        for hook in self.after:
            try:
                other = await called(hook, _own(context), tool, deepcopy(result))
            except (Exception, asyncio.CancelledError) as error:
                msg = f"The hook {name_of(hook)} failed on its result: {type(error).__name__}. {RAN}"
                raise HookFailed(msg) from error
            if other is not None:
                result = to_result(other)
        return result


NO_HOOKS = Hooks()


def _own(context: CallContext) -> CallContext:
    """Its own: what a person filled in is read by the tool, and no hook may change it (law 5)."""
    return msgspec.structs.replace(context, answers=deepcopy(context.answers), context=deepcopy(context.context))
