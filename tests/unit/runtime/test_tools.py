"""`@tool`: what the model is told, what of its arguments is accepted, and how the function is run."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import datetime as dt
import enum
import functools
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
import pytest
from pydantic import Field

from hitl_fsm.errors import ToolError, ToolTimedOut
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.context import CallContext, idempotency_key
from hitl_fsm.runtime.agents.ask_user import ask_user
from hitl_fsm.runtime.tools.arguments import read_arguments
from hitl_fsm.runtime.tools.tool import Declaration, Tool, as_tool, current_call, tool
from moments import HUNG_S

CONTEXT = CallContext("r1", "1.0", "r1:1.0:1", 1, Actor("alice"), {"reason": "late"})


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Customer(pydantic.BaseModel):
    name: str
    age: int = 0


class Loose(pydantic.BaseModel, extra="allow"):
    name: str


@dataclasses.dataclass
class Item:
    sku: str
    price: Decimal


@tool
def refund(order_id: str, amount: float, currency: Literal["EUR", "GBP"] = "EUR", note: str | None = None) -> str:
    """Pay money back for an order.

    Only once.

    Args:
        order_id: The order,
            as in the shop.
        amount (float): How much.

    Returns:
        A receipt.
    """
    return f"{order_id} {amount} {currency} {note}"


@tool
def everything(
    colour: Colour,
    customer: Customer,
    items: list[Item],
    day: dt.date,
    count: Annotated[int, Field(ge=1, description="At least one.")],
    extra: dict[str, Any],
    either: int | str = 0,
    loose: Loose | None = None,
) -> str:
    return json.dumps([repr(value) for value in (colour, customer, items, day, count, extra, either, loose)])


GOOD: dict[str, Any] = {
    "colour": "red",
    "customer": {"name": "Zoë"},
    "items": [{"sku": "a", "price": "1.50"}],
    "day": "2024-02-29",
    "count": 2,
    "extra": {"x": [1, None]},
}


def test_bare_and_with_arguments() -> None:
    @tool(name="payments.refund", version="2", idempotent=True, description="Pay.", timeout_s=3)
    def other(order_id: str) -> str:
        """Not this."""
        return order_id

    assert (refund.name, refund.version, refund.idempotent, refund.timeout_s) == ("refund", "1", False, None)
    assert (other.name, other.version, other.idempotent, other.timeout_s) == ("payments.refund", "2", True, 3)
    assert other.spec.description == "Pay."
    assert refund("o1", 2.5) == "o1 2.5 EUR None"
    assert refund.__name__ == "refund"  # type: ignore[attr-defined]
    assert not refund.dynamic
    with pytest.raises(dataclasses.FrozenInstanceError):
        refund.function = print  # type: ignore[misc,assignment]


def test_the_schema_comes_from_hints_and_docstring() -> None:
    assert refund.spec.name == "refund"
    assert refund.spec.description == "Pay money back for an order.\n\nOnly once."
    assert refund.spec.parameters == {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "description": "The order, as in the shop."},
            "amount": {"type": "number", "description": "How much."},
            "currency": {"type": "string", "enum": ["EUR", "GBP"], "default": "EUR"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["order_id", "amount"],
        "additionalProperties": False,
    }
    assert refund.parameters == ("order_id", "amount", "currency", "note")
    json.dumps(everything.spec.parameters, allow_nan=False)
    assert everything.spec.parameters["properties"]["count"] == {
        "type": "integer",
        "minimum": 1,
        "description": "At least one.",
    }
    closed = [everything.spec.parameters, *everything.spec.parameters["$defs"].values()]
    assert [one["additionalProperties"] for one in closed if one["type"] == "object"] == [False] * 4


def test_values_are_converted() -> None:
    bound = everything.bind(GOOD)
    assert bound["colour"] is Colour.RED
    assert bound["customer"] == Customer(name="Zoë")
    assert bound["items"] == [Item("a", Decimal("1.50"))]
    assert bound["day"] == dt.date(2024, 2, 29)
    assert bound["extra"] == {"x": [1, None]}
    assert "either" not in bound, "defaults are the function's own"
    assert refund.bind({"order_id": "o", "amount": 3}) == {"order_id": "o", "amount": 3.0}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"colour": "green"}, "colour: should be 'red' or 'blue'"),
        ({"customer": {"name": "Z", "age": "3"}}, "customer.age: should be a valid integer"),
        ({"customer": {"name": "Z", "vip": True}}, "customer.vip: there is no such field"),
        ({"customer": {}}, "customer.name: is required"),
        ({"loose": {"name": "Z", "vip": True}}, "loose.vip: there is no such field"),
        ({"items": [{"sku": "a", "price": 1}, {"sku": 1, "price": 1}]}, "items[1].sku: should be a valid string"),
        ({"items": [{"sku": "a", "price": 1, "q": 1}]}, "items[0].q: there is no such field"),
        ({"items": "a"}, "items: should be a valid array"),
        ({"day": "yesterday"}, "day: should be a valid date"),
        ({"count": "12"}, "count: should be a valid integer"),
        ({"count": True}, "count: should be a valid integer"),
        ({"count": 0}, "count: should be greater than or equal to 1"),
        ({"either": 1.5}, "either: should be a valid integer; or should be a valid string"),
        ({"kount": 1}, "kount: there is no such argument; did you mean count?"),
        ({"\x1b[2J": 1}, "⟦U+001B⟧[2J: there is no such argument"),
    ],
)
def test_each_problem_is_one_line_with_its_place(change: dict[str, Any], problem: str) -> None:
    (found,) = everything.problems(GOOD | change)
    assert found.startswith(problem)
    with pytest.raises(ToolError, match="do not fit everything"):
        everything.bind(GOOD | change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(GOOD | change, everything.spec.parameters, format_checker=jsonschema.FormatChecker())


def test_problems_of_several_fields_and_none() -> None:
    assert everything.problems(GOOD) == ()
    jsonschema.validate(GOOD, everything.spec.parameters)
    assert refund.problems({"order_id": 1}) == ("order_id: should be a valid string", "amount: is required")
    assert len(refund.problems({f"x{i}": 1 for i in range(1000)})) <= 21


def test_what_another_fills_in_may_be_missing_or_wrong() -> None:
    assert refund.problems({"amount": "x"}, except_for=("order_id",)) == ("amount: should be a valid number",)
    assert refund.problems({"order_id": 7, "amount": 1}, except_for=("order_id",)) == ()


@pytest.mark.parametrize("broken", [TypeError, RuntimeError])
def test_a_validator_that_raises_refuses(broken: type[Exception]) -> None:
    def explode(value: int) -> int:
        raise broken

    def careful(x: Any) -> None: ...

    careful.__annotations__["x"] = Annotated[int, pydantic.AfterValidator(explode)]
    assert as_tool(careful).problems({"x": 1}) == (f"the arguments could not be checked: {broken.__name__}",)


def _star(*parts: str) -> None: ...
def _kwargs(**parts: str) -> None: ...
def _bare(order_id, amount: int) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
def _positional(order_id: str, /) -> None: ...
def _plain_class(order: threading.Thread) -> None: ...
def _function(order: Callable[[], int]) -> None: ...
def _unknown(order: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _field(order: int = Field(3)) -> None: ...
def _generator(order: int) -> Any:
    yield order


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (_star, r"`\*parts"),
        (_kwargs, r"`\*\*parts"),
        (_bare, "`order_id` has no type hint"),
        (_positional, "`order_id` is positional-only"),
        (_field, "`order` has a pydantic Field"),
        (_generator, "generator"),
        (7, "int is not a tool"),
    ],
)
def test_what_a_model_cannot_call_is_refused_at_once(function: Any, named: str) -> None:
    with pytest.raises(ToolError, match=named) as caught:
        as_tool(function)
    assert caught.value.help


@pytest.mark.parametrize(
    ("function", "named"), [(_plain_class, "`order`"), (_function, "`order`"), (_unknown, "Missing")]
)
def test_a_type_that_json_cannot_carry_is_refused_at_first_use(function: Any, named: str) -> None:
    with pytest.raises(ToolError, match=named) as caught:
        as_tool(function).spec  # noqa: B018
    assert caught.value.help


@pytest.mark.parametrize("name", ["", "a b", "1a", "x" * 65, "é", "a\n", "-a"])
def test_names_that_no_provider_takes(name: str) -> None:
    with pytest.raises(ToolError, match="name"):
        Tool(refund.function, Declaration(name))


def test_as_tool_takes_functions_methods_partials_and_objects() -> None:
    class Shop:
        def price(self, sku: str) -> str:
            return f"{sku}: 3"

        def __call__(self, sku: str) -> str:
            return f"{sku}!"

    assert as_tool(refund) is refund
    for thing, name, result in (
        (Shop().price, "price", "a: 3"),
        (Shop(), "Shop", "a!"),
        (functools.partial(Shop().price), "partial", "a: 3"),
    ):
        made = as_tool(thing)
        assert (made.name, made.parameters) == (name, ("sku",))
        assert asyncio.run(made.call({"sku": "a"}, CONTEXT)) == result


# -- the call


async def test_async_is_awaited_and_sync_runs_in_a_thread_with_context_variables() -> None:
    city = contextvars.ContextVar("city", default="")
    city.set("Wien")

    @tool
    def sync() -> list[object]:
        return [city.get(), threading.current_thread() is threading.main_thread(), current_call().call_id]

    @tool
    async def later() -> list[object]:
        await asyncio.sleep(0)
        return [city.get(), threading.current_thread() is threading.main_thread(), current_call().call_id]

    assert await sync.call({}, CONTEXT) == ["Wien", False, "1.0"]
    assert await later.call({}, CONTEXT) == ["Wien", True, "1.0"]
    with pytest.raises(ToolError, match="only inside"):
        current_call()


async def test_the_context_is_injected_and_no_argument_of_the_model() -> None:
    @tool
    def pay(amount: int, context: CallContext) -> str:
        return f"{amount} {context.idempotency_key} {context.user.id} {context.answers['reason']}"

    assert pay.parameters == ("amount",)
    assert list(pay.spec.parameters["properties"]) == ["amount"]
    assert await pay.call({"amount": 3}, CONTEXT) == "3 r1:1.0:1 alice late"
    assert pay.problems({"amount": 3, "context": {}}) == ("context: there is no such argument",)
    with pytest.raises(ToolError):
        await pay.call({"amount": 3, "context": {}}, CONTEXT)


async def test_bad_arguments_do_not_start_the_function() -> None:
    ran: list[int] = []

    @tool
    def note(x: int) -> None:
        ran.append(x)

    with pytest.raises(ToolError, match="x: should be a valid integer"):
        await note.call({"x": "1"}, CONTEXT)
    assert ran == []
    assert await note.call(read_arguments('{"x": 1}'), CONTEXT) is None
    assert ran == [1]


@pytest.mark.parametrize(
    ("raised", "seen"), [(KeyError("x"), KeyError), (StopIteration(), RuntimeError), (SystemExit(3), RuntimeError)]
)
async def test_what_a_tool_raises_comes_through(raised: BaseException, seen: type[Exception]) -> None:
    @tool
    def sync() -> None:
        raise raised

    @tool
    async def later() -> None:
        raise raised

    for one in (sync, later):
        with pytest.raises(seen):
            await asyncio.wait_for(one.call({}, CONTEXT), HUNG_S)


@pytest.mark.usefixtures("begun_in_time")
async def test_a_timeout_is_no_failure_and_the_tools_own_timeout_is() -> None:
    release = threading.Event()

    @tool(timeout_s=0.05)
    async def slow() -> None:
        await asyncio.Event().wait()

    @tool(timeout_s=0.05)
    def stuck() -> None:
        release.wait()

    @tool(timeout_s=60)
    async def own() -> None:
        raise TimeoutError

    for one in (slow, stuck):
        with pytest.raises(ToolTimedOut, match="may still act"):
            await asyncio.wait_for(one.call({}, CONTEXT), HUNG_S)
    release.set()
    with pytest.raises(TimeoutError) as caught:
        await own.call({}, CONTEXT)
    assert type(caught.value) is TimeoutError


def test_law03_an_idempotent_tool_keeps_its_key_over_attempts() -> None:
    assert idempotency_key("r", "1.0", 1, idempotent=True) == idempotency_key("r", "1.0", 2, idempotent=True) == "r:1.0"
    assert idempotency_key("r", "1.0", 2, idempotent=False) == "r:1.0:2"


async def test_ask_user_is_declared_and_never_run() -> None:
    assert (ask_user.name, ask_user.dynamic) == ("ask_user", True)
    assert ask_user.parameters == ("question", "fields", "schema")
    assert ask_user.spec.parameters["required"] == ["question"]
    assert set(ask_user.spec.parameters["$defs"]["AskedField"]["properties"]) >= {"name", "type", "description"}
    assert ask_user.problems({"question": "Which?", "fields": [{"name": "a", "choices": ["x"]}]}) == ()
    assert ask_user.problems({"question": "Which?", "fields": [{"name": "a", "type": "date"}]})
    with pytest.raises(ToolError, match="never run"):
        await ask_user.call({"question": "Which?"}, CONTEXT)
    with pytest.raises(ToolError, match="never run"):
        ask_user("Which?")


def test_declaring_a_tool_does_not_import_pydantic() -> None:
    code = (
        "import sys\nfrom hitl_fsm.runtime.tools.tool import tool\nimport hitl_fsm.runtime.agents.ask_user\n"
        "@tool\ndef f(x: int) -> int:\n    return x\n"
        "assert f(1) == 1\nassert 'pydantic' not in sys.modules\nf.spec\nassert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
