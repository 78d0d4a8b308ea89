"""`audit keys`: who signs the record."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.adapters.keys import KeyFile
    from hitl_fsm.adapters.store.ledger import KeySource
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store


class What(StrEnum):
    """What is done with the keys."""

    LIST = "list"
    ROTATE = "rotate"


def keys(
    ctx: typer.Context,
    what: Annotated[What, typer.Argument(help="List the keys, or have another one sign from here on.")] = What.LIST,
    replace_lost: Annotated[
        bool,
        typer.Option("--replace-lost", help="The keys are gone for good: make new ones. The record tells of it."),
    ] = False,
    as_: As = None,
) -> None:
    """List the public keys that sign the record, oldest first, or have a new one sign from here on.

    Hand the text of a key to whoever verifies the record: what is printed is what `audit verify --key` takes.
    --replace-lost is refused while the keys are there; what the record kept of people under lost keys can be read by
    nobody any more.

    JSON: [{"key", "present"}].
    """
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    store = session.open_store()
    if replace_lost:
        _replace(session, store, as_)
    elif what is What.ROTATE:
        _rotate(session, store, as_)
    texts = _texts(store)
    if session.json:
        json_document([{"key": text, "present": text == texts[-1]} for text in texts])
        return
    for text in texts:
        line(visible(text))
    if len(texts) > 1:
        say(session, "the last one signs now; those before it signed what is older")


def _texts(store: Store) -> list[str]:
    """KeysError where there are none."""
    from hitl_fsm.audit.keys import Signer, verifier_of  # noqa: PLC0415 - with cryptography
    from hitl_fsm.errors import KeysError  # noqa: PLC0415 - as above

    found = _source(store)()
    if found is None:
        msg = "this store has no keys: its record is chained, and not signed"
        raise KeysError(msg, help="see docs/how-to/record-keys.md; a PostgreSQL store needs HITL_FSM_RECORD_KEYS")
    name = _origin(store)
    return [verifier_of(Signer(name, one.seed)).text for one in found.signers]


def _origin(store: Store) -> str:
    from hitl_fsm.adapters.keys import NAME  # noqa: PLC0415 - as above
    from hitl_fsm.audit.checkpoint import origin_of  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    first = run_sync(store.records(limit=1))
    return origin_of("default", bytes.fromhex(first[0].leaf)) if first else NAME


def _source(store: Store) -> KeySource:
    """The keys of this store and no other's, whoever named it: the options, the settings, or an application's code."""
    from hitl_fsm.adapters.keys import key_source  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    info = run_sync(store.info())
    return key_source(info.url, info.keys)


def _file(store: Store) -> KeyFile:
    from hitl_fsm.adapters.keys import KeyFile  # noqa: PLC0415 - as above
    from hitl_fsm.errors import KeysError  # noqa: PLC0415 - as above

    source = _source(store)
    if not isinstance(source, KeyFile):
        msg = "no file has the keys of this store"
        raise KeysError(msg, help="name one: HITL_FSM_RECORD_KEYS=/path/of/its/keys")
    return source


def _rotate(session: Session, store: Store, as_: str | None) -> None:
    """The file first: whoever writes next finds the new key, and brings the change to the record, if this ends here."""
    from hitl_fsm.adapters.keys import new_signer  # noqa: PLC0415 - as above
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    by = typist(session, as_)
    run_sync(store.sign(by))  # the key that is to be replaced is the one of the record
    _file(store).add(new_signer())
    run_sync(store.sign(by))


def _replace(session: Session, store: Store, as_: str | None) -> None:
    from hitl_fsm.audit.checkpoint import read_note  # noqa: PLC0415 - as above
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as above
    from hitl_fsm.errors import KeysError  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    by, file = typist(session, as_), _file(store)
    newest = run_sync(store.newest_checkpoint())
    if newest is None:
        msg = "the record of this store was never signed: no keys of it can be lost"
        raise KeysError(msg, help="nothing was done")
    names = tuple(f"{one.name}+{one.key_id.hex()}" for one in read_note(newest.note).signatures)
    if _signs(file, _origin(store), names):
        msg = "the keys of this store are there"
        raise KeysError(msg, help="nothing was done; `hitl-fsm audit keys rotate` has another one sign")
    file.set_aside(names)
    run_sync(store.sign(by))


def _signs(file: KeyFile, origin: str, names: tuple[str, ...]) -> bool:
    """Whether one of the file's keys is among those that signed the newest checkpoint, or replaces them already."""
    from hitl_fsm.audit.keys import Signer, verifier_of  # noqa: PLC0415 - with cryptography

    found = file()
    if found is None:
        return False
    ours = {f"{origin}+{verifier_of(Signer(origin, one.seed)).key_id.hex()}" for one in found.signers}
    return not ours.isdisjoint(names) or not set(found.lost).isdisjoint(names)
