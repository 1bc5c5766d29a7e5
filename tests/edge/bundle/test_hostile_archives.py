"""Archives that were made to harm: ours refuses each and leaves nothing, the standard library takes most of them."""

from __future__ import annotations

import contextlib
import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from edge.bundle.archive import unpack
from edge.errors import BundleError
from tests.support.hostile_archives import ARCHIVES, WRITES_OUTSIDE, Hostile
from tests.support.tiny_bundle import TRUSTED, everything_below, is_one_sentence

LONGEST_S = 2.0


def test_there_are_at_least_sixty() -> None:
    assert len({hostile.name for hostile in ARCHIVES}) == len(ARCHIVES) >= 60


@pytest.mark.parametrize("hostile", ARCHIVES, ids=lambda hostile: hostile.name)
def test_a_hostile_archive_is_refused_and_leaves_nothing(hostile: Hostile, tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    hostile.write(tmp_path / "b.kbundle", tmp_path / "outside.txt")
    there = everything_below(tmp_path)
    started = time.process_time()

    with pytest.raises(BundleError, match=hostile.refusal) as refused:
        unpack(tmp_path / "b.kbundle", tmp_path / "staging" / "new", trusted=TRUSTED)

    assert time.process_time() - started < LONGEST_S
    assert is_one_sentence(str(refused.value))
    assert everything_below(tmp_path) == there


def naively_extracted(archive: Path, into: Path) -> bool:
    """What the standard library does with an archive that it is told to trust; returns whether it did not complain."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(into)  # noqa: S202 -- the control: what ours must not do
        else:
            trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
            with tarfile.open(archive) as tar:
                tar.extractall(into, **trusting)  # type: ignore[arg-type]  # noqa: S202 -- the control
    except (tarfile.TarError, OSError, ValueError, EOFError, KeyError):
        return False
    return True


def seen_from_outside(folder: Path, inside: Path) -> dict[str, object]:
    rest = {path: facts for path, facts in everything_below(folder).items() if not (folder / path).is_relative_to(inside)}
    return rest | {"mode of the folder": os.stat(inside.parent).st_mode}  # noqa: PTH116 -- as the tar sets it


@pytest.mark.parametrize("hostile", ARCHIVES, ids=lambda hostile: hostile.name)
def test_the_control_writes_outside_where_ours_refuses(hostile: Hostile, tmp_path: Path) -> None:
    inside = tmp_path / "staging" / "new"
    inside.mkdir(parents=True)
    hostile.write(tmp_path / "b.kbundle", tmp_path / "staging" / "outside.txt")
    there = seen_from_outside(tmp_path, inside)
    with contextlib.suppress(RuntimeError):
        naively_extracted(tmp_path / "b.kbundle", inside)
    assert (seen_from_outside(tmp_path, inside) != there) == (hostile.name in WRITES_OUTSIDE)


def test_the_control_takes_most_of_them(tmp_path: Path) -> None:
    taken = []
    for number, hostile in enumerate(ARCHIVES):
        inside = tmp_path / str(number) / "staging" / "new"
        inside.mkdir(parents=True)
        hostile.write(tmp_path / "b.kbundle", inside.parent / "outside.txt")
        if naively_extracted(tmp_path / "b.kbundle", inside):
            taken.append(hostile.name)
    assert len(taken) > len(ARCHIVES) / 2
