#!/usr/bin/env python3
"""Verifies an export of the register of accesses (`varco audit export --format tiles`).

Written from the C2SP specifications alone (tlog-tiles, tlog-checkpoint, signed-note): every leaf is
hashed again from its entry, every tile compared, the root computed and the signature checked.

    python3 verify_tiles.py FOLDER [VKEY]

VKEY is the key of the log as told by other means; the file `vkey` is used when left out.
"""

import base64
import hashlib
import pathlib
import sys


WIDTH = 256


class Wrong(Exception):
    """What does not agree."""


def sha256(data):
    return hashlib.sha256(data).digest()


# Ed25519 (RFC 8032, section 5.1.7), plain arithmetic: one signature needs no speed.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * I % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise Wrong("a point of the signature is not on the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    left, right = times(s, BASE), add(point(r), times(k, point(key)))
    return s < L and all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def open_checkpoint(note, vkey):
    """The origin, the size and the root that a checkpoint signs."""
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key)
    if key[0] != 1 or sha256(name.encode() + b"\n" + key)[:4].hex() != key_id:
        raise Wrong("the key is not the one that its name says")
    text, _, lines = note.partition("\n\n")
    for line in lines.splitlines():
        dash, signer, value = line.split(" ")
        value = base64.b64decode(value)
        if (dash, signer, value[:4].hex()) == ("—", name, key_id):
            if not is_signed(key[1:], (text + "\n").encode(), value[4:]):
                raise Wrong("the signature of the checkpoint is not good")
            origin, size, root = text.split("\n")[:3]
            return origin, int(size), base64.b64decode(root)
    raise Wrong("the checkpoint is not signed with this key")


def tile_name(index, width):
    name = "%03d" % (index % 1000)
    while index := index // 1000:
        name = "x%03d/%s" % (index % 1000, name)
    return name if width == WIDTH else "%s.p/%d" % (name, width)


def tile_paths(kind, count):
    """The path of each tile that holds some of `count` hashes, with the first and its width."""
    for first in range(0, count, WIDTH):
        width = min(WIDTH, count - first)
        yield "tile/%s/%s" % (kind, tile_name(first // WIDTH, width)), first, width


def entries(bundle):
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        yield bundle[2 : 2 + size]
        bundle = bundle[2 + size :]


def tree(hashes):
    """The hash of a tree (RFC 6962, section 2.1)."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + tree(hashes[:left]) + tree(hashes[left:]))


def verify(folder, vkey):
    origin, size, root = open_checkpoint((folder / "checkpoint").read_text("utf-8"), vkey)
    leaves = []
    for path, first, width in tile_paths("entries", size):
        bundle = list(entries((folder / path).read_bytes()))
        if len(bundle) != width:
            raise Wrong("%s holds %d entries in place of %d" % (path, len(bundle), width))
        leaves += [sha256(b"\x00" + entry) for entry in bundle]
    level, number = leaves, 0
    while level:
        for path, first, width in tile_paths(number, len(level)):
            stored = (folder / path).read_bytes()
            for place, computed in enumerate(level[first : first + width], first):
                at = 32 * (place - first)
                if stored[at : at + 32] != computed:
                    raise Wrong("%s: index %d is not what its entry says" % (path, place))
        full = range(0, len(level) - WIDTH + 1, WIDTH)
        level, number = [tree(level[at : at + WIDTH]) for at in full], number + 1
    if tree(leaves) != root:
        raise Wrong("the root is not the one that was signed")
    return "verified: %d records of %s, root %s" % (size, origin, root.hex())


if __name__ == "__main__":
    try:
        where = pathlib.Path(sys.argv[1])
        print(verify(where, sys.argv[2] if len(sys.argv) > 2 else (where / "vkey").read_text()))
    except (Wrong, OSError, ValueError) as problem:
        sys.exit("not verified: %s" % problem)
