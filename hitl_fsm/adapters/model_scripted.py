"""A model that replays a script: offline demos, examples and tests, without a provider and without LiteLLM.

A script is a YAML or JSON file with a list of replies, in order:

    - say: "Let me look that order up."
      calls: [{tool: orders.lookup, args: {order_id: "42"}}]
    - calls: [{tool: payments.refund, args: {order_id: "42", amount: 120.5}}, {tool: x, raw: "{not json"}]
    - say: "Done: {last_result}"

Each reply has `say` (text), `calls`, or both. A call has `tool`, and either `args` (a mapping, handed on as JSON) or
`raw` (the argument text as it stands, which need not be JSON); `id` names the call, else it is `call_<reply>_<place>`.
`usage` says what the reply took: `{prompt: 900, completion: 40, cached: 800, reasoning: 30, cost: 1250}`, tokens and
micro-dollars, each 0 or more; without it nothing is counted, and without `cost` the price is not known.
`{last_result}` in `say` stands for the content of the conversation's last tool message (empty if there is none).

Which reply comes is the number of assistant messages already in the request. Nothing is remembered between calls, so a
script goes on at the right place after a restart and when a run is resumed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from hitl_fsm.errors import ModelError, SettingsError
from hitl_fsm.model.message import COUNT_MAX, ChatRequest, ModelReply, ToolCall, Usage

MAX_SCRIPT_BYTES: Final = 1024 * 1024
MAX_SCRIPT_DEPTH: Final = 64
LAST_RESULT: Final = "{last_result}"
SCRIPT_SUFFIXES: Final = (".yaml", ".yml", ".json")

_REPLY_KEYS: Final = frozenset({"say", "text", "calls", "usage"})
_USAGE_KEYS: Final = Usage.__struct_fields__
_CALL_KEYS: Final = frozenset({"tool", "args", "raw", "id"})
_SHAPE: Final = "each reply is {say: text, calls: [{tool: name, args: {…}}]}; see hitl_fsm/adapters/model_scripted.py"
_WORD: Final = re.compile(r"\s*\S+|\s+$")

Scripted = ModelReply | Mapping[str, Any]
Reply = Scripted | Callable[[ChatRequest], Scripted]


class ScriptedModel:
    """A `ChatModel` that answers from `replies`.

    A reply is a `ModelReply`, a mapping in the script's form (`text` may stand for `say`), or a callable that is handed
    the request and returns either. `latency` is in seconds, waited before each reply. Raises SettingsError when
    a reply does not have the form.
    """

    def __init__(self, replies: Sequence[Reply], latency: float = 0, *, source: str = "script") -> None:
        if latency < 0:
            message = f"the latency of a scripted model is {latency}, below 0"
            raise SettingsError(message, help="give seconds, 0 or more")
        self.latency = latency
        self.source = source
        self._replies = tuple(
            reply if callable(reply) else _reply(reply, index, source) for index, reply in enumerate(replies)
        )

    def __len__(self) -> int:
        return len(self._replies)

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Give the reply whose number is that of the assistant messages in `request`.

        Raises ModelError, not retryable, when the script has no more.
        """
        import asyncio  # noqa: PLC0415 - 40 ms, and whoever awaits this has it loaded

        if self.latency:
            await asyncio.sleep(self.latency)
        index = sum(1 for message in request.messages if message.role == "assistant")
        if index >= len(self._replies):
            message = f"{self.source} has {len(self._replies)} replies, and reply {index + 1} was asked for"
            raise ModelError(message, help="add a reply to the script, or end it with one that calls no tool")
        scripted = self._replies[index]
        reply = _reply(scripted(request), index, self.source) if callable(scripted) else scripted
        reply = _filled(reply, request)
        if on_text is not None:
            for piece in _WORD.findall(reply.text):
                on_text(piece)
                await asyncio.sleep(0)
        return reply


_registered: dict[str, ScriptedModel] = {}


def register(name: str, model: ScriptedModel) -> None:
    """Make `model` answer to `scripted/<name>` in this process. The last one registered under a name wins."""
    _registered[name] = model


def find(name: str, latency: float = 0) -> ScriptedModel:
    """Resolve `scripted/<name>`: a registered model, a script file (relative to the working directory, or absolute),
    or a script that comes with the package. Raises SettingsError when it is none of them.
    """
    registered = _registered.get(name)
    if registered is not None:
        return registered
    if name.endswith(SCRIPT_SUFFIXES):
        return load(Path(name), latency)
    packaged = Path(__file__).with_name("scripts")
    if name in _packaged(packaged):
        return load(packaged / f"{name}.yaml", latency)
    known = ", ".join(sorted({*_registered, *_packaged(packaged)})) or "none"
    message = f"no scripted model is called {name!r} (known: {known})"
    raise SettingsError(message, help="name a file: scripted/path/to/script.yaml; or register() the model first")


def load(path: Path, latency: float = 0) -> ScriptedModel:
    """Read a script file. Raises SettingsError, which says what is wrong and where, when it cannot be used."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_SCRIPT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"the script {path} cannot be read: {reason}"
        raise SettingsError(message, help="the path is relative to the working directory, or absolute") from error
    if len(body) > MAX_SCRIPT_BYTES:
        message = f"the script {path} is larger than {MAX_SCRIPT_BYTES} bytes"
        raise SettingsError(message, help="split it, or register() a ScriptedModel made in Python")
    document = _json(body, path) if path.suffix == ".json" else _yaml(body, path)
    if not isinstance(document, list):
        message = f"the script {path} holds {_kind(document)}, where a list of replies belongs"
        raise SettingsError(message, help=_SHAPE)
    for index, reply in enumerate(document):
        if not isinstance(reply, dict):
            raise _malformed(str(path), f"reply {index + 1}", f"is {_kind(reply)}, not a mapping")
    return ScriptedModel(document, latency, source=str(path))


def _packaged(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.yaml")}


def _json(body: bytes, path: Path) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"the script {path} is not JSON: {error}"
        raise SettingsError(message, help=_SHAPE) from error


def _yaml(body: bytes, path: Path) -> object:
    import yaml  # noqa: PLC0415 - scripts made in Python need no YAML

    try:
        depth = 0
        # Aliases are counted out first: a few lines of them can stand for gigabytes of arguments.
        for event in yaml.parse(body, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MAX_SCRIPT_DEPTH:
                problem = (
                    "uses an alias" if isinstance(event, yaml.AliasEvent) else f"nests over {MAX_SCRIPT_DEPTH} deep"
                )
                line = event.start_mark.line + 1 if event.start_mark is not None else 1
                message = f"the script {path}:{line} {problem}"
                raise SettingsError(message, help="write the values out, and flat")
        return yaml.load(body, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)
        message = f"the script {place} is not YAML: {getattr(error, 'problem', None) or error}"
        raise SettingsError(message, help=_SHAPE) from error


def _reply(scripted: object, index: int, source: str) -> ModelReply:
    if isinstance(scripted, ModelReply):
        return scripted
    where = f"reply {index + 1}"
    if not isinstance(scripted, Mapping):
        raise _malformed(source, where, f"is {_kind(scripted)}, not a mapping")
    unknown = sorted(str(key) for key in scripted if key not in _REPLY_KEYS)
    if unknown:
        raise _malformed(source, where, f"has the unknown key {unknown[0]!r} (known: say, calls, usage)")
    text, calls = scripted.get("say", scripted.get("text", "")), scripted.get("calls", ())
    if not isinstance(text, str):
        raise _malformed(source, where, f"says {_kind(text)}, not text")
    if not isinstance(calls, (list, tuple)):
        raise _malformed(source, where, f"has {_kind(calls)} as calls, not a list")
    if not text and not calls:
        raise _malformed(source, where, "neither says anything nor calls a tool")
    made = tuple(_call(call, index, place, source) for place, call in enumerate(calls))
    return ModelReply(text=text, calls=made, usage=_usage(scripted.get("usage", {}), where, source), model="scripted")


def _usage(scripted: object, where: str, source: str) -> Usage:
    if not isinstance(scripted, Mapping):
        raise _malformed(source, where, f"has {_kind(scripted)} as usage, not a mapping")
    for key, count in scripted.items():
        if key not in _USAGE_KEYS:
            raise _malformed(source, where, f"has the unknown usage {key!r} (known: {', '.join(_USAGE_KEYS)})")
        if type(count) is not int or not 0 <= count <= COUNT_MAX:
            raise _malformed(source, where, f"has a usage whose {key} is no whole number from 0 up")
    return Usage(**scripted)


def _call(scripted: object, index: int, place: int, source: str) -> ToolCall:
    where = f"reply {index + 1}, call {place + 1}"
    if isinstance(scripted, ToolCall):
        return scripted
    if not isinstance(scripted, Mapping):
        raise _malformed(source, where, f"is {_kind(scripted)}, not a mapping")
    unknown = sorted(str(key) for key in scripted if key not in _CALL_KEYS)
    if unknown:
        raise _malformed(source, where, f"has the unknown key {unknown[0]!r} (known: tool, args, raw, id)")
    tool, provider_id = scripted.get("tool"), scripted.get("id", f"call_{index + 1}_{place + 1}")
    if not isinstance(tool, str) or not tool:
        raise _malformed(source, where, "names no tool")
    if not isinstance(provider_id, str) or not provider_id:
        raise _malformed(source, where, f"has {_kind(provider_id)} as id, not text")
    return ToolCall(provider_id=provider_id, tool=tool, arguments=_arguments(scripted, where, source))


def _arguments(scripted: Mapping[str, Any], where: str, source: str) -> str:
    if "raw" in scripted:
        if "args" in scripted or not isinstance(scripted["raw"], str):
            raise _malformed(source, where, "needs either args (a mapping) or raw (text)")
        return str(scripted["raw"])
    args = scripted.get("args", {})
    if not isinstance(args, Mapping):
        raise _malformed(source, where, f"has {_kind(args)} as args; use raw for text that is not a JSON object")
    try:
        return json.dumps(dict(args), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _malformed(source, where, f"has args that are not JSON: {error}") from error


def _filled(reply: ModelReply, request: ChatRequest) -> ModelReply:
    if LAST_RESULT not in reply.text:
        return reply
    results = (message.content for message in reversed(request.messages) if message.role == "tool")
    text = reply.text.replace(LAST_RESULT, next(results, ""))
    return replace(reply, text=text)


def _malformed(source: str, where: str, problem: str) -> SettingsError:
    return SettingsError(f"{source}: {where} {problem}", help=_SHAPE)


def _kind(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), f"a value of type {type(value).__name__}")
