"""The composition root: settings -> adapters -> Engine. The only place where ports meet their adapters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from hitl_fsm.adapters.calendars import open_times
from hitl_fsm.adapters.log import operational_log
from hitl_fsm.adapters.models import model_source
from hitl_fsm.adapters.people import people_source
from hitl_fsm.adapters.routes.manual import Manual
from hitl_fsm.adapters.settings import Settings, settings
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.owner import may_be_alive, new_owner
from hitl_fsm.errors import SettingsError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.people import Directory
from hitl_fsm.ports import Clock, Log, ModelSource, Store
from hitl_fsm.ports_out import Notifier, Route
from hitl_fsm.runtime.crowd import OPEN_PER_AGENT, Crowd
from hitl_fsm.runtime.engine import Engine as _Engine
from hitl_fsm.runtime.loop import loop_is_private, run_sync
from hitl_fsm.runtime.outbox import checked_channels
from hitl_fsm.runtime.parts import (
    ActorLookup,
    Default,
    Parts,
    People,
    PolicySource,
    SystemClock,
    actor_lookup,
    people_lookup,
)
from hitl_fsm.runtime.workflow.workflow import Workflow as _Workflow

__all__ = ["Engine", "Settings", "Workflow", "load_policies", "settings"]

RELOAD_S = 2.0
"""How often an engine looks at its policy files, unless it is told otherwise."""

_ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Reload = Literal["auto", "off"] | float
Policies = str | Path | Sequence[str | Path] | PolicySet | None
Actors = ActorLookup | Mapping[str, Sequence[str]] | str | Path | Directory | None


def load_policies(paths: Policies) -> PolicySet:
    """Policy files from disk; PolicyError with every finding if any of them is wrong. None: no policies at all."""
    if isinstance(paths, PolicySet):
        return paths
    if paths is None:
        from hitl_fsm.policy.load import load  # noqa: PLC0415 - with pydantic: not for who only answers

        return load({}, _no_file)
    from hitl_fsm.adapters.policies import load_policy_files  # noqa: PLC0415 - as above

    return load_policy_files(_listed(paths))


def _listed(paths: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def _source(policies: Policies) -> PolicySource | None:
    """How to read them again; None where they are not from files."""
    return None if policies is None or isinstance(policies, PolicySet) else partial(load_policies, _listed(policies))


def _interval(reload: Reload, *, files: bool) -> float | None:
    """Seconds between two looks; None: nobody looks."""
    if reload in {"auto", "off"}:
        return RELOAD_S if reload == "auto" and files else None
    if isinstance(reload, bool | str) or not (math.isfinite(reload) and reload >= 0):
        msg = f"reload is {reload!r}"
        raise SettingsError(msg, help="it is auto, off, or a number of seconds")
    if not files:
        msg = "reload names a time, but the policies are not from files"
        raise SettingsError(msg, help="give policies='policies/', or leave reload out")
    return float(reload)


def _routes(given: Mapping[str, Route] | None) -> dict[str, Route]:
    """SettingsError for a name that no policy can use, and for what is no route."""
    for name, route in (given or {}).items():
        if not isinstance(name, str) or not _ROUTE.fullmatch(name):
            msg = f"{name!r} cannot be the name of a route"
            raise SettingsError(msg, help="at most 64 letters, digits, `.`, `_` and `-`, as policies write it")
        if not callable(getattr(route, "hand_over", None)):
            msg = f"route {name}: {type(route).__name__} is no route"
            raise SettingsError(msg, help="give a Webhook, a Command or an MCP of hitl_fsm.routes; Manual is nothing")
    return {name: route for name, route in (given or {}).items() if not isinstance(route, Manual)}


def _people(actors: Actors, reload_s: float | None, log: Log) -> People | None:
    """Who is who, where `actors` says so in full."""
    return people_source(actors, reload_s, log) if isinstance(actors, str | Path | Directory) else None


def _lookup(actors: Actors, people: People | None, clock: Clock) -> ActorLookup:
    if people is not None:
        return people_lookup(people, clock)
    return actor_lookup(None if isinstance(actors, str | Path | Directory) else actors)


def _person(people: People | None) -> Callable[[str], str]:
    """Whose an id is; without a directory it stands for itself."""
    return (lambda name: name) if people is None else lambda name: people().person(name)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


class Engine(_Engine):
    """The engine, from settings.

    `policies`: a folder or files (or a PolicySet). `store`: `sqlite:///hitl.db` (add `?synchronous=normal` to trade
    the last moments before a power loss for speed) or a Store; without it the settings decide. `default`: the verdict
    on a tool that no policy covers, `deny` or `confirm`. `actors`: a mapping of names to roles, a lookup, or who is
    who: a roles file, a folder of them, a `Directory`. Roles files beside the policies count only if named here.
    `reload`: changed policy files, and roles files, are taken over while it runs. `auto` looks every 2 s at most, a
    number of seconds says how often, `off` leaves policies to `reload_policies`, and roles as they are. `routes`: what
    carries external calls out, by the names that policies use (`hitl_fsm.routes`); a call to a route that is not among
    them waits for whoever reports its result. `channels`: where people and machines are told (`hitl_fsm.notify`).
    `open_per_agent`: how many questions the runs of one agent may have open; what goes beyond is denied.
    """

    def __init__(  # noqa: PLR0913 - the public door: keywords that users know, all with defaults
        self,
        policies: Policies = None,
        store: str | Store | None = None,
        *,
        default: Default = "deny",
        actors: Actors = None,
        models: ModelSource | None = None,
        clock: Clock | None = None,
        reload: Reload = "auto",
        routes: Mapping[str, Route] | None = None,
        channels: Sequence[Notifier] = (),
        open_per_agent: int = OPEN_PER_AGENT,
    ) -> None:
        if default not in {"deny", "confirm"}:
            msg = f"default is {default!r}"
            raise SettingsError(msg, help="it is deny or confirm")
        if not isinstance(open_per_agent, int) or isinstance(open_per_agent, bool) or open_per_agent < 1:
            msg = f"open_per_agent is {open_per_agent!r}"
            raise SettingsError(msg, help="it is a number of questions, 1 or more")
        source = _source(policies)
        reload_s = _interval(reload, files=source is not None or isinstance(actors, str | Path))
        loaded = load_policies(policies)
        found = settings()
        log, clock = operational_log(found.log), clock or SystemClock()
        people = _people(actors, reload_s, log)
        if store is None:
            store = found.store
        super().__init__(
            Parts(
                store=open_store(store, loop_is_private) if isinstance(store, str) else store,
                policies=loaded,
                models=models or model_source,
                worker=new_owner(),
                actors=_lookup(actors, people, clock),
                clock=clock,
                default=default,
                log=log,
                may_be_alive=may_be_alive,
                person=_person(people),
                people=people,
                source=source,
                reload_s=reload_s,
                open_times=open_times,
                routes=_routes(routes),
                channels=checked_channels(channels),
                crowd=Crowd(open_per_agent),
                base_url=found.base_url,
            )
        )

    def close(self) -> None:
        """Give the store back. Paused runs need nothing open."""
        run_sync(self.store.close())


class Workflow(_Workflow):
    """`steps` are nodes (`Step`, `Steps`, `Parallel`, `Condition`, `Loop`, `Router`); an Agent, a Team, another
    Workflow or a function among them is a step named after itself. The output is that of the last one.

    Which steps need a person stands in the engine's policies (`steps: [payout]`), not here. WorkflowError for a tree
    that cannot be run: a name that stands twice, a node without steps, an agent of another engine.
    """

    @classmethod
    def load(cls, path: str | Path, *, engine: _Engine) -> Workflow:
        """The workflow in a `*.workflow.yaml`, with what its import paths lead to.

        WorkflowError, with every finding at its place, where the file cannot be used; what the imported modules raise
        comes through.
        """
        from hitl_fsm.adapters.workflow_files import read_workflow_file, resolve  # noqa: PLC0415 - with pydantic
        from hitl_fsm.runtime.workflow.written import nodes_of  # noqa: PLC0415 - as above

        document = read_workflow_file(path)
        return cls(document.name, nodes_of(document.steps, resolve), engine=engine)
