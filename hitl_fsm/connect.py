"""The composition root: settings -> adapters -> Engine. The only place where ports meet their adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from hitl_fsm.adapters.anchors.kinds import anchors_of
from hitl_fsm.adapters.calendars import open_times
from hitl_fsm.adapters.keys import key_source
from hitl_fsm.adapters.log import operational_log
from hitl_fsm.adapters.models import model_source
from hitl_fsm.adapters.people import people_source
from hitl_fsm.adapters.record_log import telling
from hitl_fsm.adapters.redaction import read_redactor
from hitl_fsm.adapters.routes.manual import Manual
from hitl_fsm.adapters.settings import Settings, settings, size_of
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.owner import may_be_alive, new_owner
from hitl_fsm.audit.questions.question import Answer, Put
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.age import age_ms
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.people import Directory
from hitl_fsm.ports import Clock, Log, ModelSource, Store
from hitl_fsm.ports_out import Notifier, Route, Sink, Telemetry
from hitl_fsm.runtime.engine import Engine as _Engine
from hitl_fsm.runtime.keywords import checked_keywords, checked_reload
from hitl_fsm.runtime.loop import loop_is_private, run_sync
from hitl_fsm.runtime.outgoing.copies import SINKS, Copies
from hitl_fsm.runtime.outgoing.named import checked
from hitl_fsm.runtime.outgoing.outbox import CHANNELS
from hitl_fsm.runtime.outgoing.traces import Traces
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
from hitl_fsm.runtime.people.crowd import OPEN_PER_AGENT, Crowd
from hitl_fsm.runtime.workflow.workflow import Workflow as _Workflow

if TYPE_CHECKING:
    from hitl_fsm.audit.redact import Redactor

__all__ = ["Engine", "Settings", "Workflow", "load_policies", "settings"]

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


def _retention(text: str) -> int | None:
    """In milliseconds; None where everything may be pruned."""
    age = age_ms(text) if text else None
    if text and age is None:
        msg = f"record_retention is {text!r}"
        raise SettingsError(msg, help="it is a number and a unit: 7y, 90d, 12h, 30m")
    return age


def _routes(given: Mapping[str, Route] | None) -> dict[str, Route]:
    """Without those of which nothing is carried out."""
    return {name: route for name, route in (given or {}).items() if not isinstance(route, Manual)}


def _opened(store: str | Store, record_keys: str, found: Settings) -> Store:
    """A store as it is, or the one of a URL."""
    if not isinstance(store, str):
        return store
    keys = key_source(store, record_keys or found.record_keys)
    return open_store(store, loop_is_private, keys, headroom=size_of(found.record_headroom))


def _sinks(setting: str) -> Sequence[Sink]:
    """Second copies that a setting names."""
    if not setting:
        return ()
    from hitl_fsm.adapters.sinks.kinds import sinks_of  # noqa: PLC0415 - with ssl: not for who has none

    return sinks_of(setting)


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


def _redacting(file: str) -> Callable[[str], str]:
    """What the record leaves out of its texts; its patterns are compiled for the first text, the file is read now."""
    if file:
        read_redactor(file)

    @cache
    def redactor() -> Redactor:
        return read_redactor(file)

    return lambda text: redactor().text(text)


def _traces(store: Store, given: Telemetry | None, setting: str, log: Log) -> Traces | None:
    """`otel` leaves it to the variables of OpenTelemetry's own SDK."""
    if given is None and setting:
        from hitl_fsm.adapters.telemetry import OpenTelemetry  # noqa: PLC0415 - only for who wants it

        given = OpenTelemetry("" if setting == "otel" else setting)
    return None if given is None else Traces(store, given, log)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


async def _ask(store: Store, put: Put) -> Answer:
    from hitl_fsm.adapters.questions.ask import ask  # noqa: PLC0415 - for reviewers

    return await ask(store, put)


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
    `sinks`: second copies of the record (`hitl_fsm.sinks`), beside those of the setting `record_sinks`; what people
    allow begins once its lines are there.
    `telemetry`: where traces of the runs go (`hitl_fsm.otel`), instead of what the setting of that name says.
    `open_per_agent`: how many questions the runs of one agent may have open; what goes beyond is denied.
    `record_keys`: the file of the keys that sign the record, where it is not beside a SQLite database.
    `record_anchors`: URLs where a worker keeps signed checkpoints of it, beside those of the setting of that name.
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
        sinks: Sequence[Sink] = (),
        telemetry: Telemetry | None = None,
        open_per_agent: int = OPEN_PER_AGENT,
        record_keys: str | Path = "",
        record_anchors: Sequence[str] = (),
    ) -> None:
        checked_keywords(locals())  # what was given, by the names above
        source = _source(policies)
        reload_s = checked_reload(reload, files=source is not None or isinstance(actors, str | Path))
        loaded = load_policies(policies)
        found = settings()
        retention_ms = _retention(found.record_retention)
        anchors = tuple(anchors_of(" ".join([*record_anchors, found.record_anchors])))
        told, copied = checked(channels, CHANNELS), checked([*sinks, *_sinks(found.record_sinks)], SINKS)
        log, clock = operational_log(found.log, _redacting(found.record_redact)), clock or SystemClock()
        people = _people(actors, reload_s, log)
        store = _opened(found.store if store is None else store, str(record_keys), found)
        traces = _traces(store, telemetry, found.telemetry, log)
        store.watch(telling(log, *(() if traces is None else (traces.soon,))))
        super().__init__(
            Parts(
                store=store,
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
                channels=told,
                crowd=Crowd(open_per_agent),
                base_url=found.base_url,
                retention_ms=retention_ms,
                copies=Copies(store, copied, clock, log) if copied else None,
                traces=traces,
                anchors=anchors,
                questions=_ask,
            )
        )

    def close(self) -> None:
        """Send the last traces and give the store back, also one that was given. Repeatable; a later use is an error.

        Paused runs need nothing open. `with Engine(…) as engine:` closes it at the end, `async with` too.
        """
        run_sync(self.aclose())

    async def aclose(self) -> None:
        """As `close`."""
        if self.parts.traces is not None:
            await self.parts.traces.last()
        await self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


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
