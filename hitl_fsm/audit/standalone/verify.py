#!/usr/bin/env python3
"""Check what was exported from a record of hitl-fsm. It needs Python 3.8 or later, and nothing else.

    python3 verify.py [FOLDER or PROOF.json] [--key FILE or TEXT] [--anchor FILE]

A folder has `lines.jsonl` (the exact lines), `checkpoint.txt` (the signed root of all lines), `key.txt` (whose signature
it is) and, where it is a selection, `proofs.json`; `anchor.txt`, if it is there, is a checkpoint that was kept elsewhere,
and `contents.jsonl` has values to which lines are committed.

What is checked: a line's leaf is SHA-256(0x00, line), and each line names the leaf of the line before it. Leaves are
those of a Merkle tree (RFC 6962), a checkpoint signs its root (C2SP tlog-checkpoint, Ed25519). A line of a selection
comes with the hashes that lead from its leaf to that root. A new key is introduced by a line that the old key signed.
A line's commitment to a value is SHA-256("hitl-fsm/commitment/v1", 0x00, its salt, its JSON).

Exit: 0 intact, 1 tampered (it says where), 2 incomplete (it says what is missing), 3 cannot check.
A key that came with the export shows that all of it is of one hand. Whose hand: compare the key with one that you were
given in another way, by --key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import sys

INTACT, TAMPERED, INCOMPLETE, CANNOT = 0, 1, 2, 3
WORDS = {INTACT: "intact", TAMPERED: "TAMPERED", INCOMPLETE: "INCOMPLETE", CANNOT: "CANNOT CHECK"}
MAX_LINE = 64 * 1024 * 1024  # bytes of one line
MAX_FILE = 1024 * 1024 * 1024  # bytes of a file that is read whole
MAX_TOLD = 100  # findings that are printed
MAX_PATH = 64  # hashes of one proof: enough for 2**64 lines
ZERO = "0" * 64
DOMAIN = b"hitl-fsm/key-rotation/v1\n"
COMMITMENT = b"hitl-fsm/commitment/v1\0"

# --- Ed25519 (RFC 8032, section 5.1): verification of one signature, in plain integers ---
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def added(one, other):
    """The sum of two points (x, y, z, t) with x = x/z, y = y/z, x*y = t/z."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor, point):
    """A point, so many times."""
    total = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = added(total, point)
        point, factor = added(point, point), factor >> 1
    return total


def point_of(y, sign):
    """The point with this y and this parity of x; None if there is none."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x % 2 != sign else x
    return x, y, 1, x * y % P


BASE = point_of(4 * pow(5, P - 2, P) % P, 0)


def ed25519_ok(public, message, signature):
    """Whether the 64 bytes of the signature are that of the message under the 32 bytes of the public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    number = int.from_bytes(public, "little")
    key = point_of(number & (2**255 - 1), number >> 255)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus = (P - key[0], key[1], 1, P - key[3])
    x, y, z, _ = added(times(s, BASE), times(h, minus))  # s*B - h*A must be the point that the signature names
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- The tree (RFC 6962, section 2.1) ---
def leaf_of(line):
    return hashlib.sha256(b"\x00" + line).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Grows leaf by leaf; keeps the roots of its complete subtrees, from the largest to the smallest."""

    def __init__(self):
        self.size, self.roots = 0, []

    def add(self, leaf):
        size = self.size
        while size & 1:  # two subtrees of one size become one
            leaf, size = node(self.roots.pop(), leaf), size >> 1
        self.roots.append(leaf)
        self.size += 1

    def root(self):
        if not self.roots:
            return hashlib.sha256(b"").digest()
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node(left, found)
        return found


def root_by(leaf, index, size, path):
    """The root to which a path leads from a leaf (RFC 9162, section 2.1.3.2); None if the path cannot be of this tree."""
    if not 0 <= index < size or len(path) > MAX_PATH:
        return None
    last = size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            leaf = node(sibling, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, sibling)
        index, last = index >> 1, last >> 1
    return leaf if last == 0 else None


# --- Keys and checkpoints (C2SP signed-note, tlog-checkpoint) ---
class Bad(Exception):
    """This cannot be read; the text says what and why."""


def unbase64(text, what):
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Bad("%s is not base64" % what) from None
    if base64.b64encode(found).decode() != (text if isinstance(text, str) else text.decode("ascii", "replace")):
        raise Bad("%s is not base64 as it is written" % what)
    return found


def key_id(name, key):
    return hashlib.sha256(name.encode("utf-8", "replace") + b"\n\x01" + key).digest()[:4]


def read_key(text):
    """The 32 bytes of a key that is written as `name+id+base64`."""
    name, _, rest = text.strip().partition("+")
    key_hex, _, coded = rest.partition("+")
    key = unbase64(coded, "the key")
    if len(key) != 33 or key[0] != 1 or key_hex != key_id(name, key[1:]).hex():
        raise Bad("this is not the text of a key: %.80r" % text)
    return key[1:]


class Note:
    """A signed checkpoint: which log, how many lines, the root of their tree, who signed that."""

    def __init__(self, data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("a checkpoint is not UTF-8") from None
        body, blank, signatures = text.rpartition("\n\n")
        rows = body.split("\n")
        if not blank or len(rows) < 3 or not rows[0] or not signatures.endswith("\n"):
            raise Bad("a checkpoint has an origin, a size, a root, an empty line and signatures; this does not")
        if not re.fullmatch("0|[1-9][0-9]{0,18}", rows[1]):
            raise Bad("the size of a checkpoint is not a number")
        self.origin, self.size, self.root = rows[0], int(rows[1]), unbase64(rows[2], "the root of a checkpoint")
        self.signed, self.signatures = (body + "\n").encode(), []
        for row in signatures[:-1].split("\n"):
            found = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", row)
            if not found:
                raise Bad("a signature of a checkpoint cannot be read")
            self.signatures.append((found.group(1), unbase64(found.group(2), "a signature")))

    def is_signed(self, keys):
        """Whether one of the keys signed it. Bad if a signature is said to be of one of them, and is not."""
        found = False
        for name, blob in self.signatures:
            for key in keys:
                if blob[:4] == key_id(name, key):
                    if not ed25519_ok(key, self.signed, blob[4:]):
                        raise Bad("a signature of key %s is not of what stands there" % key.hex())
                    found = True
        return found


# --- What is found ---
class Report:
    def __init__(self):
        self.tampered, self.missing, self.told = [], [], []

    def code(self):
        return TAMPERED if self.tampered else INCOMPLETE if self.missing else INTACT


def without_doubles(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def read_line(body):
    """The JSON object of a line; None if it is none, or has a member twice."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=without_doubles)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None


def follow(keys, known, line):
    """A line about keys. All that it names are known; whom a trusted key hands over to is trusted."""
    data = line.get("data")
    if line["event"] not in ("key_added", "key_rotated") or not isinstance(data, dict):
        return
    try:
        if line["event"] == "key_added":
            known.append(read_key(str(data["key"])))
            return
        old, new = read_key(str(data["old"])), read_key(str(data["new"]))
        signed = DOMAIN + str(data["old"]).encode() + b"\n" + str(data["new"]).encode() + b"\n"
        both = unbase64(str(data["old_signature"]), ""), unbase64(str(data["new_signature"]), "")
    except (KeyError, Bad):
        return
    if ed25519_ok(old, signed, both[0]) and ed25519_ok(new, signed, both[1]):
        known += [old, new]
        if old in keys and new not in keys:
            keys.append(new)


class Contents:
    """The rows of contents.jsonl, in the order of their lines; each is held against its line as that is read."""

    def __init__(self, path, report):
        self.rows = rows_of(path) if os.path.exists(path) else iter(())
        self.report, self.held = report, 0
        self.row = self.following()

    def following(self):
        """Number, and by name the exact JSON of a value and its salt; None at the end."""
        row = next(self.rows, None)
        try:
            return None if row is None else opened(row)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.report.tampered.append("a row of contents.jsonl cannot be read, after %d of them" % self.held)
            return None

    def hold(self, number, line):
        while self.row is not None and self.row[0] <= number:
            seq, values = self.row
            committed = line.get("contents") if line is not None and seq == number else None
            for name, (text, salt) in values.items():
                found = hashlib.sha256(COMMITMENT + salt + text).hexdigest()
                if not isinstance(committed, dict) or committed.get(name) != found:
                    self.report.tampered.append("%.80r is not what line %d is committed to" % (name, seq))
            self.held += 1
            self.row = self.following()

    def end(self):
        if self.row is not None:
            self.report.tampered.append("contents.jsonl has contents of line %d, which is not here" % self.row[0])
        if self.held:
            self.report.told.append("contents of %d lines are what these are committed to" % self.held)


def opened(row):
    """One row of contents.jsonl. The text of a value is hashed as it stands here."""
    text, decode, values = row.decode("utf-8"), json.JSONDecoder().raw_decode, {}
    if not text.startswith('{"contents":{'):
        raise ValueError
    at = len('{"contents":')
    while text[at] in "{,":
        name, start = decode(text, at + 1)
        _, at = decode(text, start + 1)
        if text[start] != ":" or name in values:
            raise ValueError
        values[name] = text[start + 1 : at].encode("utf-8")
    rest = json.loads("{" + text[at + 2 :], object_pairs_hook=without_doubles)
    if text[at : at + 2] != "}," or set(rest) != {"salts", "seq"} or type(rest["seq"]) is not int:
        raise ValueError
    return rest["seq"], {name: (body, bytes.fromhex(rest["salts"][name])) for name, body in values.items()}


def rows_of(path):
    with open(path, "rb") as file:
        row = file.readline(MAX_LINE + 1)
        while row:
            if len(row) > MAX_LINE:
                raise Bad("a line is longer than %d bytes" % MAX_LINE)
            yield row
            row = file.readline(MAX_LINE + 1)


def whole(path, notes, keys, known, contents, report):
    """Every line from the first on: the chain, the number of each, the root at the size of each checkpoint."""
    tree, wanted = Tree(), {note.size for note in notes}
    roots = {0: tree.root()}
    prev, first, dropped, covered = ZERO, "", [], []
    for number, row in enumerate(rows_of(path), 1):
        body = row[:-1]
        pruned = re.fullmatch(rb'\{"pruned":"([0-9a-f]{64})"\}', body)
        leaf = bytes.fromhex(pruned.group(1).decode()) if pruned else leaf_of(body)
        line = read_line(body) if row.endswith(b"\n") and not pruned else None
        if pruned and dropped and dropped[-1][1] == number - 1:
            dropped[-1][1] = number
        elif pruned:
            dropped.append([number, number])
        elif line is None:
            report.tampered.append("line %d is not a record" % number)
        elif not body.startswith(b'{"seq":%d,"prev":"%s",' % (number, prev.encode())):
            report.tampered.append("line %d does not follow the line before it" % number)
        elif line["event"] == "record_pruned" and isinstance(line.get("data"), dict):
            covered.append((line["data"].get("first"), line["data"].get("last"), number))
        else:
            follow(keys, known, line)
        contents.hold(number, line)
        tree.add(leaf)
        prev, first = leaf.hex(), first or leaf.hex()
        if number in wanted:
            roots[number] = tree.root()
    for start, end in dropped:
        if not any(isinstance(a, int) and isinstance(b, int) and a <= start and end <= b < at for a, b, at in covered):
            report.missing.append("lines %d to %d have no text, and no line says that they were pruned" % (start, end))
    report.told.append("%d lines, the last leaf is %s" % (tree.size, prev))
    return tree.size, roots, first


def against(note, what, lines, report):
    """A checkpoint against what was computed from the lines."""
    size, roots, first = lines
    if size and not note.origin.endswith("/" + first[:16]):
        report.tampered.append("%s is of another log (%.80r)" % (what, note.origin))
    elif note.size > size:
        report.tampered.append("%s covers %d lines, of which %d are here" % (what, note.size, size))
    elif roots.get(note.size) != note.root:
        report.tampered.append("the first %d lines are not those of %s" % (note.size, what))


def member(value, kind, what):
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Bad("%s is not as it must be" % what)
    return value


def included(proof, body, note, report):
    """One line of a selection: its number, and the path from its leaf to the signed root. Returns its index."""
    index = member(proof.get("index"), int, "the index of a proof")
    path = member(proof.get("path"), list, "the path of a proof")
    if not all(isinstance(one, str) and re.fullmatch("[0-9a-f]{64}", one) for one in path):
        raise Bad("the path of a proof is not of hashes")
    line = read_line(body)
    if line is None or type(line.get("seq")) is not int or not body.startswith(b'{"seq":%d,"prev":"' % (index + 1)):
        report.tampered.append("line %d is not a record of that number" % (index + 1))
    if root_by(leaf_of(body), index, note.size, [bytes.fromhex(one) for one in path]) != note.root:
        report.tampered.append("line %d is not among those that were signed" % (index + 1))
    return index


def selection(proofs, bodies, note, contents, report):
    """Some lines: each is among those that were signed, in their order."""
    listed = member(proofs.get("lines"), list, "the list of proofs")
    if len(listed) != len(bodies):
        report.tampered.append("there are %d lines and %d proofs" % (len(bodies), len(listed)))
    last, leaf = -1, ""
    for proof, body in zip(listed, bodies):
        index = included(member(proof, dict, "a proof"), body, note, report)
        contents.hold(index + 1, read_line(body))
        if index <= last:
            report.tampered.append("line %d stands twice, or out of its order" % (index + 1))
        if index == last + 1 and not body.startswith(b'{"seq":%d,"prev":"%s",' % (index + 1, (leaf or ZERO).encode())):
            report.tampered.append("line %d does not follow the line before it" % (index + 1))
        last, leaf = index, leaf_of(body).hex()
    report.told.append(
        "%d lines of %d; whether they are all that you asked for, no selection shows" % (len(bodies), note.size)
    )


def read(path):
    with open(path, "rb") as file:
        found = file.read(MAX_FILE + 1)
    if len(found) > MAX_FILE:
        raise Bad("%s is larger than %d bytes" % (path, MAX_FILE))
    return found


def parsed(data, what):
    try:
        return member(json.loads(data.decode("utf-8"), object_pairs_hook=without_doubles), dict, what)
    except (ValueError, RecursionError):
        raise Bad("%s is not JSON" % what) from None


def notes_of(data):
    """The checkpoints of a file, one after the other: each ends with the last of its signatures."""
    text, start, found = data.decode("utf-8", "replace"), 0, []
    for one in re.finditer("\n\n(?:\u2014 [^\n]*\n)+", text):
        told = text[start : one.start()].rpartition("\n\n")[2].lstrip("\n")
        start = one.end()
        found += [Note((told + one.group()).encode())] if told else []
    return found or ([Note(data)] if data else [])


def material(target):
    """What there is to check: checkpoint, key, anchor, proofs (None: the whole record), and the lines proved."""
    if not os.path.isdir(target):
        found = parsed(read(target), "the proof")
        listed = [member(one, dict, "a proof") for one in member(found.get("lines"), list, "the list of proofs")]
        bodies = [unbase64(str(one.get("line")), "a line") for one in listed]
        return [str(found.get(name)).encode("utf-8", "replace") for name in ("checkpoint", "key")] + [
            b"",
            found,
            bodies,
        ]
    names = ("checkpoint.txt", "key.txt", "anchor.txt", "proofs.json", "lines.jsonl")
    path = {name: os.path.join(target, name) for name in names}
    small = [read(path[name]) if os.path.exists(path[name]) else b"" for name in names[:4]]
    if not small[3]:
        return small[:3] + [None, None]
    bodies = read(path["lines.jsonl"]).split(b"\n")
    if bodies.pop():
        raise Bad("the last line is cut off")
    return small[:3] + [parsed(small[3], "proofs.json"), bodies]


def check(target, trusted, anchor, report):
    """Everything that stands at the head of this file."""
    note, own_key, own_anchor, proofs, bodies = material(target)
    note, anchors = Note(note), notes_of(anchor or own_anchor)
    contents = Contents(os.path.join(target, "contents.jsonl"), report)
    named = own_key if trusted is None else trusted
    texts = [one.strip() for one in named.decode("utf-8", "replace").split("\n") if one.strip()]
    keys = [read_key(one) for one in texts]
    known = []
    if not keys:
        raise Bad("there is no key")
    whose = "which you named" if trusted is not None else "which came with the export: compare it"
    report.told += ["key %s, %s" % (one, whose) for one in texts]  # as their owner prints them
    if proofs is None:
        lines = whole(os.path.join(target, "lines.jsonl"), [note] + anchors, keys, known, contents, report)
        against(note, "the checkpoint", lines, report)
        if note.size < lines[0]:
            report.missing.append("lines %d to %d are not covered by the checkpoint" % (note.size + 1, lines[0]))
    else:
        for one in member(proofs.get("keys", []), list, "the lines about keys"):
            body = unbase64(str(member(one, dict, "a proof").get("line")), "a line")
            included(one, body, note, report)
            follow(keys, known, read_line(body) or {"event": ""})
        selection(proofs, bodies, note, contents, report)
    contents.end()
    signed(note, "the checkpoint", keys, report)
    for one in anchors:
        signed(one, "the anchor", keys + known, report)  # what is believed of it is the place where it was kept
        if proofs is None:
            against(one, "the anchor", lines, report)
        elif one.origin != note.origin or (one.size == note.size and one.root != note.root):
            report.tampered.append("the anchor is not of this log")
        elif one.size != note.size:
            report.missing.append("the anchor is of %d lines, the checkpoint of %d" % (one.size, note.size))
    report.told.append("checkpoint: %s, %d lines, root %s" % (note.origin, note.size, note.root.hex()))


def signed(note, what, keys, report):
    try:
        if not note.is_signed(keys):
            report.tampered.append("%s is not signed by a key that is trusted" % what)
    except Bad as error:
        report.tampered.append("%s: %s" % (what, error))


def harmless(text):
    """In ASCII without control characters: what a forger wrote does not repaint the screen of who checks it."""
    return re.sub("[^ -~]", lambda found: ascii(found.group())[1:-1], text)


def main(words):
    report, options, targets = Report(), {"--key": None, "--anchor": None}, []
    try:
        words = list(words)
        while words:
            word = words.pop(0)
            if word in options and words:
                value = words.pop(0)
                options[word] = read(value) if word == "--anchor" or os.path.exists(value) else value.encode()
            elif word.startswith("-") or targets:
                sys.stdout.write(__doc__)
                return CANNOT
            else:
                targets.append(word)
        target = targets[0] if targets else os.path.dirname(os.path.abspath(__file__))
        check(target, options["--key"], options["--anchor"], report)
        code = report.code()
    except (Bad, OSError, MemoryError, ValueError, RecursionError) as error:
        report.missing.append("%s" % error)
        code = TAMPERED if report.tampered else CANNOT
    found = report.tampered + report.missing
    for one in found[:MAX_TOLD] + report.told:
        sys.stdout.write("%s\n" % harmless(one))
    sys.stdout.write("%s%s\n" % (WORDS[code], ": %d findings" % len(found) if found else ""))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
