"""Asking a person at a terminal. Questions go to stderr, so that stdout stays data."""

from __future__ import annotations

import sys

from hitl_fsm.model.visible import visible

YES = {"y", "yes"}
NO = {"n", "no", ""}


def is_interactive() -> bool:
    """Whether a person can be asked: both the answers and the questions are at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(prompt: str) -> str:
    """One line from the person, without its end; EOFError when there is none."""
    sys.stderr.write(f"{visible(prompt)} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer.strip()


def ask_secret(prompt: str) -> str:
    """As `ask`, and what is typed does not show on the screen."""
    from getpass import getpass  # noqa: PLC0415 - only for what nobody is shown

    return getpass(f"{visible(prompt)} ", stream=sys.stderr).strip()


def agreed(prompt: str) -> bool:
    """Whether the person says yes; anything but yes or no is asked again, and no answer is no."""
    while True:
        answer = ask(f"{prompt} [y/N]").lower()
        if answer in YES | NO:
            return answer in YES
