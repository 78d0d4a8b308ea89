"""`--store` and the application must mean the same store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.target import Loaded


def refuse_other_store(loaded: Loaded, url: str) -> None:
    """SettingsError when the application's engine keeps its runs elsewhere than in `url`."""
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - an application is loaded, so this is too

    used = run_sync(loaded.engine.store.info()).url
    if _place(used) != _place(url):
        msg = f"the application keeps its runs in {used}, not in {url}"
        raise SettingsError(msg, help="leave out --store, or build its Engine without store=… so that --store decides")


def _place(url: str) -> str:
    from hitl_fsm.cli.store_file import shown, store_file  # noqa: PLC0415 - as above

    path = store_file(url)
    return shown(url) if path is None else str(path.resolve())
