"""Child commands that speak the reader's protocol as a test wants it, without a camera."""

from __future__ import annotations

_PROLOGUE = """
import os, sys, time
from edge.cameras.reader import DAMAGED, DOUBTED, FRAME, HEADER, TROUBLE
sys.stdin.buffer.readline()
def say(raw):
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()
def frame(level):
    sys.stdin.buffer.read(1) or os._exit(0)
    say(HEADER.pack(FRAME, 4, 6, time.monotonic_ns(), 1, float('nan'), 72) + bytes([level]) * 72)
def hang():
    while True:
        time.sleep(60)
"""

FOREVER = "while True: frame(9)"
STALLS = "frame(1); frame(2); hang()"
ONE_THEN_DIES = "frame(7); os._exit(7)"
SILENT = "hang()"
DIES = "frame(1); os._exit(7)"
HALF = "sys.stdin.buffer.read(1); say(HEADER.pack(FRAME, 4, 6, 0, 1, float('nan'), 72) + bytes(10)); hang()"
TROUBLED = "sys.stdin.buffer.read(1); say(HEADER.pack(TROUBLE, 0, 0, 0, 1, float('nan'), 16) + b'cannot be opened'); hang()"
GARBAGE = "say(b'Traceback (most recent call last): no such camera ' * 50); hang()"
GIGANTIC = "say(HEADER.pack(FRAME, 60000, 60000, 0, 1, float('nan'), 2**32 - 1)); hang()"
MISSHAPEN = "say(HEADER.pack(FRAME, 5, 5, 0, 1, float('nan'), 72) + bytes(72)); hang()"
LONG_TROUBLE = "say(HEADER.pack(TROUBLE, 0, 0, 0, 1, float('nan'), 2**31)); hang()"


def damaged(text: str, kind: str = "DAMAGED") -> str:
    """A program whose pictures are all damaged, or all of a stream that is doubted."""
    count = len(text.encode())
    say = f"say(HEADER.pack({kind}, 0, 0, time.monotonic_ns(), 1, float('nan'), {count}) + {text!r}.encode())"
    return f"while True: sys.stdin.buffer.read(1) or os._exit(0); {say}"


def script(what: str) -> str:
    """A program for `python -c`."""
    return _PROLOGUE + what


def lives(path: str, *programs: str) -> str:
    """A program that does the first of `programs` when it is started for the first time, then the second ..., and the last ever after."""
    count = f"lives = os.path.getsize({path!r}) if os.path.exists({path!r}) else 0\nopen({path!r}, 'a').write('x')\n"
    *others, last = programs
    branches = "".join(f"if lives == {number}:\n    {program}\n" for number, program in enumerate(others))
    return f"{_PROLOGUE}\n{count}{branches}{last}"


def first_then(path: str, first: str, then: str) -> str:
    """A program that does `first` when it is started for the first time and `then` ever after; it remembers in the file `path`."""
    return f"{_PROLOGUE}\nif not os.path.exists({path!r}):\n    open({path!r}, 'w').close()\n    {first}\n{then}"
