"""Which parts of a condition hold a command line or the program that is started."""

from __future__ import annotations

import re

from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.lint.argument_names import is_command, is_program
from hitl_fsm.policy.lint.conditions import Bound, Placed, place_of
from hitl_fsm.policy.lint.walk import tools_of

_LAUNCHERS = frozenset(
    {"ash", "awk", "bash", "busybox", "bun", "chroot", "cmd", "csh", "dash", "deno", "doas", "docker", "env", "eval",
     "exec", "expect", "find", "fish", "gawk", "irb", "ksh", "lua", "nc", "ncat", "netcat", "nice", "node", "nohup",
     "npx", "nsenter", "osascript", "parallel", "perl", "php", "podman", "powershell", "pwsh", "python", "ruby",
     "runuser", "screen", "script", "setsid", "sh", "socat", "ssh", "stdbuf", "strace", "su", "sudo", "systemd-run",
     "tcsh", "timeout", "tmux", "unshare", "watch", "xargs", "zsh"}
)  # fmt: skip
_VERSION = re.compile(r"[\d.]+$")


def is_about_command(placed: Placed, node: Node, bound: Bound) -> bool:
    """Whether a part is an argument that holds a command, or the words of one."""
    place = place_of(node, bound)
    if place is None or place[0] != "args" or len(place) == 1:
        return False
    return is_program(place[-1]) or is_command(place[-1], tools_of(placed.member, placed.rule))


def launcher(command: str) -> str | None:
    """The program by which a command could start any other, such as `env` in `/usr/bin/env`; None if there is none."""
    program = command.split(maxsplit=1)[0].rpartition("/")[2] if command.strip() else ""
    known = _VERSION.sub("", program.lower().removesuffix(".exe"))
    return program if known in _LAUNCHERS else None
