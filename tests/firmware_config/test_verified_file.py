from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_config.errors import ManifestError
from firmware_config.verified_file import VerifiedFile

SOUND, OTHER = b"sound" * 200_000, b"other" * 200_000


def listed(path: Path, content: bytes = SOUND) -> VerifiedFile:
    path.write_bytes(content)
    return VerifiedFile(path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(OTHER)


def renamed_over(path: Path) -> None:
    path.with_suffix(".new").write_bytes(OTHER)
    path.with_suffix(".new").replace(path)


SWAPS = pytest.mark.parametrize("swap", [overwritten, renamed_over])


@SWAPS
def test_a_private_copy_is_what_was_checked_whatever_happens_to_the_file(swap: Callable[[Path], None], tmp_path: Path) -> None:
    file = listed(tmp_path / "a.onnx")
    with file.private_copy() as copy:
        swap(file.path)
        assert copy.read_bytes() == SOUND


@SWAPS
@pytest.mark.parametrize("use", [VerifiedFile.read, VerifiedFile.check, lambda file: file.private_copy().__enter__()])
def test_a_file_that_was_swapped_is_refused(use: Callable[[VerifiedFile], object], swap: Callable[[Path], None], tmp_path: Path) -> None:
    file = listed(tmp_path / "a.onnx")
    swap(file.path)
    with pytest.raises(ManifestError, match=r"a\.onnx was changed"):
        use(file)


@contextmanager
def being_overwritten(path: Path) -> Iterator[threading.Event]:
    """Somebody who keeps the file open and writes other bytes into it, then the sound ones, again and again."""
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                for content in (OTHER, SOUND):
                    file.seek(0)
                    file.write(content)
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield wrote
    finally:
        stop.set()
        writer.join()


def test_while_somebody_writes_into_it_a_file_gives_the_listed_bytes_or_is_refused(tmp_path: Path) -> None:
    file = listed(tmp_path / "a.onnx")
    refused = 0
    with being_overwritten(file.path) as wrote:
        assert wrote.wait(30)
        for _ in range(100):
            try:
                with file.private_copy() as copy:
                    assert copy.read_bytes() == copy.read_bytes() == SOUND
                assert file.read() == SOUND
            except ManifestError:
                refused += 1
    assert refused


def test_nobody_can_change_a_private_copy(tmp_path: Path) -> None:
    with listed(tmp_path / "a.onnx").private_copy() as copy:
        with copy.open("r+b", buffering=0) as file:
            with pytest.raises(PermissionError):
                file.write(OTHER)
            for size in (1, len(SOUND) + 1):
                with pytest.raises(PermissionError):
                    file.truncate(size)
        assert copy.read_bytes() == SOUND


def test_a_private_copy_is_gone_afterwards_and_has_the_same_name_at_each_time(tmp_path: Path) -> None:
    file, before = listed(tmp_path / "a.onnx"), set(Path("/proc/self/fd").iterdir())
    names = []
    for _ in range(2):
        with file.private_copy() as copy:
            names.append(copy)
    assert names[0] == names[1]
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize("size", [0, 1, len(SOUND) - 1])
def test_another_size_is_refused_before_a_byte_is_read(size: int, tmp_path: Path) -> None:
    file = listed(tmp_path / "a.onnx")
    os.truncate(file.path, size)
    with pytest.raises(ManifestError, match=f"has {size} bytes, its manifest says {len(SOUND)}"):
        file.read()


def test_a_sparse_terabyte_is_refused_by_its_size(tmp_path: Path) -> None:
    file = listed(tmp_path / "a.onnx")
    os.truncate(file.path, 10**12)
    for use in (file.read, file.check, file.private_copy().__enter__):
        with pytest.raises(ManifestError, match="has 1000000000000 bytes"):
            use()


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    file = listed(tmp_path / "a.txt", b"")
    with file.private_copy() as copy:
        assert copy.read_bytes() == file.read() == b""


def test_a_larger_file_than_its_reader_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"a\.txt has more than 10 bytes"):
        listed(tmp_path / "a.txt").read(limit=10)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    file = listed(tmp_path / "a.txt")
    file.path.unlink()
    with pytest.raises(ManifestError, match="cannot be read"):
        file.read()
