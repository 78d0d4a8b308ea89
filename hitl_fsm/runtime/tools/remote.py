"""A tool that runs elsewhere: declared by somebody else, begun and awaited here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from hitl_fsm.errors import ToolError
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.message import ToolSpec
from hitl_fsm.runtime.tools.declared import Declared, cut
from hitl_fsm.runtime.tools.results import to_result
from hitl_fsm.runtime.tools.tool import Begin, Declaration, Tool, at_once

Start = Callable[[dict[str, Any], CallContext, Begin], "Future[Any]"]
"""Sends the arguments. The future is running from the moment at which `begin` was called and the request may be out;
before that it can be cancelled, and then nothing was begun. What `begin` raises is its error."""


@dataclass(frozen=True, eq=False)
class RemoteTool(Tool[..., Any]):
    """`start` begins it; `declared` is what it takes. Made by `remote_tool`."""

    declared: Declared
    start: Start

    def _take(self, function: Callable[..., Any]) -> None:
        """There is none to look at."""

    @cached_property
    def is_method(self) -> bool:
        return False

    @cached_property
    def sensitive(self) -> tuple[str, ...]:
        """Nothing: who runs the tool does not say what is kept from those who approve its calls."""
        return ()

    @cached_property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name=self.name,
            description=cut(self.declaration.description or ""),
            parameters=self.declared.json_schema,
        )

    @cached_property
    def _signature(self) -> Declared:
        return self.declared

    async def call(
        self, args: Mapping[str, Any], context: CallContext, *, begin: Begin = at_once, alone: bool = False
    ) -> Any:
        """As for any tool; what comes back after its time goes along with the error, since nothing stops it."""
        del alone
        work = self.start(self.bind(args), context, begin)
        result = await self._outcome(work, "its server", "another call may take long; give it a longer `timeout_s`")
        return to_result(result)


def remote_tool(declaration: Declaration, schema: Any, start: Start) -> RemoteTool:
    """ToolError where the name or the schema cannot be a tool's."""
    return RemoteTool(_refused, declaration, Declared(declaration.name, schema), start)


def _refused(*_args: Any, **_kwargs: Any) -> NoReturn:
    msg = "a tool that runs elsewhere is called by an engine, which has its policies"
    raise ToolError(msg, help="give it to an agent")


class ToolAsked(Exception):
    """What runs a tool wants to know something of a person first. It was told to let go; what it `said` then is kept.

    The call begins again when the question is answered.
    """

    def __init__(self, message: str, schema: dict[str, Any], said: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.schema = schema
        self.said = said
