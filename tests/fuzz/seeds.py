"""What is mutated: every kind of file that the program reads, good ones and bad ones, from the repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests/fuzz/corpus"
Kind = Literal["policy", "policytest", "routes", "roles", "form", "tools"]


class Seed(NamedTuple):
    """A file that is mutated. `name` is its path in the repository; `beside` are policies and tests that go with it."""

    kind: Kind
    name: str
    data: bytes
    beside: tuple[str, ...] = ()


def _named(*patterns: str) -> list[str]:
    return sorted({path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)})


def read(name: str) -> bytes:
    return _bytes(ROOT / name)


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()


@cache
def seeds() -> dict[Kind, list[Seed]]:
    """By kind; always in the same order."""
    policies = _named("policies/*/*.policy.yaml", "tests/unit/policy/lint/**/*.policy.yaml")
    starters = [*_named("policies/*/*.policy.yaml", "tests/golden/policytest/*.policy.yaml"), *_ours("policy")]
    bad = [name for name in policies if name not in starters]
    bad += _named("tests/unit/policy/golden/broken.yaml")
    tests = [*_named("policies/*/*.policytest.yaml", "tests/golden/policytest/*.policytest.yaml"), *_ours("policytest")]
    everything, opened = _ours("policy")
    payments = "policies/payments/payments.policy.yaml"
    # Those that use much of the language come more often than those that show one mistake.
    often = [*starters * 4, *[everything, opened] * 12, *bad]
    return {
        "policy": [_seed("policy", name, _tests_of(name, tests)) for name in often],
        "policytest": [_seed("policytest", name, (name.replace(".policytest.", ".policy."),)) for name in tests],
        "routes": [_seed("routes", name, (everything,)) for name in [*_ours("routes"), *_around("routes")]],
        "roles": [_seed("roles", name, (everything,)) for name in [*_ours("roles"), *_around("roles")]],
        "form": [_seed("form", name, _users_of(name)) for name in _named("schemas/forms/*.schema.json")],
        "tools": [_seed("tools", f"{_folder()}/tools.json", (everything, payments))],
    }


def _seed(kind: Kind, name: str, beside: tuple[str, ...]) -> Seed:
    return Seed(kind, name, read(name), beside)


def _folder() -> str:
    return HERE.relative_to(ROOT).as_posix()


def _ours(kind: str) -> list[str]:
    return _named(f"{_folder()}/*.{kind}.yaml")


def _around(kind: str) -> list[str]:
    return _named(f"tests/unit/policy/lint/**/*.{kind}.yaml")


def _tests_of(name: str, tests: list[str]) -> tuple[str, ...]:
    test = name.replace(".policy.", ".policytest.")
    return (test,) if test in tests else ()


def _users_of(form: str) -> tuple[str, ...]:
    """The policies that name a form; it may be one that none does."""
    name = form.rsplit("/", 1)[-1].encode()
    found = [policy for policy in _named("policies/*/*.policy.yaml") if name in read(policy)]
    return tuple(found) or ("policies/payments/payments.policy.yaml",)
