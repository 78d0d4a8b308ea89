"""One seed, one history of several workers, people, clocks and faults on one store.

`PYTHONPATH=tests python -m simulation SEED` tells one history; `FIRST LAST` runs many and names those that fail."""

from __future__ import annotations

import sys

from simulation.history import simulate


def main(arguments: list[str]) -> int:
    """1 when a law was broken."""
    first, last = int(arguments[0]), int(arguments[-1])
    failed = 0
    for seed in range(first, last + 1):
        outcome = simulate(seed, keep_trace=first == last)
        if first == last:
            told = outcome._replace(lines=[])
            sys.stdout.write("\n".join(outcome.lines) + f"\n{told}\n")
        elif outcome.problem:
            sys.stdout.write(f"{seed}\t{outcome.problem}\n")
            sys.stdout.flush()
        failed += bool(outcome.problem)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
