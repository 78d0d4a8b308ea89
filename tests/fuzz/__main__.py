"""One number, one mutated file, through everything that reads it.

`PYTHONPATH=tests python -m fuzz NUMBER` shows one; `FIRST LAST [PROCESSES]` tries many and names those that fail."""

from __future__ import annotations

import sys
from pathlib import Path

from fuzz.child import Told, child, one, run
from fuzz.mutate import mutated
from hitl_fsm.model.visible import visible_block


def main(arguments: list[str]) -> int:
    """1 when something did not hold."""
    if arguments[:1] == ["--child"]:
        child(int(arguments[1]), int(arguments[2]), Path(arguments[3]))
        return 0
    if len(arguments) == 1:
        return _show(int(arguments[0]))
    told = run(*map(int, arguments[:3]))
    sys.stdout.write("".join(f"{number}\t{what}\n" for number, what in told.problems) + summary(told) + "\n")
    return int(bool(told.problems))


def summary(told: Told) -> str:
    """One line on a range."""
    return (
        f"{told.files} files, {told.loaded} loaded, {told.judged} actions judged, {len(told.codes)} kinds of findings, "
        f"{len(told.problems)} problems; slowest {told.slowest_ms} ms ({told.slowest}), peak {told.peak_mb} MB"
    )


def _show(number: int) -> int:
    made = mutated(number)
    sys.stdout.write(visible_block(made.data.decode("utf-8", "replace")) + "\n")
    sys.stdout.write(f"\n{number}: {made.seed.name}, changed: {', '.join(made.how)}\n")
    sys.stdout.flush()  # what follows may end the process
    outcome, problem = one(number)
    sys.stdout.write(f"{problem or outcome}\n")
    return int(problem is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
