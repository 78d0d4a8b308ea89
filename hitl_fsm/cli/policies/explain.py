"""`explain`: why one action is allowed, asked about or denied, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.policies.existing import refuse_absent
from hitl_fsm.cli.values import assignments, json_object

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.action import Action
    from hitl_fsm.model.actor import Actor
    from hitl_fsm.policy.explain import Explanation
    from hitl_fsm.runtime.tools.tool import AnyTool

Paths = Annotated[
    list[str] | None,
    typer.Option("--policies", metavar="PATH", help="Policy files or folders; without it, those of --app. Repeatable."),
]


def explain(
    ctx: typer.Context,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The tool that is called; '' for a step, or an agent.")],
    args: Annotated[str, typer.Option("--args", metavar="JSON|@FILE", help="Its arguments: one JSON object.")] = "{}",
    user: Annotated[str, typer.Option("--user", metavar="ID", help="For whom.")] = "user",
    roles: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="A role of the user. Repeatable.")
    ] = None,
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="In whose run.")] = "",
    step: Annotated[str, typer.Option("--step", metavar="NAME", help="In which step of a workflow.")] = "",
    now: Annotated[
        str | None, typer.Option("--now", metavar="WHEN", help="At which instant: 2026-01-31T12:00:00Z; now.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="A value of the environment. Repeatable.")
    ] = None,
    policies: Paths = None,
) -> None:
    """Explain the verdict on one action, rule by rule.

    Nothing is run and nothing is recorded. First what the rules come to together, and which of them demanded what; then
    each rule: whether it matches (✓), does not (✗), or cannot be evaluated (!), and where it stands. Exit 0 whatever
    the verdict is.
    JSON: {"action", "verdict", "join": [{"part", "value", "by"}], "policies": [{"policy", "mode", "file", "rules":
    [{"rule", "matched", "why", "effect", "severity", "note", "file", "line", "when": [{"text", "value", "problem",
    "line", "column"}], "unless"}], "elsewhere", "default", "default_line", "default_used"}], "shadow"}.
    """
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.action import Action  # noqa: PLC0415 - as above
    from hitl_fsm.policy.patterns import is_glob, is_pattern  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    given = json_object(args, "--args")
    pairs = assignments(env or [], "--env")
    if not (tool or step or agent):
        msg = "there is nothing to explain"
        raise typer.BadParameter(msg, param_hint="TOOL")
    if tool and (not is_pattern(tool) or is_glob(tool)):
        msg = f"{tool!r} is not the name of a tool"
        raise typer.BadParameter(msg, param_hint="TOOL")
    instant = _instant(now)
    actor = _actor(session, user, roles, known=policies is None)
    known = None if policies is not None or not tool else _tool_of(session, tool)
    if known is not None and not known.dynamic:  # with its defaults, as a run's verdict sees them
        given = known.completed(given)
    action = Action(tool, given, actor, instant, agent=agent, env=pairs, step=step)
    explanation = _shown(_explained(session, policies, action), () if known is None else known.sensitive)
    if session.json:
        json_document(explanation.as_json())
        return
    from hitl_fsm.cli.policies.explain_page import page  # noqa: PLC0415 - as above

    show(session, page(explanation))


def _explained(session: Session, paths: list[str] | None, action: Action) -> Explanation:
    from hitl_fsm.policy.explain import explain as explained  # noqa: PLC0415 - with pydantic

    if paths is None:
        engine = session.need_app()
        return explained(engine.policies, action, engine.parts.default)
    from hitl_fsm.adapters.policies import load_policy_files  # noqa: PLC0415 - as above

    refuse_absent(paths, "--policies")
    return explained(load_policy_files(paths), action)


def _instant(text: str | None) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above

    if text is None:
        return now_ms()
    try:
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        msg = f"{text!r} is not an instant such as 2026-01-31T12:00:00Z"
        raise typer.BadParameter(msg, param_hint="--now") from None


def _actor(session: Session, name: str, roles: list[str] | None, *, known: bool) -> Actor:
    """Who is meant. With no --role, and an application, those that its lookup gives."""
    from hitl_fsm.model.actor import Actor  # noqa: PLC0415 - as it is used

    if roles is None and known:
        return session.need_app().actor(name, Actor(id=name))
    return Actor(id=name, roles=tuple(roles or ()))


def _shown(explanation: Explanation, sensitive: tuple[str, ...]) -> Explanation:
    """Without the arguments that nobody is shown: those that the tool says, or a form that is asked for."""
    from msgspec.structs import replace  # noqa: PLC0415 - as it is used

    from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.policies.judged import sensitive_of  # noqa: PLC0415 - as above

    action = explanation.action
    args = masked(action.args, {*sensitive, *sensitive_of(explanation.verdict)})
    return replace(explanation, action=replace(action, args=args))


def _tool_of(session: Session, name: str) -> AnyTool:
    """UnknownTool for one that the application has not."""
    tools: dict[str, AnyTool] = {}
    for recipe in session.need_app().recipes:
        tools.update(recipe.tools)
    if (tool := tools.get(name)) is not None:
        return tool
    from hitl_fsm.errors import UnknownTool  # noqa: PLC0415 - only for a mistake
    from hitl_fsm.policy.names import did_you_mean  # noqa: PLC0415 - as above

    msg = f"the application has no tool {name!r}"
    near = did_you_mean(name, tools)
    raise UnknownTool(
        msg, help=near or f"its tools: {', '.join(sorted(tools)) or 'none'}; --policies PATH asks without it"
    )
