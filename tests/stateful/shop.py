"""What the runs of these tests do: tools with a witness, policies in three moods, and what each demands.

`demands` is written by hand beside the policies: the reference must not ask the engine what a policy says.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from typing import Any, NamedTuple

from hitl_fsm import ask_user, tool
from hitl_fsm.model.message import ChatRequest
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.verdict import Review
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.tools.tool import AnyTool, current_call
from house import policies

BATCHES = {"u": "run_ungated", "a": "in_order", "h": "hold_all"}
"""A tool's first letter is that of its policy's batch rule, the loosest first."""

EXPIRES_MS = 60_000
"""How long `soon` waits for its confirmation, and `vet` for its review."""
EXPIRING = frozenset({("soon", "confirm"), ("vet", "review"), ("late", "approval")})
RISING = frozenset({"late"})
"""Of these the next ones are asked first, once, for as long again."""
QUORUMS = {"duo": 2}
"""How many people must say yes, where it is not one."""

APPROVAL = "{approval: {of: ['role:finance'], not: [requester]}}"
FORM = "{user_input: {schema: {type: object, properties: {reason: {type: string, minLength: 2}}, required: [reason]}}}"
DUO = "{approval: {of: ['role:finance'], quorum: 2, not: [requester]}}"
LATE = (
    "{approval: {of: ['role:finance'], not: [requester], expires: 60s,"
    " on_expiry: {escalate: ['role:ops'], expires: 60s}}}"
)
CARRIER = "{external: {route: carrier, result_schema: {type: object, required: [ok]}}}"
REVIEW = "{review: {of: ['role:finance'], not: [requester], retries: 1}}"
SOON_REVIEW = "{review: {of: ['role:finance'], not: [requester], retries: 1, expires: 60s}}"
ASKED = {"question": "Where to?"}

REVIEWERS = {"review": "the requester", "review:finance": "somebody else of finance"}
"""Reviews by who is asked."""
RETRIES = {"review": 0, "review:finance": 1}
"""How often a reviewer may have a call run again."""

Needs = tuple[str, ...] | None
"""Kinds of the gates to pass before the tool may run, and of the reviews of its result; None: never."""

_YAML = {
    "look": "allow",
    "note": "audit",
    "pay": "confirm",
    "wire": APPROVAL,
    "form": FORM,
    "ship": CARRIER,
    "ban": "deny",
    "both": f"[confirm, {APPROVAL}]",
    "duo": DUO,
    "late": f"[confirm, {LATE}]",
    "soon": "{confirm: {expires: 60s}}",
    "dup": "confirm",
    "slow": "allow",
    "send": f"[confirm, {CARRIER}]",
    "view": REVIEW,
    "vet": f"[confirm, {SOON_REVIEW}]",
    "twin": f"[{REVIEW}, review]",
    "post": f"[{CARRIER}, {REVIEW}]",
    "redo": REVIEW,
    "lag": REVIEW,
}
_NEEDS: dict[str, Needs] = {
    "look": (),
    "note": (),
    "pay": ("confirm",),
    "wire": ("approval",),
    "form": ("user_input",),
    "ship": ("external",),
    "ban": None,
    "both": ("confirm", "approval"),
    "duo": ("approval",),
    "late": ("confirm", "approval"),
    "soon": ("confirm",),
    "dup": ("confirm",),
    "slow": (),
    "send": ("confirm", "external"),
    "view": ("review:finance",),
    "vet": ("confirm", "review:finance"),
    "twin": ("review:finance", "review"),
    "post": ("external", "review:finance"),
    "redo": ("review:finance",),
    "lag": ("review:finance",),
}
_MOODS: dict[str, dict[str, tuple[str, Needs]]] = {
    "usual": {},
    "strict": {
        "look": ("confirm", ("confirm",)),
        "pay": (f"[confirm, {APPROVAL}]", ("confirm", "approval")),
        "dup": ("deny", None),
        "note": (REVIEW, ("review:finance",)),
        "view": (f"[{REVIEW}, review]", ("review:finance", "review")),
        "twin": ("deny", None),
    },
    "loose": dict.fromkeys(_YAML, ("allow", ())),
}
MOODS = tuple(_MOODS)
KINDS = tuple(_YAML)
IDEMPOTENT = frozenset({"dup", "redo"})
SLOW = frozenset({"slow", "lag"})
SLOW_S = 5.0
"""The time limit of these, plain functions: when it is over, their threads still act."""


def kind_of(tool_name: str) -> str:
    """`a.pay` is a `pay`; `ask_user` is itself."""
    return tool_name.partition(".")[2] or tool_name


def gate_of(row: Requirement) -> str:
    """What a question is about, as in `Needs`: reviews are told apart by who is asked."""
    return "review:finance" if isinstance(row.question, Review) and row.question.of else row.kind


def before(needs: Iterable[str]) -> frozenset[str]:
    """The gates before the call."""
    return frozenset(needs) - REVIEWERS.keys()


def demands(mood: str, tool_name: str) -> Needs:
    """What the policies of a mood want of this tool. `ask_user` is a question, and is never run."""
    kind = kind_of(tool_name)
    if kind == "ask_user":
        return ("user_input",)
    changed = _MOODS[mood].get(kind)
    return _NEEDS[kind] if changed is None else changed[1]


@cache
def mood_policies(mood: str) -> PolicySet:
    """The policy set of a mood: one document a batch rule."""
    return policies(*(_document(mood, letter, batch) for letter, batch in BATCHES.items()))


def _document(mood: str, letter: str, batch: str) -> bytes:
    gates = {**_YAML, **{kind: gate for kind, (gate, _) in _MOODS[mood].items()}}
    rules = "\n".join(f"  - {{id: {kind}, tools: {letter}.{kind}, gate: {gate}}}" for kind, gate in gates.items())
    names = ", ".join(f"{letter}.{kind}" for kind in gates)
    head = f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: {letter}\nowner: test@example.com\ndescription: For a test.\n"
    return f"{head}tools: [{names}]\nbatch: {batch}\nrules:\n{rules}\n".encode()


class Effect(NamedTuple):
    """What a tool did to the world. `version` is that of its run's log at this moment, `mood` that of its worker."""

    run_id: str
    call_id: str
    attempt: int
    key: str
    tool: str
    args: dict[str, Any]
    version: int
    mood: str


class Request(NamedTuple):
    """What a model was asked, when its run's log was at `version`; `results` are the calls', by the model's ids."""

    run_id: str
    version: int
    results: dict[str, str]
    contents: tuple[str, ...]


Act = Callable[[str, dict[str, Any]], Coroutine[Any, Any, str]]
ActNow = Callable[[str, dict[str, Any]], str]


def tools(act: Act, act_now: ActNow) -> list[AnyTool]:
    """Every kind of every batch rule, and `ask_user`. Both are handed the tool's name and its arguments."""
    return [*(_one(f"{letter}.{kind}", act, act_now) for letter in BATCHES for kind in KINDS), ask_user]


def _one(name: str, act: Act, act_now: ActNow) -> AnyTool:
    async def do(ref: str, amount: int, reason: str = "-") -> str:
        """Do it."""
        return await act(name, {"ref": ref, "amount": amount, "reason": reason})

    def do_slowly(ref: str, amount: int, reason: str = "-") -> str:
        """Do it."""
        return act_now(name, {"ref": ref, "amount": amount, "reason": reason})

    if kind_of(name) in SLOW:
        return tool(name=name, timeout_s=SLOW_S)(do_slowly)
    return tool(name=name, idempotent=kind_of(name) in IDEMPOTENT)(do)


def effect_now(name: str, args: dict[str, Any], version: int, mood: str) -> Effect:
    """The effect of the call that runs now; its version is looked up by who runs it."""
    call = current_call()
    return Effect(call.run_id, call.call_id, call.attempt, call.idempotency_key, name, args, version, mood)


def result_of(effect: Effect) -> str:
    """What a tool returns: of this effect only, so that it is known wherever it turns up."""
    return f"<done {effect.call_id}#{effect.attempt}>"


def request_now(run_id: str, version: int, request: ChatRequest) -> Request:
    """What the model of this run is asked now."""
    results = {message.provider_id: message.content for message in request.messages if message.role == "tool"}
    return Request(run_id, version, results, tuple(message.content for message in request.messages))
