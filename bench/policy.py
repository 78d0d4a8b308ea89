"""What a verdict costs, beside ifs written by hand and beside other policy engines, over the same actions.

    python bench/policy.py [--desks 100] [--many 1000] [--tries 30]

200 rules on 100 tools, with globs; each rule has two comparisons and a membership. All give the same decisions, or
the bench fails. Figures are processor time, and the best of several passes over all actions, one pass of each after the
other. Peers are not part of this project: `pip install cedarpy cel-python pycasbin` into the environment that runs
this; those that are absent are left out.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from policy_work import Decision, actions, by_hand, decision, files, nothing, peers
from workload import Line, options, show

from hitl_fsm.model.action import Action
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.explain import explain
from hitl_fsm.policy.load import check, load

FLOOR_TIMES, CEDAR_TIMES, MANY_TIMES, LOAD_MS, VALIDATE_S = 15, 20, 2, 300, 1
SLOW_ACTIONS = 40
"""Of a peer's actions: some of them take many milliseconds each."""
WARM = 6
"""Passes before the first one that counts: by then every tool was asked for several times."""

Ask = Callable[[Action], Any]


def microseconds(ask: Ask, asked: Sequence[Action]) -> float:
    before = time.process_time()
    for action in asked:
        ask(action)
    return (time.process_time() - before) / len(asked) * 1e6


def in_turns(asks: Mapping[str, Ask], asked: Sequence[Action], tries: int) -> dict[str, float]:
    best = dict.fromkeys(asks, inf)
    for _ in range(tries):
        for name, ask in asks.items():
            best[name] = min(best[name], microseconds(ask, asked))
    return best


def cpu_ms(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e3


def validated(texts: dict[str, bytes]) -> tuple[float, float]:
    """Seconds of `hitl-fsm validate` as a process of its own: by the clock, and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in texts.items():
            (Path(folder) / name).write_bytes(data)
        program = [sys.executable, "-c", "from hitl_fsm.cli.main import main; main()", "-q", "validate", folder]
        used, before = _used(), time.perf_counter()
        subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - before, _used() - used


def _used() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def agreed(decide: Callable[[Action], Decision], expected: dict[int, Decision], asked: Sequence[Action]) -> None:
    for action in asked:
        assert decide(action) == expected[id(action)], (action, decide(action), expected[id(action)])


def all_cel(text: bytes) -> bytes:
    """The same rules in words for which there is no shorter way than CEL."""
    return text.replace(b"args.amount", b"args.amount + 0").replace(b"args.currency in", b"string(args.currency) in")


def warm(policies: PolicySet, asked: Sequence[Action]) -> None:
    for _ in range(WARM):
        for action in asked:
            policies.evaluate(action)


def main() -> None:
    given = options(__doc__, desks=100, many=1000, tries=30)
    desks, many, tries = given.desks, given.many, given.tries
    texts, asked = files(desks), actions(desks)
    first_ms = cpu_ms(lambda: check(texts, nothing))
    policies, hand = load(texts, nothing), by_hand(desks)
    cold = microseconds(policies.evaluate, asked[:desks])
    warm(policies, asked)
    expected = {id(action): decision(policies.evaluate(action)) for action in asked}
    assert len({found.outcome for found in expected.values()}) > 1
    for action in asked:
        said = hand(action)
        rules = tuple(rule for rule, *_ in said.reasons if rule != "default")
        assert Decision(said.outcome, rules) == expected[id(action)]
    larger, more = load(files(many), nothing), actions(many)
    warm(larger, more)

    best = in_turns({"floor": hand, "ours": policies.evaluate}, asked, tries)
    best |= in_turns({"many": larger.evaluate}, more, tries)
    best |= in_turns({"explain": lambda action: explain(policies, action)}, asked, 3)
    for_cel = load({name: all_cel(text) for name, text in texts.items()}, nothing)
    warm(for_cel, asked)
    agreed(lambda action: decision(for_cel.evaluate(action)), expected, asked)
    best |= in_turns({"cel": for_cel.evaluate}, asked, max(3, tries // 3))
    clock_s, cpu_s = validated(files(many))

    ours = best["ours"]
    lines = [
        Line("µs a verdict, by hand (the floor)", best["floor"]),
        Line("µs a verdict", ours),
        Line("verdict / floor", ours / best["floor"], FLOOR_TIMES),
        Line("µs a verdict, where CEL answers every condition", best["cel"]),
        Line("µs of a tool's first verdict", cold),
        Line(f"µs a verdict, {2 * many} rules on {many} tools", best["many"]),
        Line(f"verdict with {2 * many} rules / with {2 * desks}", best["many"] / ours, MANY_TIMES),
        Line("µs an explanation", best["explain"]),
        Line(f"CPU ms to load, check and compile {2 * desks} rules", first_ms, LOAD_MS),
        Line(f"s of `validate`, {many} tools, {2 * many} rules", clock_s, VALIDATE_S),
        Line("CPU s of it", cpu_s),
    ]
    few = asked[:SLOW_ACTIONS]
    for name, decide in peers(desks):
        agreed(decide, expected, few)
        measured = in_turns({"peer": decide}, few, max(1, tries // 10))["peer"]
        lines.append(Line(f"µs a verdict, {name}", measured))
        limit = CEDAR_TIMES if name == "cedarpy" else None
        lines.append(Line(f"{name} / verdict", measured / ours, limit, at_least=True))
    show(f"A verdict under {2 * desks} rules on {desks} tools", lines)


if __name__ == "__main__":
    main()
