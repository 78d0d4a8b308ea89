"""How many questions one agent may have open: who is asked too often no longer looks at what is asked."""

from __future__ import annotations

from hitl_fsm.ports import Store

OPEN_PER_AGENT = 1_000
"""Questions that the runs of one agent have open at a time, in one store; a further gated call is denied."""
_FRESH_MS = 1_000


class Crowd:
    """Counts in the store, and remembers for a second that an agent is far from the limit."""

    __slots__ = ("_limit", "_seen")

    def __init__(self, limit: int = OPEN_PER_AGENT) -> None:
        self._limit = limit
        self._seen: dict[str, tuple[int, int]] = {}

    async def objection(self, store: Store, agent: str, now: int, beside: int = 0) -> str:
        """Why nobody is asked about one more action of the agent; empty where somebody may be.

        `beside`: questions of the agent that the same step opens, which the store does not know of yet.
        """
        at, count = self._seen.get(agent, (-_FRESH_MS, self._limit))
        if abs(now - at) >= _FRESH_MS or count >= self._limit // 2 or count + beside >= self._limit:
            at, count = now, await store.open_of(agent)
            if len(self._seen) >= self._limit:
                self._seen.clear()
        self._seen[agent] = at, count + 1
        if count + beside < self._limit:
            return ""
        return f"{self._limit} questions of agent {agent} are open; people are asked no more until they are answered."
