"""`describe`: a policy set as a page to read and sign."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.adapters.policy_files import gather, not_empty
from hitl_fsm.cli.output import say, write
from hitl_fsm.cli.policies.existing import refuse_absent
from hitl_fsm.errors import PolicyError, SettingsError
from hitl_fsm.policy.load import check

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.describe.paper import Paper


class Format(StrEnum):
    """How the page is written."""

    MARKDOWN = "markdown"
    HTML = "html"


_NO_PAGE = frozenset({".yaml", ".yml", ".json", ".py"})  # a slip of the hand must not overwrite what it describes


def describe(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, or folders with `*.policy.yaml` files.")],
    format: Annotated[  # noqa: A002 - its name
        Format | None, typer.Option(help="markdown unless told otherwise, or unless FILE ends with .html.")
    ] = None,
    tools: Annotated[
        str | None,
        typer.Option(metavar="APP|FILE", help="Say what each pattern stands for: module:engine, or a tools.json."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of to stdout.")] = None,
) -> None:
    """Write policies as a page that a reviewer can read and sign.

    For each tool: who decides what, and when, with file and line; then each policy with its rules in sentences, its
    forms and examples; the digest of the set; room to sign. The same files always give the same page. Roles
    files (`*.roles.yaml`) beside them tell who has which role. Exit 1 when the policies do not load.
    """
    session: Session = ctx.obj
    chosen = format or (Format.HTML if out is not None and out.suffix in {".html", ".htm"} else Format.MARKDOWN)
    if out is not None and out.suffix in _NO_PAGE:
        msg = f"{out} would not be a page: it is named like a policy or its data"
        raise SettingsError(msg, help="name a file that ends with .md or .html")
    text = _text(_page(session, paths, tools or session.app), chosen)
    if out is None:
        write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise SettingsError(msg, help="name a file in a directory that you may write to") from error
    say(session, f"{out} written")


def _page(session: Session, paths: list[str], tools: str | None) -> Paper:
    from hitl_fsm.cli.policies.catalogue import known_tools  # noqa: PLC0415 - not for --help
    from hitl_fsm.policy.catalogue import Known  # noqa: PLC0415 - as above
    from hitl_fsm.policy.describe.page import page  # noqa: PLC0415 - as above

    refuse_absent(paths)
    gathered = gather(paths)
    around, wrong_around, others = gather_around(paths)
    known = known_tools(session, tools) if tools else Known(None)
    could_not = not_empty(gathered.findings, others if gathered.files else ())
    wrong = [one for one in (*could_not, *wrong_around, *known.findings) if one.severity == "error"]
    if wrong:
        msg = f"what cannot be read is not described: {wrong[0].place} {wrong[0].code} {wrong[0].message}"
        raise PolicyError(msg, tuple(wrong), help=wrong[0].help)
    return page(check(gathered.files, gathered.read, around._replace(tools=known.tools)))


def _text(paper: Paper, chosen: Format) -> str:
    from hitl_fsm.policy.describe.html import html  # noqa: PLC0415 - as above
    from hitl_fsm.policy.describe.markdown import markdown  # noqa: PLC0415 - as above

    return html(paper) if chosen is Format.HTML else markdown(paper)
