"""Run by tests/edge/bundle/test_interrupted_unpack.py: an archive is unpacked again and again, and each time something goes wrong.

With a fault of tests/faults/call_index.py, which must be loaded, each disk call fails; with "kill" the child is killed at a moment of its
own. Afterwards what lies there is looked at on a good disk. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

from edge.bundle.archive import unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from firmware_config.errors import ManifestError, SignatureError
from tests.faults.call_index import armed
from tests.support.failing_calls import in_child
from tests.support.tiny_bundle import TRUSTED, archive_parts, as_json, manifest_of, sound_files

MORE = {"licences/MORE.txt": b"a long licence\n" * 65_536}
"""A megabyte more, so that a kill may come in the middle of a file."""


def look(into: Path, digest: str) -> str:
    """What lies there: nothing, the whole bundle, something that a box refuses, or a bundle that is another one."""
    if not into.exists():
        return "nothing"
    try:
        return "whole" if open_bundle(into, trusted=TRUSTED).digest == digest else "mixed"
    except (BundleError, ManifestError, SignatureError):
        return "refused"


def attempt(archive: Path, into: Path, fault: str, at: int | None, *, stays: bool) -> tuple[int, str]:
    """Unpack with the fault; returns the number of calls and whether the archive was taken."""
    said = "taken"
    with armed(archive.parent, fault, at=at, stays=stays) as counter:
        try:
            unpack(archive, into, trusted=TRUSTED)
        except BundleError:
            said = "refused"
    return counter.count, said


def killed(archive: Path, into: Path, after_s: float) -> str:
    """Unpack in a child that is killed after a while; returns whether it had told that the archive is taken."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            unpack(archive, into, trusted=TRUSTED)
            os.write(writing, b"taken")
        os._exit(0)
    os.close(writing)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reading, "rb") as pipe:  # noqa: PTH123 -- a descriptor
        return pipe.read().decode() or "killed"


def main(root: Path, fault: str, size: int, *, stays: bool) -> None:
    """Strike one of `size` calls, or kill `size` times."""
    files = sound_files() | MORE
    archive = root / "b.kbundle"
    archive.write_bytes(b"".join(archive_parts(files, as_json(manifest_of(files)))))
    began_s = time.perf_counter()
    digest = unpack(archive, root / "first", trusted=TRUSTED).digest
    took_s = time.perf_counter() - began_s
    seen: list[tuple[str, str]] = []

    def note(into: Path, said: str) -> None:
        seen.append((said, look(into, digest)))
        shutil.rmtree(into, ignore_errors=True)

    if fault == "kill":
        dice = random.Random(1)
        for number in range(size):
            note(root / f"k{number}", killed(archive, root / f"k{number}", dice.uniform(0, 1.5 * took_s)))
        calls = size
    else:
        calls, _ = in_child(partial(attempt, archive, root / "count", fault, None, stays=False))
        for at in range(0, calls, size):
            _, said = in_child(partial(attempt, archive, root / f"at{at}", fault, at, stays=stays))
            note(root / f"at{at}", said)
    counts = {f"{said}, {found}": seen.count((said, found)) for said, found in sorted(set(seen))}
    sys.stdout.write(json.dumps({"calls": calls, "tried": len(seen), "seen": counts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), stays=sys.argv[4] == "stays")
