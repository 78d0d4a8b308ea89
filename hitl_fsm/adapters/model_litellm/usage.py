"""Tokens and price of one reply, from what LiteLLM tells of it. LiteLLM itself comes in as an argument.

Prices are those of LiteLLM's own list, which comes with its package and may be older than the provider's; the options
`input_cost_per_token` and `output_cost_per_token` (dollars) of a model win over it. What has no price there has none
here: unknown is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from hitl_fsm.model.message import Usage

OWN_PRICES: Final = ("input_cost_per_token", "output_cost_per_token")

# LiteLLM asks a server over HTTP, and waits for it, when it is asked what such a model costs or can do.
ASKS_A_SERVER: Final = frozenset({"ollama", "ollama_chat", "huggingface", "lemonade"})
_MICRO: Final = 6
# Binary fractions leave crumbs (250.00000000000003), which are no reason to round up.
_CRUMB: Final = Decimal("0.000001")


def counted(usage: object) -> Usage:
    """The tokens of a reply; `usage` is LiteLLM's (an object or a mapping), or None where the provider told nothing."""
    cached = _count(_part(usage, "prompt_tokens_details"), "cached_tokens")
    return Usage(
        prompt=_count(usage, "prompt_tokens"),
        completion=_count(usage, "completion_tokens"),
        cached=cached or _count(usage, "cache_read_input_tokens"),
        reasoning=_count(_part(usage, "completion_tokens_details"), "reasoning_tokens"),
    )


def price(litellm: Any, name: str, usage: object, options: Mapping[str, Any]) -> int | None:
    """What a reply of the model `name` cost, in micro-dollars, rounded up; None where nobody knows."""
    if usage is None or options.get("fallbacks"):  # LiteLLM's own fallbacks: it does not say which model answered
        return None
    told, own = counted(usage), [options.get(key) for key in OWN_PRICES]
    if not told.prompt and not told.completion:  # nobody counted: LiteLLM fills in zeros
        return None
    try:
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in own):
            return _micro(Decimal(str(own[0])) * told.prompt + Decimal(str(own[1])) * told.completion)
        if not _is_listed(litellm, name):
            return None
        return _micro(sum(Decimal(str(part)) for part in litellm.cost_per_token(model=name, usage_object=usage)))
    except Exception:  # noqa: BLE001 - whatever its list of prices does, the reply is there and counts
        return None


def _is_listed(litellm: Any, name: str) -> bool:
    """Whether the list has a price: for some models LiteLLM would say 0 where it knows none."""
    if name.partition("/")[0] in ASKS_A_SERVER:
        return False
    listed = litellm.model_cost[litellm.get_model_info(model=name)["key"]]
    return all(listed.get(key) is not None for key in OWN_PRICES)


def _micro(dollars: Decimal | int) -> int | None:
    micro = Decimal(dollars).scaleb(_MICRO)
    if not micro.is_finite() or micro < 0:
        return None
    return int((micro - _CRUMB).to_integral_value(ROUND_CEILING)) if micro > _CRUMB else 0


def _part(usage: object, name: str) -> object:
    return usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)


def _count(usage: object, name: str) -> int:
    count = _part(usage, name)
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
