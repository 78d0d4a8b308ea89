"""Random workflows, and people who answer at random: what runs is held against what was answered, as it runs.

A tree is drawn as values, so that the very same one can be built again in a process that starts from nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hitl_fsm import (
    Agent,
    Condition,
    Engine,
    Loop,
    Parallel,
    Retry,
    Router,
    Step,
    Steps,
    Team,
    Workflow,
    current_call,
    tool,
)
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from house import House, policies

DEPTH = 3
LEAVES = ("function", "tool", "agent", "team", "workflow")
GROUPS = ("steps", "parallel", "condition", "loop", "router")


@dataclass(frozen=True)
class Tree:
    """`gated`: a person is asked before it begins. `inside` are its children; `words` what else its node is told."""

    kind: str
    name: str
    gated: bool
    inside: tuple[Tree, ...] = ()
    words: tuple[Any, ...] = ()
    on_reject: Any = "cancel"
    on_error: Any = "fail"
    fails: int = 0

    def all(self) -> list[Tree]:
        below = (*self.inside, *([self.on_reject] if isinstance(self.on_reject, Tree) else []))
        return [self, *(one for child in below for one in child.all())]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A workflow of up to DEPTH levels, each node under a name of its own."""
    count = Counter[str]()

    def named(kind: str) -> str:
        count[kind] += 1
        return f"{kind}{count[kind]}"

    def node(depth: int) -> Tree:
        kind = draw(st.sampled_from(LEAVES[:4] if depth >= DEPTH else LEAVES + GROUPS * 2 + ("workflow",) * 3))
        name, gated = named(kind), draw(st.booleans())
        low, high = (1, 3) if kind in GROUPS else (1, 2) if kind == "workflow" else (0, 0)
        inside = tuple(node(depth + 1) for _ in range(draw(st.integers(low, high))))
        rejects = st.sampled_from(["cancel", "skip", "retry", Retry(1, then="skip"), "else"])
        on_reject = draw(rejects)
        if on_reject == "else":
            on_reject = Tree("function", named("function"), draw(st.booleans()))
        errors = st.sampled_from(["fail", "skip", "ask", Retry(1, then="skip")])
        on_error = draw(errors) if kind in LEAVES else "fail"
        fails = draw(st.integers(0, 2)) if kind in {"function", "tool"} else 0
        return Tree(kind, name, gated, inside, _words(draw, kind, inside), on_reject, on_error, fails)

    inside = tuple(node(1) for _ in range(draw(st.integers(1, 3))))
    return Tree("workflow", named("workflow"), gated=False, inside=inside)


def _words(draw: st.DrawFn, kind: str, inside: tuple[Tree, ...]) -> tuple[Any, ...]:
    match kind:
        case "condition":
            return (draw(st.booleans()), draw(st.integers(0, len(inside))))
        case "loop":
            return (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        case "router":
            return (draw(st.sampled_from([None, *(child.name for child in inside)])),)
        case "parallel":
            return (draw(st.booleans()),)
        case _:
            return ()


class OneCall:
    """A model that calls its one tool, then says what came of it. It remembers nothing."""

    def __init__(self, called: str) -> None:
        self._called = called

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        last = request.messages[-1]
        if last.role == "tool":
            return ModelReply(text=last.content)
        return ModelReply(calls=(ToolCall("c", self._called, "{}"),))


@dataclass
class Play:
    """A house with one tree in it. `answered` and `rejected` are calls by their ids, `ran` executions by call."""

    folder: Path
    tree: Tree
    house: House = field(init=False)
    answered: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    confirmed: Counter[str] = field(default_factory=Counter)
    ran: Counter[tuple[str, int]] = field(default_factory=Counter)
    ran_by_name: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.house = House(self.folder)
        self.by_name = {one.name: one for one in self.tree.all()}
        self.gated = {name for name, one in self.by_name.items() if one.gated}
        self.above = _above(self.tree, ())

    def close(self) -> None:
        for engine in self.house.engines:
            engine.close()

    def process(self) -> tuple[Engine, Workflow]:
        """An engine and a workflow of a process that has just started."""
        engine = self.house.engine(policies(*self._policies()))
        return engine, self._workflow(self.tree, engine)

    def _policies(self) -> list[bytes]:
        steps = sorted(self.gated)
        texts = []
        for kind, names in (
            ("steps", steps),
            ("tools", [f"{name}.act" for name in steps if self.by_name[name].kind in {"agent", "team"}]),
        ):
            rule = f"rules:\n  - {{id: asked, {kind}: {names}, gate: confirm}}\n" if names else "rules: []\n"
            texts.append(
                f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: {kind}\nowner: a@example.com\ndescription: For a test.\n"
                f'{kind}: ["*"]\ndefault: allow\n{rule}'.encode()
            )
        return texts

    # -- building

    def _workflow(self, tree: Tree, engine: Engine) -> Workflow:
        return Workflow(tree.name, [self._node(one, engine) for one in tree.inside], engine=engine)

    def _node(self, tree: Tree, engine: Engine) -> Any:
        inside = [self._node(one, engine) for one in tree.inside]
        instead = tree.on_reject
        on_reject = self._node(instead, engine) if isinstance(instead, Tree) else instead
        match tree.kind:
            case "steps":
                return Steps(tree.name, inside, on_reject=on_reject)
            case "parallel":
                return Parallel(*inside, name=tree.name, on_reject=on_reject)
            case "condition":
                holds, split = tree.words
                then, otherwise = inside[:split] or inside, inside[split:] if split else []
                return Condition(tree.name, lambda given: holds, then, otherwise, on_reject=on_reject)
            case "loop":
                until, most = tree.words
                return Loop(tree.name, inside, lambda given, iteration: iteration >= until, most, on_reject=on_reject)
            case "router":
                route = tree.words[0]
                choose = None if route is None else lambda given: route
                return Router(tree.name, inside, choose, on_reject=on_reject)
            case _:
                return Step(tree.name, self._leaf(tree, engine), on_reject=on_reject, on_error=tree.on_error)

    def _leaf(self, tree: Tree, engine: Engine) -> Any:
        name = tree.name
        if tree.kind == "workflow":
            return self._workflow(tree, engine)
        if tree.kind in {"agent", "team"}:

            @tool(name=f"{name}.act")
            def act() -> str:
                return self._run(name, f"{name}.act", fails=0)

            clerk = name if tree.kind == "agent" else f"{name}.clerk"
            agent = Agent(clerk, OneCall(f"{name}.act"), engine=engine, tools=[act])
            return agent if tree.kind == "agent" else Team(name, [agent], engine=engine, mode="broadcast")

        def function(given: Any) -> str:
            return self._run(name, name, fails=tree.fails)

        return tool(name=f"{name}.tool")(function) if tree.kind == "tool" else function

    # -- what runs

    def _run(self, name: str, called: str, *, fails: int) -> str:
        """The witness: here, at this moment, it must have been allowed."""
        context = current_call()
        self.ran[context.call_id, context.attempt] += 1
        self.ran_by_name[name] += 1
        if name in self.gated and context.call_id not in self.answered:
            self.broken.append(f"{called} ran as {context.call_id} without an answer")
        if context.call_id in self.rejected:
            self.broken.append(f"{called} ran as {context.call_id} though it was rejected")
        for above in self.above[name]:
            if above in self.gated and not self.confirmed[above]:
                self.broken.append(f"{called} ran inside of {above}, which nobody had let begin")
        if self.ran_by_name[name] <= fails:
            raise RuntimeError("not yet")
        return name

    def most(self, name: str) -> int:
        """How often what is under that name may have run: once, but for loops and for what somebody tried again."""
        count = 1
        for one in (self.by_name[at] for at in (name, *self.above[name])):
            if one.kind == "loop":
                count *= one.words[1]
            elif one.kind in LEAVES:
                count *= 1 + (1 if isinstance(one.on_error, Retry) else self.retried[one.name])
        return count


def _above(tree: Tree, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """For each node those that it stands in. What is done instead of a rejected one stands beside it."""
    found = {tree.name: names}
    for child in tree.inside:
        found |= _above(child, (*names, tree.name))
    if isinstance(tree.on_reject, Tree):
        found |= _above(tree.on_reject, names)
    return found
