"""The reference page of the questions, as Markdown; as a program it prints the page."""

from __future__ import annotations

import sys

from hitl_fsm.audit.questions.all import QUESTIONS
from hitl_fsm.audit.questions.question import Parameter, Question

_HOW = {
    "since": "a day, an instant, or how long ago",
    "until": "the same",
    "instant": "the same",
    "duration": "a time span: 30s, 10m, 24h, 7d",
    "count": "a whole number",
    "percent": "0 to 100",
    "words": "words with commas between",
    "hours": "08:00-18:00",
    "days": "mon-fri, or mon,wed",
    "zone": "a name of the time zone database",
    "text": "a text",
}
HEAD = """\
# Questions

What a reviewer asks of the record: `hitl-fsm audit q NAME`, or `engine.audit.ask("NAME", since="30d")`. This page is
made of the questions themselves (`python -m hitl_fsm.audit.questions.page`).

An answer is of lines that were hashed. Each question first reads what is new in the record, line by line: each must
have the hash that is stored beside it and name that of the line before it, and the last one must be the head that is
kept apart. What does not fit is the first thing that is said, with every question, and the command exits 1; nothing
after that line is told of.

What was read is remembered as facts (names, times, digests, numbers; no contents) in a file beside the store,
`hitl.db.questions`, or, for PostgreSQL and where that place cannot be written, in the user's cache folder. Nobody else
can read it. It can be deleted at any time, and is made again; `--anew` does that, and hashes every line again. Facts
also remember where they came to: a record that was written anew since, or goes back, is told of even where its chain is
whole. Somebody who writes the facts as well is answered by `--anew`, which makes them of the record alone, after
`hitl-fsm audit verify` with an anchor has said that this is what it was.

A question marked **must be empty** exits 1 when it has rows. Times are RFC 3339 (UTC) in text, JSON and CSV; time spans
are ms in JSON and CSV. In CSV a cell that a spreadsheet would compute begins with an apostrophe. At most `--limit` rows
are shown (100), and it is said when there are more.

A person is who somebody is under all ids (`person` in the roles file). A decision is any answer of a person to a
question: a vote, an answer that closes it, an abstention, advice; a yes is one that lets the action go on. Contents are
opened for the rows that are shown, by the questions that say so, and only then; that somebody asked is on the record
(`record_read`) before the answer is shown.

An answer without rows that was limited to a tool, an agent, a person or a role of which the record has nothing says so
(JSON: `notes`), so that a mistyped name does not look like a clean month.
"""


def page() -> str:
    """All of it."""
    return "\n".join([HEAD, *(_section(one) for one in QUESTIONS.values())])


def _section(one: Question) -> str:
    lines = [f"## `{one.name}`", "", f"{one.asks}{' **Must be empty.**' if one.must_be_empty else ''}", "", one.learns]
    if one.parameters:
        lines += ["", "| Parameter | Default | What it does | How it is written |", "|---|---|---|---|"]
        lines += [f"| `--{p.name}` | {_default(p)} | {p.help} | {_how(p)} |" for p in one.parameters]
    lines += ["", "| Column | What it holds |", "|---|---|"]
    lines += [f"| `{column.name}` | {column.meaning} |" for column in one.columns]
    return "\n".join([*lines, "", f"```sh\n{one.example}\n```", ""])


def _how(parameter: Parameter) -> str:
    if not parameter.among:
        return _HOW[parameter.kind]
    return f"{'some' if parameter.kind == 'words' else 'one'} of {', '.join(f'`{one}`' for one in parameter.among)}"


def _default(parameter: Parameter) -> str:
    return "must be given" if parameter.default is None else f"`{parameter.default}`" if parameter.default else "none"


if __name__ == "__main__":
    sys.stdout.write(page())
