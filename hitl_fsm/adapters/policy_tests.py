"""Test files from disk, each with the policy files that it tries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hitl_fsm.adapters.policy_files import POLICIES, TESTS, Gathered, gather

__all__ = ["gather_tests", "policies_of"]


def gather_tests(paths: Sequence[str]) -> Gathered:
    """The `*.policytest.yaml` below these folders, and files named one by one."""
    return gather(paths, TESTS)


def policies_of(test: str, named: Sequence[str] | None) -> tuple[list[str], list[int]]:
    """The policy files of a test file, and which of the paths that it names, by their numbers, lead to none.

    `named` are paths relative to the test file, of files or of folders; None stands for its own folder. Of a folder,
    only its own files count, not those of the folders in it.
    """
    here = Path(test).parent
    found: dict[str, None] = {}
    nowhere: list[int] = []
    for index, name in enumerate(["."] if named is None else named):
        place = Path(name)
        files = [] if place.is_absolute() or "\x00" in name else _files(here / place)
        if not files:
            nowhere.append(index)
        found.update(dict.fromkeys(files))
    return list(found), nowhere


def _files(path: Path) -> list[str]:
    try:
        path = _plain(path)
        if path.is_dir():
            return sorted(str(one) for one in path.iterdir() if one.name.endswith(POLICIES.suffix))
        return [str(path)] if path.is_file() else []
    except OSError:
        return []


def _plain(path: Path) -> Path:
    """Without the steps up and down that a relative path takes, so that one file has one name."""
    plain = Path(os.path.normpath(path))
    return plain if plain.exists() and path.exists() and plain.samefile(path) else path
