"""`import-flags`: a policy from the flags that tools have in the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import login
from hitl_fsm.cli.init import ExistsAlreadyError
from hitl_fsm.cli.output import json_document, say, warn, write
from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.imported import Heading
    from hitl_fsm.runtime.tools.flagged import Found

SUFFIX = ".policy.yaml"


def import_flags(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="module:name of an agent, a team, a toolkit, a list, or one tool.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there instead of to stdout; never over a file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The policy's name; TARGET's, without it.")
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="TEXT", help="Who answers for it; you, without it.")] = None,
    approver: Annotated[
        str, typer.Option(metavar="SUBJECT", help="Who approves, where the code asks for an approval.")
    ] = "role:approver",
) -> None:
    """Write a policy from the flags that tools have in the code.

    Reads requires_confirmation, requires_user_input, user_input_fields, external_execution and approval_type, as Agno's
    tools and toolkits have them, by their shape. Imports TARGET's module; runs no tool, opens no store. Each tool gets
    a rule, those without a flag too. What no rule can be written for is told on stderr and at the end of the policy.

    JSON: {"policy", "file", "tools": [{"name", "flags", "gates"}], "left_out"}.
    """
    from hitl_fsm.cli.target import named  # noqa: PLC0415 - not for --help
    from hitl_fsm.policy.imported import Heading, gates_of, policy_text, rule_id  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.tools.flagged import flagged_tools  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    _check_file(out)
    found = flagged_tools(named(target)[0])
    heading = Heading(name or rule_id(target.partition(":")[2]), owner or login(), target, approver)
    text = policy_text(found.tools, heading, found.left_out)
    _check_policy(text, heading)
    if out is not None:
        _write(out, text)
    if session.json:
        tools = [{"name": one.name, "flags": dict(one.flags), "gates": gates_of(one, approver)} for one in found.tools]
        file = None if out is None else str(out)
        json_document({"policy": text, "file": file, "tools": tools, "left_out": list(found.left_out)})
    elif out is None:
        write(text)
    _tell(session, found, out)


def _check_file(out: Path | None) -> None:
    if out is not None and not out.name.endswith(SUFFIX):
        msg = f"{out} would not be read as a policy"
        raise SettingsError(msg, help=f"name a file that ends with {SUFFIX}")


def _check_policy(text: str, heading: Heading) -> None:
    """What was asked for by an option, or stands in the code, may not go into a policy."""
    from hitl_fsm.errors import PolicyError  # noqa: PLC0415 - as above
    from hitl_fsm.policy.load import check  # noqa: PLC0415 - as above

    def no_file(path: str) -> bytes:
        raise FileNotFoundError(path)

    file = f"{heading.name}{SUFFIX}"
    wrong = [one for one in check({file: text.encode()}, no_file).findings if one.severity == "error"]
    if wrong:
        msg = f"no policy can be written: {wrong[0].code} {wrong[0].message}"
        raise PolicyError(msg, tuple(wrong), help=wrong[0].help)


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        msg = f"{out} is there already"
        raise ExistsAlreadyError(msg, help="nothing was written; name a new file, then compare the two") from error
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise SettingsError(msg, help="name a file in a directory that you may write to") from error


def _tell(session: Session, found: Found, out: Path | None) -> None:
    if found.left_out:
        warn(*(f"without a rule: {line}" for line in found.left_out))
    flagged = sum(1 for tool in found.tools if tool.flags)
    said = f"{len(found.tools)} tools, {flagged} with flags"
    if out is None:
        say(session, said)
    else:
        say(session, f"{out} written: {said}", f"next: hitl-fsm validate {out}")
