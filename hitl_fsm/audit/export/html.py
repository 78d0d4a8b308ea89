"""The record as one HTML file for people: the evidence pack. No script, nothing from elsewhere, all text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hitl_fsm.audit.export.evidence.actions import actions, content, who
from hitl_fsm.audit.export.evidence.collect import Action, Collected, Story
from hitl_fsm.audit.export.evidence.cover import Cover, check_page, cover, listed
from hitl_fsm.audit.export.evidence.parts import (
    Html,
    code,
    digest,
    esc,
    facts,
    join,
    lasted,
    link,
    seq,
    table,
    tag,
    when,
)
from hitl_fsm.audit.export.evidence.path import path
from hitl_fsm.audit.export.evidence.points import points
from hitl_fsm.audit.export.evidence.policies import Appendix
from hitl_fsm.audit.export.evidence.signatures import Signature, reviews, signatures
from hitl_fsm.audit.export.evidence.style import STYLE
from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.words import rules_of

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with it: nothing but show it."""


def html(about: Cover, found: Collected, texts: Mapping[str, str | None]) -> Iterator[str]:
    """The page in pieces. `texts` are the sets of policies that the lines name, by digest."""
    stories = list(found.stories.values())
    appendix = Appendix(texts, stories)
    title = esc(f"Evidence of {stories[0].run}" if len(stories) == 1 else f"Evidence of {len(stories)} runs").text
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
    yield cover(about, found).text
    yield _contents(stories, found).text
    for number, story in enumerate(stories, 1):
        yield _run(number, story, found, appendix).text
    if found.others:
        yield tag("section", tag("h2", "Beside the runs", id="others"), _timeline(found.others), cls="run").text
    yield appendix.page().text
    yield check_page(about).text
    yield from _lines(found)
    yield "</main>\n</body>\n</html>\n"


def _contents(stories: list[Story], found: Collected) -> Html:
    runs = [link(f"run-{number}", "Run ", code(story.run)) for number, story in enumerate(stories, 1)]
    more = [link("others", "Beside the runs")] if found.others else []
    ends = [link("policies", "Policies"), link("check", "How to check this"), link("lines", "Every line, by its leaf")]
    return tag("nav", tag("h2", "Contents"), tag("ol", join(tag("li", one) for one in (*runs, *more, *ends))))


def _run(number: int, story: Story, found: Collected, appendix: Appendix) -> Html:
    return tag(
        "section",
        tag("h2", "Run ", code(story.run), id=f"run-{number}"),
        _about(story),
        *_first(story, found),
        tag("h3", "Who decided what"),
        _decisions(story, found),
        tag("h3", "The way of the run through its states"),
        path(story),
        tag("h3", "Each action"),
        actions(story, found, appendix),
        tag("h3", "Timeline"),
        _timeline(story.lines),
        cls="run",
    )


def _first(story: Story, found: Collected) -> tuple[Html, ...]:
    """In a pack of one run the first page has it."""
    if len(found.stories) == 1:
        return ()
    return (tag("h3", "To look at first"), listed(points(story, found)))


def _about(story: Story) -> Html:
    created, last = story.created, story.lines[-1]
    if created is None:
        return tag("p", "The beginning of this run is not among the lines.")
    cost = sum(entry.number("micro_dollars") or 0 for entry in story.replies)
    replies = "1 reply" if len(story.replies) == 1 else f"{len(story.replies)} replies"
    models = ", ".join(dict.fromkeys(entry.text("model") for entry in story.replies))
    return join(
        (
            facts(
                (
                    ("Agent", f"{created.text('kind')} {created.text('name')}"),
                    ("Asked for by", who(created)),
                    ("Begun", when(created.at)),
                    ("Last line", join((when(last.at), f", after {lasted(last.at - created.at)}"))),
                    ("Stands at", story.state),
                    ("Models", f"{models} ({replies})" if models else ""),
                    ("Cost", f"{cost / 1_000_000:.6f} US dollars" if cost else ""),
                    ("Policies", join((digest(one) for one in story.policies), "<br>")),
                )
            ),
            tag("h6", "What it was asked to do"),
            content(created, "input"),
        )
    )


def _decisions(story: Story, found: Collected) -> Html:
    """One row a signature: the page that a reader in a hurry reads."""
    rows: list[tuple[int, tuple[Html | str, ...]]] = []
    for action in story.actions.values():
        signs = [one for question in action.questions for one in signatures(question, found)]
        rows += [(one.at, _decision(one, action)) for one in (*signs, *reviews(action))]
    if not rows:
        return tag("p", "No person decided anything in these lines.")
    rows.sort(key=lambda row: row[0])
    head = ("When", "Who", "Meaning", "About", "Took", "Line")
    return table(head, (row for _, row in rows), cls="decisions")


def _decision(one: Signature, action: Action) -> tuple[Html | str, ...]:
    name = f"{one.name} ({one.id})" if one.name else one.id
    who = f"{name}, on behalf of {one.on_behalf_of}" if one.on_behalf_of else name
    about = join((code(action.tool), f" call {action.call}"))
    return (when(one.at), who, tag("strong", one.meaning), about, lasted(one.took_ms), seq(one.seq))


def _timeline(lines: list[Entry]) -> Html:
    head = ("Time", "What happened", "About", "By", "Line")
    rows = ((when(one.at), tag("strong", _event(one)), _about_line(one), who(one), seq(one.seq)) for one in lines)
    return table(head, rows, cls="timeline")


def _event(entry: Entry) -> str:
    return entry.event.replace("_", " ").capitalize()


def _about_line(entry: Entry) -> Html:
    told: list[Html | str] = []
    if entry.text("tool"):
        told += [code(entry.text("tool")), f" call {entry.text('call')}" if entry.text("call") else ""]
    elif entry.text("requirement"):
        told.append(code(entry.text("requirement")))
    elif entry.text("model"):
        told.append(entry.text("model"))
    words = [
        entry.text(name).replace("_", " ") for name in ("outcome", "answer", "trigger", "kind") if entry.text(name)
    ]
    words += [rule.name for rule in rules_of(entry.data)]
    return join((*told, (": " if told else "") + ", ".join(words) if words else ""))


def _lines(found: Collected) -> Iterator[str]:
    """Number and leaf of each, by which it is found in `lines.jsonl` and in the tree."""
    yield '<section class="lines"><h2 id="lines">Every line, by its leaf</h2>'
    yield '<table class="lines"><thead><tr><th>Line</th><th>Event</th><th>Leaf</th></tr></thead><tbody>'
    groups = (found.others, *(story.lines for story in found.stories.values()))
    for entry in sorted((entry for group in groups for entry in group), key=lambda one: one.seq):
        event, leaf = esc(entry.event).text, esc(entry.leaf).text
        yield f'<tr id="line-{entry.seq}"><td>{entry.seq}</td><td>{event}</td><td><code>{leaf}</code></td></tr>\n'
    yield "</tbody></table></section>\n"
