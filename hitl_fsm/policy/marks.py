"""What else a tool's schema says of its arguments: which are sums of money, and which names the person it is about.

`x-money: {"code": "EUR"}`, or `{"currency": "NAME"}` with the argument beside it that has the code, on a number or a
decimal text; `x-subject: true` on the one argument that has a person's id. Places are dotted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hitl_fsm.model.action import MoneyAt
from hitl_fsm.policy.sensitive import below, parts_of, target_of

MONEY: Final = "x-money"
SUBJECT: Final = "x-subject"


class Money:
    """Marks a parameter, or a field, that is a sum: `amount: Annotated[Decimal, Money("EUR")]`.

    `Money(currency="currency")`: in the currency whose code the argument of that name has.
    """

    def __init__(self, code: str = "", *, currency: str = "") -> None:
        if bool(code) == bool(currency):
            msg = "give one of the two: Money('EUR'), or Money(currency='name of the argument')"
            raise ValueError(msg)
        self._told = {"code": code} if code else {"currency": currency}

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """What it says of itself in a JSON Schema: `x-money`."""
        return {**handler(core_schema), MONEY: self._told}


class Subject:
    """Marks the parameter that has the id of the person whom a call is about: `patient: Annotated[str, Subject]`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """What it says of itself in a JSON Schema: `x-subject: true`."""
        return {**handler(core_schema), SUBJECT: True}


def money_places(schema: Mapping[str, Any]) -> tuple[MoneyAt, ...]:
    """Where an object schema says that there is money, in order of the places."""
    found = {}
    for place, above, node in _walked(schema, schema, "", "", frozenset()):
        told = node.get(MONEY)
        if not isinstance(told, Mapping) or not place:
            continue
        code, sibling = told.get("code"), told.get("currency")
        if isinstance(code, str) and code:
            found[place] = MoneyAt(place, code=code)
        elif isinstance(sibling, str) and sibling:
            found[place] = MoneyAt(place, currency_at=below(above, sibling))
    return tuple(found[place] for place in sorted(found))


def subject_place(schema: Mapping[str, Any]) -> str:
    """The place that has the id of whom a call is about; "" where none, or more than one, is marked."""
    found = {place for place, _, node in _walked(schema, schema, "", "", frozenset()) if node.get(SUBJECT) is True}
    return found.pop() if len(found) == 1 else ""


def _walked(
    node: Any, root: Mapping[str, Any], place: str, above: str, inside: frozenset[str]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each schema with its place and that of the object around it. One that leads into itself is left there."""
    if not isinstance(node, Mapping):
        return
    yield place, above, node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in inside:
        yield from _walked(target_of(root, reference), root, place, above, inside | {reference})
    for name, one in parts_of(node):
        yield from _walked(one, root, below(place, name) if name else place, place if name else above, inside)
