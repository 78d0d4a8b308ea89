"""One session with one MCP server, held by a task of the event loop that opened it. Sole importer of the MCP SDK.

Whatever the server sends is read as it stands on the wire, and trusted for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from inspect import signature
from typing import Any, NamedTuple

import httpx2
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    URL_ELICITATION_REQUIRED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    Implementation,
    InputRequiredResult,
    RequestParamsMeta,
    ToolListChangedNotification,
)
from pydantic import TypeAdapter, ValidationError

from hitl_fsm.adapters.mcp import bounded
from hitl_fsm.adapters.mcp.asking import Flight, Question, Unasked, said
from hitl_fsm.adapters.mcp.listing import PAGES_MAX, TOOLS_MAX, Listed, listed
from hitl_fsm.adapters.mcp.place import Address, Place
from hitl_fsm.adapters.mcp.results import content_of, error_of
from hitl_fsm.adapters.mcp.stderr import last_words
from hitl_fsm.adapters.mcp.watched import Watched
from hitl_fsm.errors import ToolLost, ToolNotBegun, ToolsUnavailable

OPEN_S = 30.0
"""Seconds in which a server must be up, agree on a protocol and list its tools."""
CLOSE_S = 5.0
"""Seconds in which a session is given up in order; a process that stays is killed before."""
CONNECT_S = 10.0
"""Seconds in which a connection over HTTP must stand."""
SILENCE_S = 300.0
"""Seconds without a byte on a response over HTTP after which the connection counts as lost."""
ROUNDS_MAX = 10
"""Times that one start of a call may come back for more before the server is refused."""
STATE_PAUSE_S = 0.25
"""Seconds before a server is asked again that wanted nothing but to be asked again."""

_NO_WORD = frozenset({CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT})  # no answer, or none that can be read
_HTTP_ERROR, _HTTP_FAULT = 400, 500
_Answer: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)
_EVENT_BOUND: dict[str, Any] = {"max_sse_event_size": bounded.ANSWER_BYTES}
if not _EVENT_BOUND.keys() <= signature(streamable_http_client).parameters.keys():
    _EVENT_BOUND = {}  # an SDK that has none; since it has, it is 1 MiB, and a longer answer would be lost
_flight: ContextVar[Flight] = ContextVar("hitl_fsm_mcp_flight")

logging.getLogger("mcp").addHandler(logging.NullHandler())  # who wants to read it adds another one

Sending = Callable[[], None]


class Returned(NamedTuple):
    result: Any


class Failed(NamedTuple):
    """The server says that the call failed."""

    error: str


class Asked(NamedTuple):
    """The server wants to know something first; `said` is what it made of being told to wait."""

    question: Question
    said: str


Outcome = Returned | Failed | Asked


class Session:
    """Made by `open_session`, on the loop on which all of its methods run."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.tools: dict[str, Listed] = {}
        self.left_out: dict[str, str] = {}
        self.is_dead = False
        self._why = ""
        self._stale = False
        self._end = asyncio.Event()
        self._client: Client | None = None
        self._flights: list[Flight] = []
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # -- its life

    async def opened(self) -> Session:
        """ToolsUnavailable, with the server's last words, unless it is up in time."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(ready))
        try:
            async with asyncio.timeout(OPEN_S):
                await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self._why = f"it was not ready within {OPEN_S:.0f} s"
        if ready.done() and not self.is_dead:
            return self
        await self.closed()
        msg = f"the MCP server {self.place} cannot be used: {self._why or 'it ended'}"
        raise ToolsUnavailable(msg, help="nothing was executed; see that it starts, and try again")

    async def closed(self) -> None:
        """Give it up: a process gets its end of input, then signals."""
        self._end.set()
        if self._task is not None and not self._task.done():
            _, late = await asyncio.wait({self._task}, timeout=CLOSE_S)
            for task in late:
                task.cancel()

    async def _hold(self, ready: asyncio.Future[None]) -> None:
        try:
            async with last_words() as heard:
                try:
                    async with self._connected(heard.file) as client:
                        self._client = client
                        await self._list()
                        ready.set_result(None)
                        await self._end.wait()
                finally:
                    self.is_dead = True
                    if not ready.done() and (words := await heard.at_last()):
                        self._why = f"it said: {words}"
        except Exception as error:  # noqa: BLE001 - whatever ended it, the session is dead, and who waits is told why
            self._why = self._why or _reason(error)

    def _connected(self, errors: Any) -> AbstractAsyncContextManager[Client]:
        return Client(
            Watched(_transport(self.place, errors), self._lost),
            elicitation_callback=self._asked,
            message_handler=self._heard,
            client_info=Implementation(name="hitl-fsm", version="1"),
            mode=self.place.protocol,
            cache=None,
        )

    def _lost(self) -> None:
        self.is_dead = True
        self._end.set()

    async def _heard(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._stale = True

    # -- what it declares

    async def _list(self) -> None:
        self._stale = False
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._open_client.list_tools(cursor=cursor)
            found += [tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None or len(found) > TOOLS_MAX:
                break
        if cursor is not None or len(found) > TOOLS_MAX:
            msg = f"it declares more than {TOOLS_MAX} tools, or takes more than {PAGES_MAX} pages for them"
            raise ValueError(msg)
        self.tools, self.left_out = listed(found)

    @property
    def _open_client(self) -> Client:
        if self._client is None:
            msg = "the session is not open"
            raise RuntimeError(msg)
        return self._client

    # -- calls

    async def call(
        self, tool: Listed, args: dict[str, Any], key: str, answers: Mapping[str, dict[str, Any]], sending: Sending
    ) -> Outcome:
        """Call it once. `sending` is called when nothing else stands between; what it raises keeps it from being sent.

        ToolNotBegun: it was certainly not begun. ToolLost: whether it was, and what came of it, is not known.
        """
        if not self._asks_apart:
            async with self._turn:
                return await self._call(tool, args, key, answers, sending)
        return await self._call(tool, args, key, answers, sending)

    @property
    def _asks_apart(self) -> bool:
        """Whether a question can be told to belong to one of several calls; over stdio it only can since 2026-07-28."""
        return isinstance(self.place, Address) or self._open_client.session.discover_result is not None

    async def _call(
        self, tool: Listed, args: dict[str, Any], key: str, answers: Mapping[str, dict[str, Any]], sending: Sending
    ) -> Outcome:
        await self._check(tool)
        flight = Flight(answers)
        self._flights.append(flight)
        token = _flight.set(flight)
        try:
            sending()
            return await self._answered(tool.name, args, key, flight)
        except MCPError as error:
            return self._failed(error, flight)
        except ValidationError as error:
            msg = f"the answer of {self.place} to {tool.name} cannot be read"
            raise ToolLost(msg) from error
        finally:
            _flight.reset(token)
            self._flights.remove(flight)

    async def _check(self, tool: Listed) -> None:
        """What is called must still be what was listed, judged and approved (law 5)."""
        if self._stale:
            try:
                async with asyncio.timeout(OPEN_S):
                    await self._list()
            except (MCPError, ValidationError, ValueError, TimeoutError) as error:
                msg = f"{self.place} changed its tools and does not say to which: {_reason(error)}"
                raise ToolNotBegun(msg) from error
        now = self.tools.get(tool.name)
        if now is None or now.version != tool.version:
            what = "has no tool" if now is None else "now declares otherwise its tool"
            msg = f"{self.place} {what} {tool.name}"
            raise ToolNotBegun(msg, help="build the agent anew, so that it is judged as what it is now")

    async def _answered(self, name: str, args: dict[str, Any], key: str, flight: Flight) -> Outcome:
        """Until the server answers for good. What it wants to know first is answered from before, or is the outcome."""
        given: dict[str, Any] | None = None
        state: str | None = None
        for _ in range(ROUNDS_MAX):
            request = CallToolRequest(
                params=CallToolRequestParams(
                    name=name,
                    arguments=args,
                    input_responses=given,
                    request_state=state,
                    _meta=RequestParamsMeta({"hitl-fsm/idempotency-key": key}),  # type: ignore[typeddict-unknown-key]  # ours
                )
            )
            answer = await self._open_client.session.send_request(request, _Answer)
            if isinstance(answer, CallToolResult):
                return _outcome(
                    answer.model_dump(by_alias=True, exclude_none=True), flight
                )  # in JSON NaN would be null
            state, given = answer.request_state, None
            if not answer.input_requests:
                await asyncio.sleep(STATE_PAUSE_S)
                continue
            try:
                given = _given(answer, flight)
            except Unasked as refusal:
                return Failed(str(refusal))
            if flight.asked is not None:
                return Asked(flight.asked, "")
        return Failed(f"The server came back for more {ROUNDS_MAX} times.")

    def _failed(self, error: MCPError, flight: Flight) -> Outcome:
        """An error of the server is its word; an error on the way is nobody's."""
        if flight.too_long:  # it answered: what became of the call is not in question, only what it came to
            return Failed(
                f"The server answered with more than {bounded.ANSWER_BYTES} bytes, which are not read. "
                "The call is over: what it does is done."
            )
        if flight.undelivered:
            msg = f"{self.place} cannot be reached"
            raise ToolNotBegun(msg, help="see that it runs")
        if error.code in _NO_WORD or (isinstance(self.place, Address) and not flight.refused and _is_stand_in(error)):
            msg = f"the connection to {self.place} ended before the answer: {error.message}"
            raise ToolLost(msg, may_act=isinstance(self.place, Address))
        if flight.asked is not None:
            return Asked(flight.asked, said(error.message))
        if error.code == URL_ELICITATION_REQUIRED:
            return Failed("The server sends people to a URL first, which this client does not do.")
        return Failed(error.message or "the server gave no reason")

    # -- what it asks

    async def _asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        del context
        flight = _flight.get(None) or (self._flights[0] if len(self._flights) == 1 else None)
        if flight is None:
            return ErrorData(code=INVALID_REQUEST, message="It cannot be told which call this belongs to.")
        try:
            return _reply(flight, params.model_dump(by_alias=True, mode="json", exclude_none=True))
        except Unasked as refusal:
            return ErrorData(code=INVALID_REQUEST, message=str(refusal))


def _reply(flight: Flight, params: Mapping[str, Any]) -> ElicitResult:
    """What a person gave to just this question; else the server is told to let go, and the person is asked."""
    found = flight.answer(params)
    return ElicitResult(action="cancel") if found is None else ElicitResult(action="accept", content=found)


def _given(answer: InputRequiredResult, flight: Flight) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, request in (answer.input_requests or {}).items():
        if request.method != "elicitation/create":
            msg = f"The server asks for {request.method}, which this client does not give."
            raise Unasked(msg)
        given[name] = _reply(flight, request.params.model_dump(by_alias=True, mode="json", exclude_none=True))
    return given


def _outcome(answer: Mapping[str, Any], flight: Flight) -> Outcome:
    failed = answer.get("isError") is True
    if flight.asked is not None:
        return Asked(flight.asked, said(error_of(answer) if failed else content_of(answer)))
    return Failed(error_of(answer)) if failed else Returned(content_of(answer))


def _is_stand_in(error: MCPError) -> bool:
    """What the SDK says in place of a response over HTTP that has no words of the server."""
    return error.message == "Server returned an error response"


def _reason(error: BaseException) -> str:
    """The first error inside a group of them."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    text = str(error).strip().splitlines()
    return text[0][:500] if text else type(error).__name__


# -- transports


def _transport(place: Place, errors: Any) -> AbstractAsyncContextManager[Any]:
    if isinstance(place, Address):
        return _over_http(place)
    parameters = StdioServerParameters(command=place.command, args=list(place.args), env=dict(place.env), cwd=place.cwd)
    return stdio_client(parameters, errlog=errors)


@asynccontextmanager
async def _over_http(place: Address) -> AsyncIterator[Any]:
    timeout = httpx2.Timeout(CONNECT_S, read=SILENCE_S)
    async with (
        _Telling(headers=dict(place.headers), timeout=timeout) as client,
        streamable_http_client(place.url, http_client=client, **_EVENT_BOUND) as streams,
    ):
        yield streams


class _Telling(httpx2.AsyncClient):
    """Tells the call that sends a request what became of the request."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        flight = _flight.get(None)
        try:
            response = await super().send(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            if flight is not None:
                flight.undelivered = True
            raise
        if flight is not None:
            flight.refused = _HTTP_ERROR <= response.status_code < _HTTP_FAULT
        if flight is not None or request.method == "POST":
            response.stream = bounded.Bounded(response, lambda: _mark_too_long(flight))
        return response


def _mark_too_long(flight: Flight | None) -> None:
    if flight is not None:
        flight.too_long = True
