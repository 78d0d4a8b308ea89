"""The first page: what this is, who made it, whether the record verified, and how to check that oneself."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hitl_fsm.audit.export.evidence.collect import Collected, Story
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
from hitl_fsm.audit.export.evidence.points import Point, points

Verdict = Literal["intact", "unsigned", "broken"]

_WORDS: dict[Verdict, str] = {
    "intact": "The record verified, and a signed checkpoint covers it.",
    "unsigned": "The chain of the record verified; no checkpoint is signed.",
    "broken": "THE RECORD DID NOT VERIFY. Nothing in this document is evidence of anything.",
}


class Verified(NamedTuple):
    """What checking the whole record came to when it was exported. `key` is the verifier's key in text."""

    verdict: Verdict
    lines: int
    head: str
    origin: str = ""
    size: int = 0
    root: str = ""
    key: str = ""
    findings: tuple[str, ...] = ()


class Cover(NamedTuple):
    """What is exported, by whom, when (ms); `sha256` is that of the `lines.jsonl` that goes with it."""

    selection: str
    at: int
    by: str
    log: str
    version: str
    verified: Verified
    sha256: str
    contents: bool


def cover(about: Cover, found: Collected) -> Html:
    """The whole first page."""
    stories = list(found.stories.values())
    title = f"Evidence of run {stories[0].run}" if len(stories) == 1 else f"Evidence of {len(stories)} runs"
    return tag(
        "header",
        tag("p", "hitl-fsm · evidence pack", cls="kicker"),
        tag("h1", title),
        _verdict(about.verified),
        facts(_about(about, found)),
        _runs(stories),
        _points(stories, found),
        cls="cover",
    )


def _points(stories: list[Story], found: Collected) -> Html:
    """What to look at first; a pack of many runs has it in each run's chapter."""
    if len(stories) != 1:
        return Html("")
    return tag("section", tag("h3", "To look at first"), listed(points(stories[0], found)))


def listed(found: list[Point]) -> Html:
    """Each with its line; a sentence where there is none."""
    if not found:
        return tag("p", "Nothing but questions and answers in their plain way.")
    told = (tag("li", point.text, " ", seq(point.seq), cls="grave" if point.grave else "") for point in found)
    return tag("ul", join(told), cls="points")


def _about(about: Cover, found: Collected) -> list[tuple[str, Html | str]]:
    shown = (
        "Shown where they are still kept; what is masked, erased or pruned says so."
        if about.contents
        else "Not shown. The lines are committed to them by salted digests."
    )
    return [
        ("What was exported", about.selection),
        ("Lines of the record", str(found.count)),
        ("Exported at", when(about.at)),
        ("Exported by", about.by),
        ("Log", code(about.log)),
        ("People's data and arguments", shown),
        ("SHA-256 of lines.jsonl", digest(about.sha256)),
        ("Made with", f"hitl-fsm {about.version}"),
    ]


def _verdict(verified: Verified) -> Html:
    told: list[Html | str] = [tag("p", tag("strong", _WORDS[verified.verdict]))]
    if verified.size:
        signed = f"{verified.size} lines, root "
        told.append(tag("p", "Checkpoint of ", code(verified.origin), f": {signed}", digest(verified.root)))
        told.append(tag("p", "Verifier key: ", digest(verified.key)))
    else:
        told.append(tag("p", f"Chain of {verified.lines} lines, last leaf ", digest(verified.head)))
    if verified.findings:
        told.append(tag("ul", join(tag("li", one) for one in verified.findings)))
    told.append(tag("p", link("check", "How to check this yourself")))
    return tag("section", *told, cls=f"verdict {verified.verdict}")


def _runs(stories: list[Story]) -> Html:
    rows = []
    for number, story in enumerate(stories, 1):
        created, last = story.created, story.lines[-1]
        asked = created.actor if created else ""
        began = when(created.at) if created else Html("")
        took = lasted(last.at - created.at) if created else ""
        name = created.text("name") if created else ""
        counts = f"{_counted(len(story.actions), 'action')}, {_counted(len(story.questions), 'question')}"
        rows.append((link(f"run-{number}", code(story.run)), name, asked, began, took, story.state, counts))
    head = ("Run", "Agent", "For", "Begun", "Lasted", "Stands at", "What it holds")
    return table(head, rows, cls="runs") if rows else Html("")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def check_page(about: Cover) -> Html:
    """How a stranger checks all this, with nothing of ours."""
    steps = [
        join(
            ("Take the folder that this page came in: it has ", code("lines.jsonl"), ", ", code("verify.py"), "."), ""
        ),
        join(("Read ", code("verify.py"), ". It is one file and needs nothing but Python 3.8 or later."), ""),
        join(("Run ", code("python3 -I -S verify.py"), ". It says intact, or what is wrong and where."), ""),
        join(("Compare the key with one that you were given in another way: ", digest(about.verified.key or "none"))),
        join(("Compare the SHA-256 of ", code("lines.jsonl"), " with the one on the first page."), ""),
        join(("Find any line that this page names in ", code("lines.jsonl"), ", by its number."), ""),
    ]
    if about.contents:
        steps.append(
            join(
                (
                    "Find any argument, result or note in ",
                    code("contents.jsonl"),
                    ", by the number of its line. ",
                    code("verify.py"),
                    " holds each against what that line is committed to.",
                ),
                "",
            )
        )
    return tag(
        "section",
        tag("h2", "How to check this yourself", id="check"),
        tag("ol", join(tag("li", one) for one in steps)),
        tag("p", esc("This page is a reading of the lines. Where the two differ, the lines are the record.")),
        tag(
            "p",
            "Of the policies the lines have the digests, not the texts: whether a text on this page is that of its "
            "digest, ",
            code("hitl-fsm audit verify"),
            " tells where the record is.",
        ),
    )
