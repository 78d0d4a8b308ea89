"""What a run's models took, as `runs show` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.runtime.limits import dollars

if TYPE_CHECKING:
    from hitl_fsm.model.message import Spent


def usage_document(spent: Spent) -> dict[str, Any]:
    """For JSON. The price is null, not 0, where that of a reply is not known."""
    return {
        "replies": spent.replies,
        "prompt": spent.prompt,
        "completion": spent.completion,
        "cached": spent.cached,
        "reasoning": spent.reasoning,
        "micro_dollars": None if spent.unpriced else spent.cost,
    }


def usage_line(spent: Spent) -> str:
    """For a person: `3 replies, 1200 tokens sent (800 cached), 90 written (60 reasoning), $0.012300`."""
    cached = f" ({spent.cached} cached)" if spent.cached else ""
    reasoning = f" ({spent.reasoning} reasoning)" if spent.reasoning else ""
    replies = "1 reply" if spent.replies == 1 else f"{spent.replies} replies"
    tokens = f"{spent.prompt} tokens sent{cached}, {spent.completion} written{reasoning}"
    return f"{replies}, {tokens}, {_price(spent)}"


def _price(spent: Spent) -> str:
    known = f"${dollars(spent.cost):f}"
    if not spent.unpriced:
        return known
    if spent.unpriced == spent.replies:
        return "price not known"
    return f"{known} and what {spent.unpriced} of them cost, which is not known"
