"""Several questions, one confirmation: all of one tool are shown, then asked about once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hitl_fsm.cli.answers.answering import Looked, each, give, leave, look_at_open
from hitl_fsm.cli.answers.identity import typist
from hitl_fsm.cli.answers.present import one_line, question_page
from hitl_fsm.cli.answers.viewing import tell_viewed
from hitl_fsm.cli.output import say, show
from hitl_fsm.cli.page import Grid, Lines, Page
from hitl_fsm.cli.terminal import agreed, is_interactive
from hitl_fsm.errors import AnswerRefused

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.answer import Answer

DECLINED = 1

ASKED = {"outcome": "It did not happen: run it?", "review": "Let the agent have this result?"}


class Prepared(NamedTuple):
    """What is going to be answered, and what a person is told beside the question."""

    looked: Looked
    answer: Answer
    beside: tuple[Lines, ...] = ()


def answer_together(
    session: Session,
    requirements: Sequence[str],
    prepare: Callable[[Looked], Prepared],
    *,
    yes: bool,
    speaker: str | None,
) -> None:
    """Look at all, ask once for all of one tool, answer each, and exit with the worst code.

    Off a terminal nobody is asked; what is of several tools is then refused, unless `yes` says that it is meant.
    """
    ready: list[Prepared] = []
    worst = each(session, requirements, lambda name: ready.append(prepare(look_at_open(session, name))))
    groups: dict[tuple[str, str], list[Prepared]] = {}
    for one in ready:
        groups.setdefault((one.looked.shown.tool, one.looked.shown.kind), []).append(one)
    is_asked = not yes and is_interactive()
    if len(groups) > 1 and not yes and not is_asked:
        tools = tuple(
            f"{tool}: {', '.join(one.looked.shown.id for one in group)}" for (tool, _), group in groups.items()
        )
        msg = "these are not of one tool, or not of one kind"
        raise AnswerRefused(msg, tools, help="nothing was recorded; answer each by itself, or say --yes")
    for group in groups.values():
        if is_asked and not _agreed(session, group, speaker):
            say(session, f"{', '.join(one.looked.shown.id for one in group)}: nothing was recorded")
            worst = max(worst, DECLINED)
            continue
        worst = max(worst, _give_all(session, group, speaker, seen=is_asked))
    leave(worst)


def _give_all(session: Session, group: Sequence[Prepared], speaker: str | None, *, seen: bool) -> int:
    by_id = {one.looked.shown.id: one for one in group}

    def do(name: str) -> None:
        give(session, by_id[name].looked, by_id[name].answer, typist(session, speaker), seen=seen)

    return each(session, by_id, do)


def _agreed(session: Session, group: Sequence[Prepared], speaker: str | None) -> bool:
    """All of them are on the screen, whole, before the one question; a list of them stands right above it."""
    for one in group:
        tell_viewed(session, one.looked.requirement, one.looked.run, speaker)
        page = question_page(one.looked.shown)
        show(session, Page((*page.blocks, *one.beside)), sys.stderr)
        say(session, "")
    shown = group[0].looked.shown
    if len(group) == 1:
        return agreed(ASKED.get(shown.kind, f"Approve {shown.tool}?"))
    rows = tuple((one.looked.shown.id, _action(one), f"for {one.looked.shown.user}") for one in group)
    show(session, Page((Grid(("id", "action", "for"), rows),)), sys.stderr)
    asked = ASKED.get(shown.kind, "")
    return agreed(
        f"{asked} All {len(group)} of {shown.tool}?" if asked else f"Approve all {len(group)} of {shown.tool}?"
    )


def _action(one: Prepared) -> str:
    changed = " (changed)" if one.beside else ""
    return f"{one_line(one.looked.shown.args)}{changed}"
