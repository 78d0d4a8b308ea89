"""Protobuf's wire format, as far as a compiled condition needs it: fields by number, nothing of what they mean."""

from __future__ import annotations

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BITS = 70
_MORE = 128


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Each field's number and value: an int, or the bytes of what has a length or a fixed width.

    ValueError when the bytes are not of this format.
    """
    found: list[tuple[int, int | bytes]] = []
    position, size = 0, len(data)
    while position < size:
        tag = data[position]
        if tag < _MORE:
            position += 1
        else:
            tag, position = _varint(data, position)
        kind = tag & 7
        if kind in (VARINT, BYTES):
            # Nearly every number has one byte: no call for those.
            if position < size and data[position] < _MORE:
                value, position = data[position], position + 1
            else:
                value, position = _varint(data, position)
            if kind == VARINT:
                found.append((tag >> 3, value))
                continue
            end = position + value
        elif kind in (FIXED64, FIXED32):
            end = position + (8 if kind == FIXED64 else 4)
        else:
            msg = f"unknown wire type {kind}"
            raise ValueError(msg)
        if end > size:
            msg = "a field is longer than what there is"
            raise ValueError(msg)
        found.append((tag >> 3, data[position:end]))
        position = end
    return found


def signed(value: int) -> int:
    """A varint as an int64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    if position < len(data) and (byte := data[position]) < _MORE:
        return byte, position + 1
    value = shift = 0
    while position < len(data) and shift < _MAX_VARINT_BITS:
        byte = data[position]
        position += 1
        value |= (byte % _MORE) << shift
        if byte < _MORE:
            return value, position
        shift += 7
    msg = "a number does not end"
    raise ValueError(msg)
