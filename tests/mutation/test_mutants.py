"""No wrong version of the code passes unseen, but those that the README explains."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from mutants import TARGETS, Mutant, mutants_of
from run import README, explained

HERE = Path(__file__).parent


@cache
def made() -> dict[str, Mutant]:
    return {mutant.key: mutant for path in TARGETS for mutant in mutants_of(path)}


def test_each_wrong_version_has_a_name_of_its_own() -> None:
    assert len(made()) == sum(1 for path in TARGETS for _ in mutants_of(path))
    assert all(isinstance(mutant, Mutant) for mutant in made().values())


def test_what_is_explained_can_still_be_made() -> None:
    assert explained() - set(made()) == set()


def test_each_survivor_is_explained_in_words() -> None:
    rows = [line.strip("| ").split(" | ") for line in README.read_text().splitlines() if line.startswith("| `")]
    assert rows
    assert all(len(row) == 3 and len(row[2].split()) > 2 for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "sample"), [("core", 30)])
def test_no_unexplained_wrong_version_passes(layer: str, sample: int) -> None:
    asked = [sys.executable, str(HERE / "run.py"), layer, "--sample", str(sample), "--seed", "7"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sample} tried" in done.stdout
