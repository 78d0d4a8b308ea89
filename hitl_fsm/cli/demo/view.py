"""What the demo says: plain, aligned text that needs no colour. Every value passes `visible`."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from hitl_fsm.cli.demo.agent import PEOPLE
from hitl_fsm.core.table import RUN
from hitl_fsm.errors import HitlError
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.verdict import Approval, External, Reason, UserInput
from hitl_fsm.model.visible import visible
from hitl_fsm.runtime.presenting.presentation import FormField, Presentation, presentation

if TYPE_CHECKING:
    from hitl_fsm.audit.verify import Report
    from hitl_fsm.model.event import Entry
    from hitl_fsm.policy.evaluate import PolicySet
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.handles import RequirementHandle, RunHandle

VALUE_CHARS: Final = 400
"""Of one value on the screen."""
WIDTH: Final = 80

_LABEL = 11
_FIELD_WORDS = {"boolean": "yes | no", "string": "text"}
_KINDS = {"user_input": "user input (form)", "external": "external tool"}


class Teller:
    """Writes the demo's text; counts the gates that it showed."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._paused = False
        self.gates: list[str] = []

    def line(self, text: str = "") -> None:
        """One line, as it is: callers pass values through `shown` or `visible`."""
        self._write(text + "\n")

    def field(self, label: str, text: str) -> None:
        """A labelled line of a gate's block, wrapped under itself."""
        lines = textwrap.wrap(text, WIDTH - 6 - _LABEL, break_long_words=True) or [""]
        self.line(f"      {label:<{_LABEL}}{lines[0]}")
        for more in lines[1:]:
            self.line(" " * (6 + _LABEL) + more)

    # -- the play

    def opening(self, ticket: str, policies: PolicySet, store_url: str) -> None:
        """What will be seen, for whom, under what."""
        self.line("hitl-fsm demo: an agent works on a ticket; policies say where a person decides.")
        self.line()
        self.line(f"  ticket     {visible(ticket)}")
        self.line("  people     alice (support) runs the agent; maria (finance) decides on large sums")
        self.line(
            textwrap.fill(", ".join(policies.names), WIDTH, initial_indent="  policies   ", subsequent_indent=" " * 13)
        )
        self.line(f"  store      {visible(store_url)}")

    def entries(self, entries: Iterable[Entry]) -> None:
        """What happened since the last look: the agent's words, calls that ran or were denied at once, results."""
        for entry in entries:
            match entry.event:
                case events.ModelReplied(text=text, calls=calls):
                    self.line()
                    self.line(f"agent: {visible(text)}")
                    for call in calls:
                        self._judged(call, entry)
                case events.CallReturned(result=result):
                    self.line(f"    ran: {shown(result)}")
                case events.CallRaised(error=error):
                    self.line(f"    the tool raised: {visible(error[:VALUE_CHARS])}")
                case events.ModelFailed(error=error) | events.RunStopped(error=error):
                    self.line(f"    failed: {visible(error[:VALUE_CHARS])}")
                case _:
                    pass

    def _judged(self, call: events.ProposedCall, entry: Entry) -> None:
        verdict = entry.verdicts.get(call.call_id)
        if verdict is None:
            self._gate("deny", call.tool, "refused: " + visible(call.problem or "not judged"))
        elif verdict.outcome == "deny":
            self._gate("deny", call.tool, "never happens; the agent is told why")
            self._call(call.args or {}, verdict.reasons)
        elif verdict.outcome == "allow" and verdict.audit:
            self._gate("audit", call.tool, "happens at once, and is on the record")
            self._call(call.args or {}, verdict.reasons)

    def question(self, asked: RequirementHandle, run: RunHandle) -> Presentation:
        """Show what the person sees who is asked."""
        page = presentation(asked.value, run.value)
        dynamic = page.tool == "ask_user"
        kind = "ask_user (dynamic input)" if dynamic else _KINDS.get(page.kind, page.kind)
        self._gate(kind, page.tool, _sentence(asked))
        if dynamic:
            self.field("question", visible(page.asks[:VALUE_CHARS]))
        else:
            self._call(page.args, asked.value.reasons)
        self.field("who", visible(page.who))
        for field in page.fields:
            self.field(visible(field.name) + (" *" if field.required else ""), _takes(field))
        self.line("    paused" if self._paused else "    paused: the run is on disk, no process waits for the answer")
        self._paused = True
        return page

    def attempt(self, engine: Engine, asked: RequirementHandle, answer: answers.Answer, by: str) -> bool:
        """Give one answer and say what came of it; False when it was refused and the question is still open."""
        self.line(f"    answering as {person(by)}: {_spoken(answer)}")
        try:
            engine.resolve(asked.id, answer, by=by, digest=asked.digest)
        except HitlError as error:
            problems = "; ".join(getattr(error, "problems", ()))
            reason = problems or error.message.partition(": ")[2] or error.message
            refusal = f"refused ({error.code}): {visible(reason[:VALUE_CHARS])}"
            self.line(textwrap.fill(refusal, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 8))
            return False
        return True

    def _gate(self, kind: str, tool: str, sentence: str) -> None:
        self.gates.append(kind)
        self.line(f"  {len(self.gates)} {kind.upper()}: {visible(tool)}")
        self.line(f"    {sentence}")

    def _call(self, args: Mapping[str, Any], reasons: Sequence[Reason]) -> None:
        for name, value in args.items():
            self.field(visible(name), shown(value))
        for reason in reasons:
            place = f" ({PurePath(reason.file).name}:{reason.line})" if reason.file else ""
            note = f": {reason.note}" if reason.note else ""
            self.field("rule", visible(f"{reason.policy}/{reason.rule}{place}{note}"))

    # -- the end

    def closing(self, records: Sequence[Mapping[str, Any]], report: Report, ledger: Sequence[str]) -> list[str]:
        """Timeline, machine and record of the run; the states it went through."""
        told = list(timeline(records))
        self.line()
        self.line(f"Timeline ({len(told)} of the {len(records)} lines that the record has of this run)")
        for moment, who, what in told:
            self.line(f"  {moment / 1000:7.3f} s  {visible(who):<9}{visible(what)}")
        path, arrows = travelled(records)
        self.line()
        self.line("The run's machine, and the path it took")
        for source, trigger, target, count in arrows:
            self.line(f"  {count}x  {source:<11}--{trigger + '-':-<17}> {target}")
        for line in textwrap.wrap(" > ".join(path), WIDTH - 4):
            self.line(f"    {line}")
        self.line()
        self.line("The record")
        verdict = "intact" if report.intact else f"BROKEN: {report.total_findings} findings"
        self.line(f"  audit verify: {report.count} lines in one hash chain, {verdict}; head {report.head.leaf[:16]}")
        times = {0: "never ran", 1: "ran exactly once"}.get(len(ledger), f"ran {len(ledger)} times")
        self.line(f"  the refund tool {times}" + "".join(f"\n    {visible(line)}" for line in ledger))
        return path

    def next_steps(self, run_id: str, store_url: str) -> None:
        """Commands that work as printed."""
        program = f"hitl-fsm --store {shlex.quote(store_url)}"
        self.line()
        self.line("Next")
        self.line(f"  {program} runs show {run_id}")
        self.line(f"  {program} audit verify")
        self.line(f"  {program} graph run --run {run_id} --format mermaid")


def shown(value: object) -> str:
    """A JSON value on one line: text as it is, anything else as JSON, cut, and with nothing hidden in it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text if len(text) <= VALUE_CHARS else text[:VALUE_CHARS] + "...")


def person(name: str) -> str:
    """`maria (finance)`."""
    return f"{name} ({', '.join(PEOPLE.get(name, ())) or 'no role'})"


def _takes(field: FormField) -> str:
    """What may be filled in."""
    return " | ".join(shown(choice) for choice in field.choices) or _FIELD_WORDS.get(field.type, visible(field.type))


def _sentence(asked: RequirementHandle) -> str:
    match asked.value.question:
        case Approval():
            return "somebody else looks at exactly this action, and decides"
        case External(route):
            return visible(f"carried out by {route}, never by this process; the result is checked")
        case UserInput() if asked.tool.tool_name == "ask_user":
            return "the agent does not know something, and asks instead of guessing"
        case UserInput():
            return "a person fills in a form; what the model wrote there never counts"
        case _:
            return "the person for whom the agent works says yes or no"


def _spoken(answer: answers.Answer) -> str:
    match answer:
        case answers.Approve(note=note):
            return "approve" + (f', "{visible(note)}"' if note else "")
        case answers.Reject(note=note):
            return "reject" + (f', "{visible(note)}"' if note else "")
        case answers.Provide(values=values):
            return ", ".join(f"{visible(name)} = {shown(value)}" for name, value in values.items())
        case answers.Report(result=result):
            return f"reports {shown(result)}"
        case _:
            return str(answer.__struct_config__.tag)


def timeline(records: Sequence[Mapping[str, Any]]) -> Iterable[tuple[int, str, str]]:
    """(ms since the start, who, what) of the lines that tell the story."""
    start = records[0]["at"] if records else 0
    tools = {r["data"]["requirement"]: r["data"]["tool"] for r in records if r["event"] == "requirement_opened"}
    for record in records:
        data = record.get("data", {})
        what = _told(record["event"], data, tools)
        if what:
            yield record["at"] - start, record["by"]["id"], what


def _told(event: str, data: Mapping[str, Any], tools: Mapping[str, str]) -> str | None:
    tool = data.get("tool", "")
    match event:
        case "run_created":
            told: str | None = "started the agent"
        case "call_judged" if data.get("audit"):
            told = f"{tool}: audited"
        case "call_denied":
            told = f"{tool}: denied"
        case "requirement_resolved" | "requirement_rejected":
            told = f"{tools.get(data['requirement'], '')}: {data.get('answer', '')}, answering the {data['kind']} gate"
        case "call_started":
            told = f"{tool}: intent on disk, started"
        case "call_succeeded" | "call_failed":
            told = f"{tool}: {event.removeprefix('call_')}"
        case "run_done" | "run_failed" | "run_cancelled":
            told = f"run {event.removeprefix('run_')}"
        case _:
            told = None
    return told


def travelled(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[tuple[str, str, str, int]]]:
    """The states that a run went through, in order, and each arrow it took (source, trigger, target, how often)."""
    path = [RUN.states[0].value]
    taken: Counter[tuple[str, str]] = Counter()
    for record in records:
        trigger = record.get("data", {}).get("trigger")
        if record["event"].startswith("run_") and trigger:
            taken[path[-1], trigger] += 1
            path.append(record["event"].removeprefix("run_"))
    arrows = [
        (row.source.value, row.trigger.value, row.target.value, taken[row.source.value, row.trigger.value])
        for row in RUN.rows
        if taken[row.source.value, row.trigger.value]
    ]
    return path, arrows
