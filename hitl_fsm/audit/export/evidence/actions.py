"""Each action: what was asked for, what the policies said and why, what was shown, who signed, what came of it."""

from __future__ import annotations

from typing import Any

from hitl_fsm.audit.export.evidence.changes import changes
from hitl_fsm.audit.export.evidence.collect import Action, Collected, Question, Story
from hitl_fsm.audit.export.evidence.parts import (
    Html,
    code,
    digest,
    facts,
    join,
    lasted,
    link,
    seq,
    table,
    tag,
    value,
    when,
)
from hitl_fsm.audit.export.evidence.policies import Appendix
from hitl_fsm.audit.export.evidence.screen import screen
from hitl_fsm.audit.export.evidence.signatures import Signature, reviews, signatures
from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.words import rules_of

_ENDS = {
    "call_succeeded": "It was carried out.",
    "call_failed": "It failed.",
    "call_denied": "It was denied, and did not happen.",
    "call_withheld": "Its result was kept back.",
    "call_substituted": "A person gave a result instead; it did not happen.",
    "call_lost": "The process died in it: whether it took effect was not known then.",
    "call_held": "It was carried out; its result waited for a review.",
}


def actions(story: Story, found: Collected, appendix: Appendix) -> Html:
    """All of a run, in the order in which they were asked for."""
    told = [_action(one, found, appendix) for one in story.actions.values()]
    return join(told or [tag("p", "No action is among these lines.")], "\n")


def _action(action: Action, found: Collected, appendix: Appendix) -> Html:
    parts: list[Html | str] = [
        tag(
            "h4",
            code(action.tool or "action"),
            f" call {action.call} ",
            tag("span", action.state, cls="state-word"),
            tag("span", f"severity {action.severity}", cls="mark") if action.severity != "low" else "",
        )
    ]
    titles = ["Asked for, and judged", *["Judged again"] * len(action.verdicts)]
    told = [(one.seq, _verdict(one, title, appendix)) for one, title in zip(action.verdicts, titles, strict=False)]
    told += [(one.opened.seq, _question(one, found)) for one in action.questions]
    told += [(entry.seq, _beside(entry)) for entry in action.beside if entry.event != "override_reviewed"]
    told += [(entry.seq, _effect(entry)) for entry in action.ends]
    used = sorted((*action.authorised, *action.started), key=lambda entry: entry.seq)
    told += [(used[0].seq, _consumed(used))] if used else []
    parts += [one for _, one in sorted(told, key=lambda one: one[0])]
    looked = list(reviews(action))
    if looked:
        parts += [tag("h5", "Review of the emergency approval"), signed(looked)]
    return tag("article", *parts, cls="action")


def _verdict(entry: Entry, title: str, appendix: Appendix) -> Html:
    """What was asked for, and what the rules made of it; where it was edited, what changed."""
    edited = entry.event == "call_edited"
    rules = [
        (link(appendix.anchor(entry.text("policies"), rule.file, rule.line), rule.name), code(rule.place), rule.effect)
        for rule in rules_of(entry.data)
    ]
    outcome = {"allow": "allowed", "gated": "waits for people", "deny": "denied"}.get(entry.text("outcome"), "")
    told: list[Html | str] = [
        tag("h5", f"Changed by {who(entry)}" if edited else title, " ", seq(entry.seq)),
        facts(
            (
                ("When", when(entry.at)),
                ("Verdict", tag("strong", outcome)),
                ("Because", entry.text("problem")),
                ("Digest of the action", digest(entry.text("digest"))),
                ("Policies in force", digest(entry.text("policies"))),
            )
        ),
    ]
    if rules:
        told.append(table(("Rule", "Where it stands", "What it demands"), rules))
    else:
        told.append(tag("p", "No rule speaks of it; the default decided."))
    if edited and entry.opened is not None and "was" in entry.opened:
        told += [tag("h6", "What changed"), changes(entry.content("was"), entry.content("args"))]
    told += [tag("h6", "Arguments"), content(entry, "args")]
    return tag("section", *told)


def content(entry: Entry, name: str) -> Html:
    """One of a line's contents, or why it is not here to see."""
    if name not in entry.contents:
        return tag("p", "None.")
    committed = join(("the line is committed to it by ", digest(entry.contents[name])))
    if entry.opened is None:
        return tag("p", "Not shown in this export; ", committed, cls="absent")
    if name not in entry.opened:
        return tag("p", "No longer kept (erased, pruned, or never stored); ", committed, cls="absent")
    return value(entry.opened[name])


def _question(question: Question, found: Collected) -> Html:
    opened, closed = question.opened, question.closed
    waited = closed.number("waited_ms") if closed else None
    told: list[Html | str] = [
        tag("h5", "Question ", code(question.id), " ", seq(opened.seq)),
        facts(
            (
                ("Kind", question.kind.replace("_", " ")),
                ("Asked of", _listed(opened, "of")),
                ("Not of", _listed(opened, "excluded")),
                ("Quorum", str(opened.number("quorum") or "")),
                ("Stage", str(opened.number("stage") or "")),
                ("Asked at", when(opened.at)),
                ("Open until", when(until) if (until := opened.number("expires_at")) else ""),
                ("Worth a second look", _flags(opened)),
                ("Digest of what was asked", digest(opened.text("digest"))),
                ("Ended as", join((tag("strong", question.state), f" after {lasted(waited)}" if waited else ""))),
            )
        ),
    ]
    if question.kind == "review" and "result" in opened.contents:
        told += [tag("h6", "The result under review"), content(opened, "result")]
    told += [_shown(entry) for entry in question.shown]
    signs = signatures(question, found)
    if signs:
        told.append(signed(signs))
    if closed is not None and (answer := _more_than_a_word(closed.content("answer"))):
        told += [tag("h6", "The answer"), value(answer)]
    told += [_beside(entry) for entry in question.notes]
    return tag("section", *told, cls="question")


def _more_than_a_word(answer: Any) -> Any:
    """What an answer holds beyond its kind and its note, which stand with the signature."""
    if not isinstance(answer, dict):
        return answer
    return {name: found for name, found in answer.items() if name not in {"type", "note"} and found is not None}


def signed(signs: list[Signature]) -> Html:
    """Printed name, time, meaning; and how it was known who it was (21 CFR 11.50). Below each, what was shown."""
    names = ("Signed by", "Date and time", "Meaning of the signature", "Authenticated by", "Took", "Line")
    head = tag("thead", tag("tr", join(Html(f'<th scope="col">{name}</th>') for name in names)))
    return tag("table", head, join((tag("tbody", *_sign(one)) for one in signs), "\n"), cls="signatures")


def _sign(one: Signature) -> tuple[Html, ...]:
    about: list[Html | str] = [tag("strong", one.name) if one.name else tag("em", "no printed name"), " ", code(one.id)]
    if one.kind != "human":
        about.append(f" ({one.kind})")
    if one.on_behalf_of:
        about.append(tag("p", "on behalf of ", code(one.on_behalf_of)))
    meaning: list[Html | str] = [tag("strong", one.meaning)]
    if one.note:
        meaning.append(tag("blockquote", one.note))
    cells = (join(about), when(one.at), join(meaning), one.authenticated_by, lasted(one.took_ms), seq(one.seq))
    row = tag("tr", *(tag("td", cell) for cell in cells))
    shown = [("the action ", one.shown), ("the page ", one.presented)]
    told = join((join((name, digest(found))) for name, found in shown if found), ", ")
    return (
        (row, tag("tr", Html(f'<td colspan="6">What was shown: {told.text}</td>'), cls="shown-row"))
        if told.text
        else (row,)
    )


def _shown(entry: Entry) -> Html:
    """What somebody had before the eyes: the content where it is kept, else its digest."""
    viewed = entry.event == "requirement_viewed"
    title = f"Looked at by {who(entry)}" if viewed else f"What {who(entry)} was shown with the answer"
    told: list[Html | str] = [
        tag("h6", title, " ", seq(entry.seq)),
        facts((("When", when(entry.at)), ("Where", entry.text("surface")), ("Page", digest(entry.text("presented"))))),
    ]
    for name in entry.contents:
        there = entry.opened is not None and name in entry.opened
        told.append(screen(entry.content(name)) if there else content(entry, name))
    return tag("section", *told, cls="shown")


def _consumed(used: list[Entry]) -> Html:
    """The word that allowed it, and each beginning: one authorisation is used once."""
    head = ("", "When", "By whose word", "Digest of the action", "Line")
    rows = ((_use(one), when(one.at), _word(one), digest(one.text("digest")), seq(one.seq)) for one in used)
    return join((tag("h5", "Authorisation and its use"), table(head, rows)))


def _use(entry: Entry) -> Html:
    return tag("strong", "Authorised" if entry.event == "call_authorised" else "Begun")


def _word(entry: Entry) -> Html | str:
    if entry.event == "call_started":
        return f"attempt {entry.number('attempt') or 1}, on the authorisation before it"
    passes = entry.data.get("passes")
    told = [_pass(one) for one in passes if isinstance(one, dict)] if isinstance(passes, list) else []
    return join(told, "; ") if told else "no person was to be asked"


def _pass(one: dict[str, Any]) -> Html:
    people = ", ".join(map(str, one.get("by") or ()))
    grant = f" by grant {one['grant']}" if one.get("grant") else ""
    return join((f"{people}{grant}, gate ", code(str(one.get("gate", "")))))


def _effect(entry: Entry) -> Html:
    told: list[Html | str] = [
        tag("h5", _ENDS.get(entry.event, entry.event), " ", seq(entry.seq)),
        facts((("When", when(entry.at)), ("Told by", who(entry)), ("Why", entry.text("why")))),
    ]
    for name in ("result", "error", "note", "why"):
        if name in entry.contents:
            told += [tag("h6", name.capitalize()), content(entry, name)]
    return tag("section", *told)


def _beside(entry: Entry) -> Html:
    """Whatever else happened to it: escalations, reminders, grants used, a vote taken back, an edit of the result."""
    told: list[Html | str] = [
        tag("h5", entry.event.replace("_", " ").capitalize(), " ", seq(entry.seq)),
        facts((("When", when(entry.at)), ("By", who(entry)), ("Grant", code(entry.text("grant"))))),
    ]
    if entry.event == "result_edited" and entry.opened is not None:
        told.append(changes(entry.content("was"), entry.content("result")))
    else:
        for name in entry.contents:
            told += [tag("h6", name.capitalize()), content(entry, name)]
    return tag("section", *told)


def who(entry: Entry) -> str:
    """Name and id; for whom, where it was for somebody."""
    name = str(entry.by.get("printed_name") or "")
    behalf = f", on behalf of {entry.by['on_behalf_of']}" if entry.by.get("on_behalf_of") else ""
    return f"{name} ({entry.actor}{behalf})" if name else f"{entry.actor}{behalf}"


def _listed(entry: Entry, name: str) -> str:
    found = entry.data.get(name)
    return ", ".join(map(str, found)) if isinstance(found, list) else ""


def _flags(entry: Entry) -> str:
    found = entry.data.get("flags")
    if not isinstance(found, list):
        return ""
    return ", ".join(str(one.get("kind", one)) if isinstance(one, dict) else str(one) for one in found)
