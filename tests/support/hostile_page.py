"""Writes docs/studies/hostile-input.md: `python -m tests.support.hostile_page --out docs/studies/hostile-input.md`."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.bundle.archive import unpack
from edge.bundle.open import open_bundle
from edge.errors import BundleError
from export.studies.template import fill, row, table, wrapped
from tests.edge.bundle.test_hostile_archives import naively_extracted
from tests.edge.bundle.test_mutated_bundles import ARCHIVES as DAMAGED_ARCHIVES
from tests.edge.bundle.test_mutated_bundles import FOLDERS as DAMAGED_FOLDERS
from tests.edge.bundle.test_mutated_bundles import MODELS as DAMAGED_MODELS
from tests.edge.bundle.test_mutated_bundles import damaged_models
from tests.edge.bundle.test_open_bundle import at_least_three
from tests.fuzz.test_parsers import DAMAGES
from tests.support.hostile_archives import ARCHIVES, WRITES_OUTSIDE
from tests.support.hostile_bundles import ON_DISK, SIGNED
from tests.support.mutations import mutated
from tests.support.parsers import parsers
from tests.support.tiny_bundle import TRUSTED, archive_parts, as_json, everything_below, manifest_of, sound_files, write


@dataclass
class Tally:
    """How many of one kind were refused, and the longest time in seconds."""

    kind: str
    count: int = 0
    refused: int = 0
    longest_s: float = 0.0

    def add(self, call: Callable[[], object], errors: tuple[type[Exception], ...]) -> None:
        started = time.process_time()
        try:
            call()
        except errors:
            self.refused += 1
        self.longest_s = max(self.longest_s, time.process_time() - started)
        self.count += 1

    @property
    def cells(self) -> Sequence[str]:
        return (self.kind, f"{self.count:,}", f"{self.refused:,}", f"{self.count - self.refused:,}", f"{self.longest_s * 1e3:.1f}")


def hostile_archives(work: Path) -> Tally:
    tally = Tally("hostile archives")
    for hostile in ARCHIVES:
        hostile.write(work / "b.kbundle", work / "outside.txt")
        there = everything_below(work)
        tally.add(lambda: unpack(work / "b.kbundle", work / "new", trusted=TRUSTED), (BundleError,))
        if everything_below(work) != there:
            raise AssertionError(hostile.name)
    return tally


def hostile_folders(work: Path) -> tuple[Tally, Tally]:
    signed, on_disk = Tally("bundles that a trusted builder signed, and must not be used"), Tally("bundles that were changed on disk")
    for number, (_, change_files, change_manifest, _) in enumerate(SIGNED):
        files, folder = sound_files(), work / f"signed-{number}"
        change_files(files)
        manifest = manifest_of(files)
        change_manifest(manifest)
        write(folder, files, as_json(manifest))
        signed.add(lambda folder=folder: open_bundle(folder, trusted=TRUSTED, require=at_least_three), (BundleError,))  # type: ignore[misc]
    for number, (_, change, _) in enumerate(ON_DISK):
        folder = work / f"disk-{number}" / "b"
        write(folder, sound_files(), as_json(manifest_of(sound_files())))
        change(folder)
        on_disk.add(lambda folder=folder: open_bundle(folder, trusted=TRUSTED), (BundleError,))  # type: ignore[misc]
    return signed, on_disk


def damaged(work: Path) -> tuple[Tally, Tally, Tally]:
    archives, folders, models = (Tally(f"damaged {kind}") for kind in ("archives", "folders", "models in signed bundles"))
    raw = b"".join(archive_parts(sound_files(), as_json(manifest_of(sound_files()))))
    for seed in range(DAMAGED_ARCHIVES):
        (work / "d.kbundle").write_bytes(mutated(raw, random.Random(seed)))
        archives.add(lambda: unpack(work / "d.kbundle", work / "new", trusted=TRUSTED), (BundleError,))
    folder = work / "folder"
    write(folder, sound_files(), as_json(manifest_of(sound_files())))
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for seed in range(DAMAGED_FOLDERS):
        rng = random.Random(seed)
        path = rng.choice(paths)
        sound = path.read_bytes()
        path.write_bytes(mutated(sound, rng))
        folders.add(lambda: open_bundle(folder, trusted=TRUSTED), (BundleError,))
        path.write_bytes(sound)
    write(work / "models", sound_files(), b"")
    for seed in range(DAMAGED_MODELS):
        changed = damaged_models(seed)
        write(work / "models", changed, as_json(manifest_of(sound_files() | changed)))
        models.add(lambda: open_bundle(work / "models", trusted=TRUSTED), (BundleError,))
    return archives, folders, models


def control(work: Path) -> int:
    taken = 0
    for number, hostile in enumerate(ARCHIVES):
        inside = work / str(number) / "staging" / "new"
        inside.mkdir(parents=True)
        hostile.write(work / "b.kbundle", inside.parent / "outside.txt")
        taken += naively_extracted(work / "b.kbundle", inside)
    return taken


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.hostile_page", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.md")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="hostile-", dir="/dev/shm"))
    try:
        (work / "archives").mkdir()
        bundles = [hostile_archives(work / "archives"), *hostile_folders(work), *damaged(work)]
        tallies = []
        for one in parsers(work):
            tally = Tally(one.name)
            for number in range(DAMAGES):
                raw = mutated(one.seeds[number % len(one.seeds)], random.Random(number))
                tally.add(lambda raw=raw, one=one: one.parse(raw, work), one.errors)  # type: ignore[misc]
            tallies.append(tally)
        taken = control(work / "control")
    finally:
        shutil.rmtree(work)
    head = ("kind", "count", "refused", "taken", "longest, ms")
    page = fill(
        Path(__file__).with_suffix(".md"),
        command=f"{parser.prog} --out {options.out}",
        date=f"{datetime.now(timezone.utc):%Y-%m-%d}",
        seconds=f"{time.process_time():.0f}",
        bundles=table(head, [row(*tally.cells) for tally in bundles]),
        parsers=table(("parser", *head[1:]), [row(*tally.cells) for tally in tallies]),
        archives=len(ARCHIVES),
        control_taken=taken,
        control_outside=len(WRITES_OUTSIDE),
        outside_names=wrapped(", ".join(hostile.name for hostile in ARCHIVES if hostile.name in WRITES_OUTSIDE) + "."),
    )
    options.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
