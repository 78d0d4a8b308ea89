"""Which wrong versions no test notices: `python tests/mutation/run.py core|people|store [--sample N] [--seed S]`."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import pytest
from mutants import LAYERS, ROOT, Mutant, mutants_of
from trial import Trial, Tried

TESTS = {
    "core": ("tests/unit/core", "tests/laws"),
    "people": (
        "tests/unit/core",
        "tests/unit/notify",
        "tests/unit/runtime/test_entering.py",
        "tests/unit/runtime/test_crowd.py",
    ),
    "store": ("tests/unit/store", "tests/laws"),
}
_OPTIONS = (
    *("-q", "-p", "no:cacheprovider", "-k", "not postgres and not file", "-o", "tmp_path_retention_policy=none"),
    *("-n", "0"),  # a wrong version is made in this process
)
README = Path(__file__).parent / "README.md"


def explained() -> set[str]:
    """The survivors that the table of the README explains."""
    rows = (line.split(" | ") for line in README.read_text().splitlines() if line.startswith("| `"))
    return {f"{row[0].strip('| `')}: {row[1].strip(' `')}".replace("\\|", "|") for row in rows}


def mutants_in(layer: str) -> list[Mutant]:
    return [mutant for path in LAYERS[layer] for mutant in mutants_of(path)]


def tried(layer: str, mutants: list[Mutant]) -> Trial:
    trial = Trial(mutants)
    tests = [str(ROOT / folder) for folder in TESTS[layer]]
    found = pytest.main([*_OPTIONS, "--rootdir", str(ROOT), *tests], plugins=[trial])
    if found != pytest.ExitCode.OK:
        raise SystemExit(f"pytest ended with {found}")
    return trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", choices=sorted(TESTS))
    parser.add_argument("--sample", type=int, help="so many of them, in the seed's order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="those whose place or change has one of these words")
    options = parser.parse_args()
    every = [m for m in mutants_in(options.layer) if not options.only or any(word in m.key for word in options.only)]
    mutants = random.Random(options.seed).sample(every, min(len(every), options.sample or len(every)))
    trial = tried(options.layer, mutants)
    new = unexplained(trial)
    sys.stdout.writelines(f"{line}\n" for line in [*told(trial, len(every)), *map(row, new)])
    return 1 if new else 0


def unexplained(trial: Trial) -> list[Tried]:
    known = explained()
    return [each for each in trial.tried if not each.by and each.mutant.key not in known]


def told(trial: Trial, made: int) -> list[str]:
    """The counts."""
    survived = sum(not each.by for each in trial.tried)
    killed = len(trial.tried) - survived
    return [
        f"tests left out, being slow or failing: {trial.left_out}",
        f"{made} made, {len(trial.tried)} tried, {len(trial.not_made)} not possible",
        f"{killed} killed, {survived} survived, {survived - len(unexplained(trial))} of them explained",
    ]


def row(each: Tried) -> str:
    """A survivor as a row for the table, its reason still to be written."""
    change = each.mutant.change.replace("|", "\\|")
    return f"| `{each.mutant.place}` | `{change}` | ? ({each.tests} tests) |"


if __name__ == "__main__":
    sys.exit(main())
