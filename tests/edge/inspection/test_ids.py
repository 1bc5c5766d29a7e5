from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inspection.ids import OrderedIds
from edge.spool.store import Spool
from tests.support.inspections import inspection

NOW_MS = 1_780_000_000_000
CLOCKS = st.lists(st.integers(0, (1 << 48) - 1) | st.integers(NOW_MS - 2, NOW_MS + 2), min_size=2, max_size=50)


def ids_by(clock: Sequence[int], *, after: str | None = None) -> list[str]:
    ticks = iter(clock)
    new_id = OrderedIds(after=after, now_ms=lambda: next(ticks))
    return [new_id() for _ in clock]


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_it() -> None:
    (made,) = ids_by([NOW_MS])

    assert made == uuid.UUID(made).hex
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
    assert int(made[:12], 16) == NOW_MS


@given(CLOCKS)
def test_ids_grow_whatever_the_clock_does(clock: list[int]) -> None:
    made = ids_by(clock)

    assert made == sorted(set(made))
    assert {uuid.UUID(one).version for one in made} == {7}


@given(CLOCKS, CLOCKS)
def test_ids_of_the_next_process_follow_the_last_one(before: list[int], clock: list[int]) -> None:
    last = ids_by(before)[-1]

    assert ids_by(clock, after=last)[0] > last


def test_ids_grow_through_the_end_of_a_millisecond() -> None:
    new_id = OrderedIds(now_ms=lambda: NOW_MS, random_bits=lambda bits: (1 << bits) - 1)
    made = [new_id() for _ in range(1000)]

    assert made == sorted(set(made))


@pytest.mark.parametrize("after", ["", "s1-7", uuid.uuid4().hex, "f" * 32, "0197f0aa-0000-7000-8000-000000000001"])
def test_an_id_of_another_kind_is_no_bound(after: str) -> None:
    assert ids_by([NOW_MS], after=after)[0].startswith(f"{NOW_MS:012x}7")


def test_threads_never_get_the_same_id() -> None:
    new_id, made = OrderedIds(now_ms=lambda: NOW_MS), []

    def work() -> None:
        mine = [new_id() for _ in range(500)]
        assert mine == sorted(mine)
        made.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 4 * 500


def test_after_a_restart_in_1970_the_ids_of_a_spool_still_follow_its_seq(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    made = []
    for clock in ([NOW_MS + 31_536_000_000, NOW_MS], [0, 1], [NOW_MS, 5]):
        with closing(Spool(path)) as spool:
            for one in ids_by(clock, after=spool.last_id()):
                committed = spool.commit(replace(inspection(1), id=one))
                made.append((committed.seq, committed.epoch, committed.id))
    assert [seq for seq, _, _ in made] == [1, 2, 3, 4, 5, 6]
    assert len({epoch for _, epoch, _ in made}) == 1
    assert [one for _, _, one in made] == sorted({one for _, _, one in made})


def test_ids_of_an_earlier_version_in_the_spool_are_no_bound(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.sqlite")) as spool:
        spool.commit(replace(inspection(1), id="f3b7e5a4c1d24e0f8a9b0c1d2e3f4a5b"))
        assert spool.last_id() is None
        (made,) = ids_by([NOW_MS])
        spool.commit(replace(inspection(2), id=made))
        assert spool.last_id() == made


def test_a_spool_that_made_room_still_knows_its_last_id(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.sqlite", max_bytes=200_000, ballast_bytes=100_000)) as spool:
        new_id = OrderedIds()
        for _ in range(150):
            last = spool.commit(replace(inspection(1, detail="x" * 5_000), id=new_id())).id
        assert spool.status().rows < 150
        assert spool.last_id() == last
