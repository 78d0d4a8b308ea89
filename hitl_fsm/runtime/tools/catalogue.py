"""What the tools of an engine look like to a policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hitl_fsm.policy.surroundings import ToolShape
from hitl_fsm.runtime.agents.ask_user import ask_user
from hitl_fsm.runtime.tools.tool import AnyTool

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine


def tool_shapes(engine: Engine) -> dict[str, ToolShape]:
    """The tools of all registered agents and gated callables, and `ask_user`, by name.

    Where two of one name take different arguments, either may be called: nothing is known of them then.
    """
    found: dict[str, ToolShape] = {}
    for tool in (ask_user, *_registered(engine)):
        shape = _shape(tool)
        known = found.get(shape.name)
        if known is not None and known.parameters != shape.parameters:
            shape = shape._replace(parameters={"type": "object"})
        found[shape.name] = shape
    return dict(sorted(found.items()))


def _registered(engine: Engine) -> Iterable[AnyTool]:
    return (tool for recipe in engine.recipes for tool in recipe.tools.values())


def _shape(tool: AnyTool) -> ToolShape:
    """A `default` in the schema is kept only where a call without the argument is completed with it."""
    spec = tool.spec
    filled: Mapping[str, Any] = {} if tool.dynamic else tool.completed({})
    properties: dict[str, Any] = {
        name: schema if name in filled else {key: value for key, value in schema.items() if key != "default"}
        for name, schema in spec.parameters.get("properties", {}).items()
    }
    parameters = {**spec.parameters, "properties": properties}
    return ToolShape(tool.name, parameters, spec.description, tool.version, idempotent=tool.idempotent)
