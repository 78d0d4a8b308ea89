"""Whether a worker can still be alive: wrong only towards yes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hitl_fsm.adapters.store.owner import describe, may_be_alive, new_owner


def test_this_process_is_alive_and_each_owner_is_its_own() -> None:
    one, other = new_owner(), new_owner()
    assert one != other
    assert may_be_alive(one)
    host, pid, start, _ = one.rsplit(":", 3)
    assert int(pid) == os.getpid()
    assert start.isdecimal()
    assert describe(one) == f"process {pid} on {host.split('/')[0]}"


def test_a_pid_with_another_start_is_dead() -> None:
    host, pid, start, tail = new_owner().rsplit(":", 3)
    assert not may_be_alive(f"{host}:{pid}:{int(start) + 1}:{tail}")
    assert may_be_alive(f"{host}x:{pid}:{int(start) + 1}:{tail}")
    assert not may_be_alive(f"{os.uname().nodename}:{pid}:{int(start) + 1}:{tail}")


def test_a_process_that_ended_is_dead_also_before_it_is_reaped() -> None:
    code = "from hitl_fsm.adapters.store.owner import new_owner; print(new_owner(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    owner = child.stdout.readline().strip()
    assert may_be_alive(owner)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert not may_be_alive(owner)
    child.communicate()
    assert not may_be_alive(owner)


@pytest.mark.parametrize("owner", ["", "x", "a:b:c", "a:b:c:d", f"{os.uname().nodename}:-1:1:x", ":::", "h:²:1:x"])
def test_what_is_no_owner_of_this_host_may_be_alive(owner: str) -> None:
    assert may_be_alive(owner)
    assert isinstance(describe(owner), str)


def test_an_impossible_pid_is_dead() -> None:
    assert not may_be_alive(f"{os.uname().nodename}:{10**30}:1:x")
