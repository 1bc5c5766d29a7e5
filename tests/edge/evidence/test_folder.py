from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EvidenceError
from edge.evidence.folder import EvidenceFolder
from edge.records import Decision
from tests.support.kept_pictures import DAY_S, Clock, bytes_on_disk, digest, kept, noise, opened, png, put
from tests.support.repository import ROOT

OK, NG, REVIEW, FAULT = Decision.OK, Decision.NG, Decision.REVIEW, Decision.FAULT


def test_a_picture_is_a_png_of_exactly_its_pixels_named_by_their_digest(tmp_path: Path) -> None:
    path = put(opened(tmp_path / "evidence"), REVIEW, 1)

    assert path == f"review/{digest(noise(1))}.png"
    pixels = cv2.imread(str(tmp_path / "evidence" / path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == digest(noise(1))


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    path = put(opened(tmp_path / "evidence"), NG, 1)

    assert [(tmp_path / "evidence" / part).stat().st_mode & 0o777 for part in ("", "ng", path)] == [0o700, 0o700, 0o600]


@pytest.mark.long
def test_the_quota_is_held_within_one_percent_at_every_moment(tmp_path: Path) -> None:
    """Measured as `du` does, over restarts, with pictures of all decisions and of several sizes."""
    root, quota = tmp_path / "evidence", 5_000_000
    folder, full = opened(root, max_bytes=quota), False
    for number in range(1_500):
        put(folder, list(Decision)[number % 4], number, side=(20, 40, 60)[number % 3])
        assert folder.used_bytes <= quota
        full = full or folder.used_bytes > 0.99 * quota
        if full:
            assert folder.used_bytes > 0.99 * quota - 12_288  # the largest of them has just made room for a small one
        if number % 100 == 99:
            assert folder.used_bytes == bytes_on_disk(root)
            folder = opened(root, max_bytes=quota)
            assert folder.used_bytes == bytes_on_disk(root)
    assert full
    assert 0.99 * quota <= bytes_on_disk(root) <= quota


def test_pictures_that_were_ok_go_first_then_the_oldest_of_the_others(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    size = put_and_measure(root)
    folder = opened(root, max_bytes=4 * size)
    review, ok_1, ok_2, ng = put(folder, REVIEW, 1), put(folder, OK, 2), put(folder, OK, 3), put(folder, NG, 4)

    fault = put(folder, FAULT, 5)
    assert kept(root) == sorted([fault, ng, ok_2, review])
    other = put(folder, FAULT, 6)
    assert kept(root) == sorted([fault, other, ng, review])
    put(folder, NG, 7)
    assert review not in kept(root)
    assert ok_1 not in kept(root)


def put_and_measure(root: Path) -> int:
    folder = opened(root)
    (root / put(folder, OK, 1)).unlink()
    return folder.used_bytes


def test_the_oldest_is_known_again_after_a_restart_in_1970(tmp_path: Path) -> None:
    root, clock = tmp_path / "evidence", Clock()
    size = put_and_measure(root)
    paths = [put(opened(root, max_bytes=3 * size, clock=clock), NG, number) for number in range(4)]

    assert kept(root) == sorted(paths[1:])


def test_a_picture_that_comes_again_becomes_the_newest_and_is_counted_once(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    size = put_and_measure(root)
    folder = opened(root, max_bytes=2 * size)
    first, second = put(folder, NG, 1), put(folder, NG, 2)
    assert put(folder, NG, 1) == first

    third = put(folder, NG, 3)

    assert kept(root) == sorted([first, third])
    assert second not in kept(root)
    assert folder.used_bytes == bytes_on_disk(root)


def test_pictures_are_taken_away_after_their_days_of_running(tmp_path: Path) -> None:
    root, clock = tmp_path / "evidence", Clock()
    folder = opened(root, keep_s=2 * DAY_S, clock=clock)
    put(folder, NG, 1)
    put(folder, OK, 2)
    clock.now += 1.5 * DAY_S
    young = put(folder, REVIEW, 3)
    folder.prune()
    assert len(kept(root)) == 3

    clock.now += DAY_S
    folder.prune()

    assert kept(root) == [young]


def test_time_while_the_box_is_off_ages_nothing(tmp_path: Path) -> None:
    """The folder's clock goes on from its newest picture; the boot clock begins anew."""
    root, clock = tmp_path / "evidence", Clock()
    clock.now = 100 * DAY_S
    path = put(opened(root, clock=clock), NG, 1)

    for boot in (0.0, 5_000 * DAY_S):
        clock.now = boot
        opened(root, clock=clock).prune()
        assert kept(root) == [path]


def test_what_was_never_finished_is_swept_and_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    path = put(opened(root), NG, 1)
    (root / f"ng/.{'a' * 64}.png.new").write_bytes(b"half")
    (root / "ng/notes.txt").write_text("a person's")
    (root / f"ng/{'b' * 64}.png").symlink_to("/etc/passwd")

    folder = opened(root)

    assert folder.count == 1
    assert kept(root) == sorted([path, "ng/notes.txt", f"ng/{'b' * 64}.png"])


def test_a_picture_that_a_person_took_away_is_written_again(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    path = put(folder, NG, 1)
    (tmp_path / path).unlink()
    assert put(folder, NG, 1) == path
    assert (folder.used_bytes, kept(tmp_path)) == (bytes_on_disk(tmp_path), [path])


def test_looking_changes_nothing_beside_a_running_daemon(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    looking = EvidenceFolder(root, max_bytes=1, keep_s=0, reserve_bytes=0)
    assert looking.look() == (0, 0)
    assert not root.exists()
    folder = opened(root)
    put(folder, NG, 1)
    (root / "ng/.being-written.png.new").touch()
    before = kept(root)

    assert looking.look() == (1, folder.used_bytes)

    assert kept(root) == before
    with pytest.raises(EvidenceError, match="make room there"):
        EvidenceFolder(root, max_bytes=1, keep_s=0, reserve_bytes=1 << 60).look()
    with pytest.raises(EvidenceError, match="looking into it: No such file"):
        EvidenceFolder(tmp_path / "missing" / "evidence", max_bytes=1, keep_s=0).look()


def test_on_a_disk_that_is_nearly_full_ok_pictures_make_room_and_the_others_stay(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    ng, _ok = put(folder, NG, 1), put(folder, OK, 2)

    with pytest.raises(EvidenceError, match=r"takes no picture, fewer than .* MB are free on its disk: make room there"):
        opened(tmp_path, reserve_bytes=1 << 60)

    assert kept(tmp_path) == [ng]


def test_a_picture_larger_than_the_quota_is_refused_and_costs_no_other(tmp_path: Path) -> None:
    folder = opened(tmp_path, max_bytes=20_000)
    path = put(folder, NG, 1)
    with pytest.raises(EvidenceError, match="KOTOBA_EVIDENCE_MAX_BYTES is 20000: raise it"):
        put(folder, NG, 2, side=200)
    assert kept(tmp_path) == [path]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root, said in (
        (tmp_path / "missing" / "evidence", "No such file or directory"),
        (tmp_path / "file" / "evidence", "Not a directory"),
    ):
        with pytest.raises(
            EvidenceError, match=f"evidence folder {root}: opening it: {said}: look at the disk, or correct KOTOBA_EVIDENCE"
        ):
            opened(root)


@given(
    st.lists(st.tuples(st.sampled_from(list(Decision)), st.integers(0, 9), st.sampled_from([8, 40, 60])), max_size=40), st.integers(1, 12)
)
def test_any_order_of_pictures_and_restarts_holds_the_quota(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Decision, int, int]], blocks: int
) -> None:
    root, quota = tmp_path_factory.mktemp("evidence"), blocks * 16_384
    folder = opened(root, max_bytes=quota)
    for decision, number, side in steps:
        if number == 0:
            folder = opened(root, max_bytes=quota)
        path = put(folder, decision, number, side=side)
        assert (root / path).is_file()
        assert folder.used_bytes == bytes_on_disk(root) <= quota


WRITER = """
import sys
from pathlib import Path
from edge.records import Decision
from tests.support.kept_pictures import opened, put
folder = opened(Path(sys.argv[1]), max_bytes=2_000_000)
for number in range(100_000):
    put(folder, Decision.NG, number, side=100)
    print(number, flush=True)
"""


@pytest.mark.long
def test_killed_at_any_moment_there_is_no_half_picture_under_its_name(tmp_path: Path) -> None:
    for kills in range(1, 11):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(3 * kills):
                assert process.stdout.readline()
            process.kill()
    for name in kept(tmp_path):
        if name.endswith(".png"):
            pixels = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
            assert pixels is not None
            assert f"ng/{hashlib.sha256(pixels.tobytes()).hexdigest()}.png" == name
    assert opened(tmp_path, max_bytes=2_000_000).used_bytes == bytes_on_disk(tmp_path)
    assert all(not name.endswith(".new") for name in kept(tmp_path))


def test_the_real_umask_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = opened(tmp_path / "evidence")
        path = put(folder, NG, 1)
    finally:
        os.umask(before)
    assert (tmp_path / "evidence" / path).stat().st_mode & 0o777 == 0o600
    assert png(noise(1)) == (tmp_path / "evidence" / path).read_bytes()
