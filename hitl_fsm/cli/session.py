"""What the global options and the settings say, worked out when a command asks for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from hitl_fsm.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from typing import TextIO

    from hitl_fsm.adapters.settings import Settings
    from hitl_fsm.cli.target import Loaded
    from hitl_fsm.ports import Store
    from hitl_fsm.runtime.engine import Engine

STORE_VARIABLE = "HITL_FSM_STORE"
APP_VARIABLE = "HITL_FSM_APP"
FORMATS = ("text", "json")


@dataclass(slots=True)
class Session:
    """One use of the program. The fields are the options as given; `None` means that the settings decide."""

    app: str | None = None
    store: str | None = None
    format: str | None = None
    no_color: bool = False
    quiet: int = 0
    verbose: int = 0
    _settings: Settings | None = None
    _engine: Engine | None = None
    _app_engine: bool = False

    @property
    def settings(self) -> Settings:
        """Environment and pyproject.toml, under the options."""
        if self._settings is None:
            from hitl_fsm.adapters.settings import settings  # noqa: PLC0415 - not for --help

            self._settings = settings()
        return self._settings

    @property
    def json(self) -> bool:
        """Whether data is to be printed as JSON."""
        chosen = self.format or self.settings.format
        if chosen not in FORMATS:
            msg = f"the format is {chosen!r}"
            raise SettingsError(msg, help=f"it is {' or '.join(FORMATS)}")
        return chosen == "json"

    @property
    def app_name(self) -> str | None:
        """`module:attribute` of the application, if one is named anywhere."""
        return self.app or self.settings.app

    @property
    def store_url(self) -> str:
        """The store's URL, when no application decides."""
        return self.store or self.settings.store

    def going_on(self, run_id: str) -> str:
        """The command that goes on with a run, with this one's options where the settings do not hold them."""
        return f"{self.program} runs continue {run_id}"

    @property
    def program(self) -> str:
        """How a printed command begins, so that it means the same application and store when it is typed."""
        app = f" --app {quote(self.app)}" if self.app and self.app != self.settings.app else ""
        store = f" --store {quote(self.store)}" if self.store and self.store != self.settings.store else ""
        return f"hitl-fsm{app}{store}"

    def bind_store(self) -> None:
        """Before an application is imported: one that leaves its store to the settings gets the one of `--store`."""
        if self.store:
            os.environ[STORE_VARIABLE] = self.store

    def open_store(self) -> Store:
        """The store to read from: that of the application, where `--app` or its variable names one. StoreError when
        there is none yet.

        An application that only pyproject.toml names is not imported for a look: its store is named there, too.
        """
        named = self.app or os.environ.get(APP_VARIABLE)
        if named:
            store = (self._engine if self._app_engine and self._engine else self.load(named).engine).store
            self.need_there(store)
            return store
        return self.stated_store()

    def need_there(self, store: Store) -> None:
        """StoreError for a store that is not there yet: reading anything but `info` would make it."""
        from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - with a store

        self._refuse_missing(run_sync(store.info()).url)

    def stated_store(self) -> Store:
        """The store that the options and settings name, whatever an application has. StoreError when there is none."""
        from hitl_fsm.adapters.store import open_store  # noqa: PLC0415 - not for --help

        self._refuse_missing(self.store_url)
        return open_store(self.store_url)

    def place(self) -> str:
        """Where the store is that `open_store` opens, without a password."""
        from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - with a store

        return run_sync(self.open_store().info()).url

    def _refuse_missing(self, url: str) -> None:
        """A look at a store must not make one, least of all in a place that was mistyped."""
        from hitl_fsm.cli.store_file import is_there, store_file  # noqa: PLC0415 - as above

        path = store_file(url)
        if path is not None and not is_there(path):
            msg = f"there is no store at {path}"
            raise StoreError(
                msg, help="the first run makes it; --store names another one (the application's own, if it has)"
            )

    def load(self, target: str) -> Loaded:
        """Import `module:attribute`; it must use the store of `--store`, where that is given."""
        from hitl_fsm.cli.target import load  # noqa: PLC0415 - not for --help

        self.bind_store()
        loaded = load(target)
        if self.store:
            from hitl_fsm.cli.same_store import refuse_other_store  # noqa: PLC0415 - as above

            refuse_other_store(loaded, self.store)
        self._engine, self._app_engine = loaded.engine, True
        return loaded

    def engine(self) -> Engine:
        """The application's engine; without an application one that knows the store and nothing else.

        The latter answers questions under the policies that the store keeps, and never activates any.
        """
        if self._engine is None:
            if self.app_name:
                return self.load(self.app_name).engine
            from hitl_fsm.connect import Engine  # noqa: PLC0415 - as above
            from hitl_fsm.policy.evaluate import PolicySet  # noqa: PLC0415 - as above

            self._refuse_missing(self.store_url)
            self._engine = Engine(policies=PolicySet((), "", "", ()), store=self.store_url)
        return self._engine

    @property
    def app_loaded(self) -> bool:
        """Whether there is an application, whose lookup knows people's roles."""
        return self._app_engine or bool(self.app_name)

    def store_path(self) -> str | None:
        """The file of the store in use; None in memory, or on a server."""
        from hitl_fsm.cli.store_file import store_file  # noqa: PLC0415 - as above

        url = self.store_url
        if self.app_loaded:
            from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

            url = run_sync(self.engine().store.info()).url
        path = store_file(url)
        return None if path is None else str(path)

    def need_app(self) -> Engine:
        """The application's engine, or an error that says how to name it."""
        if not self.app_loaded:
            msg = "this needs the application that knows the agent"
            raise SettingsError(msg, help="give --app module:engine, or set it in [tool.hitl-fsm] of pyproject.toml")
        return self.engine()

    def wants_color(self, stream: TextIO) -> bool:
        """Colour only on a terminal that wants it (https://no-color.org)."""
        if self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return stream.isatty()
