"""The keys of a record: who signs its checkpoints, and what the keys of people's contents are wrapped in. Pure.

Texts are those of signed notes (C2SP signed-note): a verifier is `<name>+<id, 8 hex digits>+<base64(0x01 ‖ key)>`, a
signer the same with its seed, after `PRIVATE+KEY+`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from hitl_fsm.errors import BadNote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_NAME = 200
MAX_KEY_TEXT = 512
KEPT_KEYS = 64  # that need not be derived again
ROTATION = b"hitl-fsm/key-rotation/v1\n"
"""Before what both keys sign when one takes over from the other."""

_PRIVATE = "PRIVATE+KEY+"
_PARTS = 3
_HELP = "it is `<name>+<8 hex digits>+<base64>`, as `hitl-fsm audit keys` prints it"


class Signer(NamedTuple):
    """An Ed25519 key under a name, as a signed note has it (C2SP signed-note): `seed` are its 32 secret bytes."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"


class Verifier(NamedTuple):
    """The public part of a signer."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell a key of this name from others; not more than a hint."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """As it is handed to others."""
        return _text(self, self.public)


class Keys(NamedTuple):
    """`signers`, the last of them the present one; `wrap` are the 32 bytes that wrap the keys of subjects.

    `lost` are keys (`<name>+<id>`) that signed for the store, are gone, and were replaced by its operator.
    """

    signers: tuple[Signer, ...]
    wrap: bytes
    lost: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Keys({self.signers!r})"


def verifier_of(signer: Signer) -> Verifier:
    """The public part."""
    return Verifier(signer.name, _public(signer.seed))


def signer_text(signer: Signer) -> str:
    """With its secret, to be kept."""
    return _PRIVATE + _text(verifier_of(signer), signer.seed)


def read_verifier(text: str) -> Verifier:
    """BadNote unless it is the text of a key whose id fits."""
    name, key_id, public = _parts(text, "a public key")
    found = Verifier(name, public)
    if found.key_id != key_id:
        _refuse("a public key", "its id is not that of the key")
    return found


def read_signer(text: str) -> Signer:
    """BadNote unless it is the text of a signer whose id fits. No message has the text in it."""
    if not text.startswith(_PRIVATE):
        _refuse("a private key", f"it does not begin with {_PRIVATE}")
    name, key_id, seed = _parts(text.removeprefix(_PRIVATE), "a private key")
    found = Signer(name, seed)
    if verifier_of(found).key_id != key_id:
        _refuse("a private key", "its id is not that of the key")
    return found


def rotation(old: Verifier, new: Verifier) -> bytes:
    """What both keys sign when `new` takes over from `old`."""
    return ROTATION + f"{old.text}\n{new.text}\n".encode()


def is_key_name(name: str) -> bool:
    """No spaces, no plus, no control characters."""
    return 0 < len(name) <= MAX_NAME and "+" not in name and name.isprintable() and not any(map(str.isspace, name))


def sign(seed: bytes, message: bytes) -> bytes:
    """An Ed25519 signature."""
    return _private(seed).sign(message)


def is_own(seed: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it is one of this key. Ed25519 signs the same message always alike (RFC 8032), and to sign costs half of
    what it costs to verify; what another library signed otherwise is verified.
    """
    return sign(seed, message) == signature or is_signed(_public(seed), message, signature)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it is one of this key."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - 20 ms, for who checks signatures only

    try:
        _verifying(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(KEPT_KEYS)
def _verifying(public: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(KEPT_KEYS)
def _private(seed: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    return Ed25519PrivateKey.from_private_bytes(seed)


@lru_cache(KEPT_KEYS)
def _public(seed: bytes) -> bytes:
    return _private(seed).public_key().public_bytes_raw()


def _text(key: Verifier, body: bytes) -> str:
    return f"{key.name}+{key.key_id.hex()}+{base64.b64encode(ED25519 + body).decode()}"


def _parts(text: str, what: str) -> tuple[str, bytes, bytes]:
    """Name, id and the 32 bytes of a key's text."""
    if len(text) > MAX_KEY_TEXT:
        _refuse(what, f"it has more than {MAX_KEY_TEXT} characters")
    parts = text.split("+", 2)
    if len(parts) != _PARTS or not is_key_name(parts[0]):
        _refuse(what, "it has no name, or not three parts")
    try:
        key_id = bytes.fromhex(parts[1])
        body = base64.b64decode(parts[2].encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        _refuse(what, "its id or its key cannot be read")
    if parts[1] != key_id.hex() or base64.b64encode(body).decode() != parts[2]:
        _refuse(what, "it is not written as keys are")
    if body[:1] != ED25519 or len(body) != 1 + KEY_BYTES:
        _refuse(what, "it is no Ed25519 key")
    return parts[0], key_id, body[1:]


def _refuse(what: str, why: str) -> NoReturn:
    msg = f"this is not the text of {what}: {why}"
    raise BadNote(msg, help=_HELP)
