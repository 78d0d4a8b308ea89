"""The composition root: settings -> adapters -> Engine. The only place where ports meet their adapters."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_fsm.adapters.models import model_source
from hitl_fsm.adapters.policy_files import read_policies
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import SettingsError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.ports import Clock, ModelSource, Store
from hitl_fsm.runtime.engine import Engine as _Engine
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.parts import ActorLookup, Default, Parts, SystemClock, actor_lookup

DEFAULT_STORE = "sqlite:///hitl.db"
ENV_PREFIX = "HITL_FSM_"
SETTINGS_BYTES = 1024 * 1024
"""A pyproject.toml larger than this is not read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`app` is `module:engine` (or an agent), `store` a URL, `format` what the command line prints."""

    app: str | None = None
    store: str = DEFAULT_STORE
    format: str = "text"


def settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """From `HITL_FSM_APP`, `_STORE`, `_FORMAT`; then from `[tool.hitl-fsm]` of the nearest pyproject.toml; then defaults."""
    environ = os.environ if environ is None else environ
    found = _from_pyproject(folder or Path.cwd())
    known = set(Settings.__dataclass_fields__)
    unknown = sorted(set(found) - known)
    if unknown:
        msg = f"[tool.hitl-fsm] has unknown settings: {', '.join(unknown)}"
        raise SettingsError(msg, help=f"known are {', '.join(sorted(known))}")
    values: dict[str, Any] = dict(found)
    for name in known:
        value = environ.get(ENV_PREFIX + name.upper())
        if value:
            values[name] = value
    for name, value in values.items():
        if not isinstance(value, str):
            msg = f"the setting {name} must be text, not {type(value).__name__}"
            raise SettingsError(msg)
    return Settings(**values)


def _from_pyproject(folder: Path) -> dict[str, Any]:
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            if file.stat().st_size > SETTINGS_BYTES:
                return {}
            try:
                table = tomllib.loads(file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                msg = f"{file}: {error}"
                raise SettingsError(msg, help="it is not valid TOML") from error
            found = table.get("tool", {}).get("hitl-fsm")
            return dict(found) if isinstance(found, dict) else {}
    return {}


def load_policies(paths: str | Path | Sequence[str | Path] | PolicySet | None) -> PolicySet:
    """Policy files from disk; PolicyError with every finding if any of them is wrong. None: no policies at all."""
    if isinstance(paths, PolicySet):
        return paths
    if paths is None:
        return load({}, _no_file)
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    files, read = read_policies([str(path) for path in several])
    return load(files, read)


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
        if store is None:
            store = settings().store
        super().__init__(
            Parts(
                store=open_store(store) if isinstance(store, str) else store,
                policies=loaded,
                models=models or model_source,
                actors=actor_lookup(actors),
                clock=clock or SystemClock(),
                default=default,
            )
        )

    def close(self) -> None:
        """Give the store back. Paused runs need nothing open."""
        run_sync(self.store.close())
