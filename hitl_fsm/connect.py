"""The composition root: settings -> adapters -> Engine. The only place where ports meet their adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hitl_fsm.adapters.log import operational_log
from hitl_fsm.adapters.models import model_source
from hitl_fsm.adapters.settings import Settings, settings
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.owner import may_be_alive, new_owner
from hitl_fsm.errors import SettingsError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.ports import Clock, ModelSource, Store
from hitl_fsm.runtime.engine import Engine as _Engine
from hitl_fsm.runtime.loop import loop_is_private, run_sync
from hitl_fsm.runtime.parts import ActorLookup, Default, Parts, SystemClock, actor_lookup

__all__ = ["Engine", "Settings", "load_policies", "settings"]


def load_policies(paths: str | Path | Sequence[str | Path] | PolicySet | None) -> PolicySet:
    """Policy files from disk; PolicyError with every finding if any of them is wrong. None: no policies at all."""
    if isinstance(paths, PolicySet):
        return paths
    if paths is None:
        from hitl_fsm.policy.load import load  # noqa: PLC0415 - with pydantic: not for who only answers

        return load({}, _no_file)
    from hitl_fsm.adapters.policies import load_policy_files  # noqa: PLC0415 - as above

    several = [paths] if isinstance(paths, str | Path) else list(paths)
    return load_policy_files([str(path) for path in several])


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


class Engine(_Engine):
    """The engine, from settings.

    `policies`: a folder or files (or a PolicySet). `store`: `sqlite:///hitl.db` (add `?synchronous=normal` to trade
    the last moments before a power loss for speed) or a Store; without it the settings decide. `default`: the verdict
    on a tool that no policy covers, `deny` or `confirm`. `actors`: a mapping of names to roles, or a lookup.
    """

    def __init__(
        self,
        policies: str | Path | Sequence[str | Path] | PolicySet | None = None,
        store: str | Store | None = None,
        *,
        default: Default = "deny",
        actors: ActorLookup | Mapping[str, Sequence[str]] | None = None,
        models: ModelSource | None = None,
        clock: Clock | None = None,
    ) -> None:
        if default not in {"deny", "confirm"}:
            msg = f"default is {default!r}"
            raise SettingsError(msg, help="it is deny or confirm")
        loaded = load_policies(policies)
        found = settings()
        if store is None:
            store = found.store
        super().__init__(
            Parts(
                store=open_store(store, loop_is_private) if isinstance(store, str) else store,
                policies=loaded,
                models=models or model_source,
                worker=new_owner(),
                actors=actor_lookup(actors),
                clock=clock or SystemClock(),
                default=default,
                log=operational_log(found.log),
                may_be_alive=may_be_alive,
            )
        )

    def close(self) -> None:
        """Give the store back. Paused runs need nothing open."""
        run_sync(self.store.close())
