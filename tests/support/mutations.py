"""Chance damage to the bytes of a file."""

from __future__ import annotations

import random

WIDTHS = (1, 1, 2, 8, 512)
FILLS = (b"\0", b"\xff", b"\x7f", b"\x80")


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """Other bytes: one to four places flipped, overwritten, cut out, doubled, filled or cut off."""
    out = bytearray(raw)
    while bytes(out) == raw:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            at, width = rng.randrange(len(out) + 1), rng.choice(WIDTHS)
            match rng.randrange(6):
                case 0:
                    out[at : at + 1] = bytes(byte ^ 1 << rng.randrange(8) for byte in out[at : at + 1])
                case 1:
                    out[at : at + width] = rng.randbytes(width)
                case 2:
                    del out[at : at + width]
                case 3:
                    out[at:at] = out[at : at + width]
                case 4:
                    out[at : at + width] = rng.choice(FILLS) * width
                case _:
                    del out[at:]
    return bytes(out)
