"""A model checker in a page: every state that can be reached, each by a shortest way, and what goes wrong in it.

Safe: no step does what must never happen. Live: from every state, whatever happened before, every way on comes to an
end; here that is literal, since (it is checked) no way on goes in circles for ever without an end in reach.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)

STATES = 1_000_000
"""More than this is not a model but a mistake."""


class Move(NamedTuple, Generic[S]):
    """One step that is possible. `wanted`: it happens sooner or later; a crash, or a change of mind, need not.

    `wrong` says what the step does that must never happen.
    """

    name: str
    after: S
    wanted: bool = True
    wrong: str = ""


class Found(NamedTuple, Generic[S]):
    """What exploring came to: how many states and moves, and the first thing that is wrong, as a story (or empty)."""

    states: int
    moves: int
    safe: str
    live: str


Moves = Callable[[S], Iterator[Move[S]]]


class Explorer(Generic[S]):
    """Breadth first, so that each story is as short as it can be."""

    def __init__(
        self, begin: S, moves: Moves[S], is_end: Callable[[S], bool], alike: Callable[[S], S] = lambda state: state
    ) -> None:
        """`alike` gives the same for states that need not be told apart; the first that is met stands for all."""
        self._moves = moves
        self._is_end = is_end
        self._alike = alike
        self._first: dict[S, S] = {alike(begin): begin}
        self._from: dict[S, tuple[S, str] | None] = {begin: None}
        self._onward: dict[S, list[Move[S]]] = {}

    @property
    def states(self) -> Collection[S]:
        """What has been reached so far."""
        return self._from.keys()

    def explore(self) -> Found[S]:
        """Everything, or up to the first unsafe step: what follows it proves nothing."""
        waiting = deque(self._from)
        while waiting:
            state = waiting.popleft()
            onward: list[Move[S]] = []
            self._onward[state] = onward
            for move in self._moves(state):
                if move.wrong:
                    return self._found(safe=f"{self._story(state)}\n  {move.name}\n=> {move.wrong}")
                after = self._first.setdefault(self._alike(move.after), move.after)
                onward.append(move._replace(after=after))
                if after not in self._from:
                    self._from[after] = (state, move.name)
                    waiting.append(after)
            assert len(self._from) < STATES
        return self._found(live=self._stuck() or self._circling())

    def _found(self, safe: str = "", live: str = "") -> Found[S]:
        return Found(len(self._from), sum(len(moves) for moves in self._onward.values()), safe, live)

    def _wanted(self, state: S) -> list[S]:
        """Where it goes on by what happens sooner or later; nowhere after the end."""
        if self._is_end(state):
            return []
        return [move.after for move in self._onward[state] if move.wanted and move.after != state]

    def _stuck(self) -> str:
        """A state from which no end can be reached any more."""
        back: dict[S, list[S]] = {}
        for state in self._onward:
            for after in self._wanted(state):
                back.setdefault(after, []).append(state)
        good = {state for state in self._onward if self._is_end(state)}
        waiting = deque(good)
        while waiting:
            for before in back.get(waiting.popleft(), ()):
                if before not in good:
                    good.add(before)
                    waiting.append(before)
        for state in self._from:
            if state not in good:
                rest = {move.name for move in self._onward[state] if move.wanted}
                return f"{self._story(state)}\n=> it never ends; all that can happen: {sorted(rest) or 'nothing'}"
        return ""

    def _circling(self) -> str:
        """A circle of wanted moves: then an end in reach need not be reached."""
        open_, closed = set[S](), set[S]()
        for root in self._from:
            stack = [(root, iter(self._wanted(root)))] if root not in closed else []
            open_.update(state for state, _ in stack)
            while stack:
                state, rest = stack[-1]
                after = next(rest, None)
                if after is None:
                    stack.pop()
                    open_.discard(state)
                    closed.add(state)
                elif after in open_:
                    return f"{self._story(after)}\n=> it can go in circles for ever, back to here"
                elif after not in closed:
                    open_.add(after)
                    stack.append((after, iter(self._wanted(after))))
        return ""

    def _story(self, state: S) -> str:
        lines: list[str] = []
        came = self._from[state]
        while came is not None:
            state, name = came
            lines.append(f"  {name}")
            came = self._from[state]
        return "\n".join(reversed(lines))
