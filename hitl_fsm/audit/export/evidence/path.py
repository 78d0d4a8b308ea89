"""The way of a run through its states: a picture in steps, and the same as a table with times."""

from __future__ import annotations

from typing import Final

from hitl_fsm.audit.export.evidence.collect import RUN_STATES, Story, Visit
from hitl_fsm.audit.export.evidence.parts import Html, esc, join, lasted, seq, table, tag, when

MAX_STEPS: Final = 48
"""Steps of a picture; the table has all."""

_LEFT, _TOP, _ROW, _WIDTH = 84, 8, 30, 900
_BOX = 16


def path(story: Story) -> Html:
    """Both; nothing where the run's beginning is not among the lines."""
    if not story.visits:
        return tag("p", "The run's states are not among these lines.")
    rows = [_row(visit) for visit in story.visits]
    head = ("State", "From", "Until", "For", "Because", "By", "Line")
    return join((_picture(story.visits), table(head, rows, cls="visits")), "\n")


def _row(visit: Visit) -> tuple[Html | str, ...]:
    began, ended = visit.began, visit.ended
    until: Html | str = when(ended.at) if ended else ""
    took = lasted(ended.at - began.at) if ended else ""
    why = began.text("trigger").replace("_", " ") or "it was asked for"
    return (tag("strong", visit.state), when(began.at), until, took, why, began.actor, seq(began.seq))


def _picture(visits: list[Visit]) -> Html:
    """One column a step, one row a state: SVG, without script, for the screen and for paper."""
    shown = visits[:MAX_STEPS]
    states = [state for state in RUN_STATES if any(visit.state == state for visit in shown)]
    step = min(90, (_WIDTH - _LEFT) // max(1, len(shown)))
    height = _TOP + _ROW * len(states) + 4
    parts = [_lane(state, _TOP + _ROW * number) for number, state in enumerate(states)]
    previous: tuple[int, int] | None = None
    for number, visit in enumerate(shown):
        x, y = _LEFT + number * step, _TOP + _ROW * states.index(visit.state) + _ROW // 2
        if previous is not None:
            parts.append(f'<polyline points="{previous[0]},{previous[1]} {x},{previous[1]} {x},{y}" class="way"/>')
        parts.append(
            f'<rect x="{x}" y="{y - _BOX // 2}" width="{max(6, step - 6)}" height="{_BOX}" rx="3" class="at"/>'
        )
        parts.append(_label(visit, x, y, step))
        previous = (x + max(6, step - 6), y)
    named = esc(", ".join(visit.state for visit in shown)).text
    left_out = len(visits) - len(shown)
    more = tag("p", f"{left_out} more steps stand in the table.") if left_out else Html("")
    picture = (
        f'<svg class="path" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{named}">{"".join(parts)}</svg>'
    )
    return join((Html(picture), more))


def _lane(state: str, top: int) -> str:
    line = f'<line x1="0" x2="{_WIDTH}" y1="{top + _ROW}" y2="{top + _ROW}" class="lane"/>'
    return f'{line}<text x="0" y="{top + _ROW // 2 + 4}" class="state">{esc(state).text}</text>'


def _label(visit: Visit, x: int, y: int, step: int) -> str:
    if visit.ended is None or step < 40:  # noqa: PLR2004 - no room for a word
        return ""
    took = esc(lasted(visit.ended.at - visit.began.at)).text
    return f'<text x="{x + 4}" y="{y + 4}" class="took">{took}</text>'
