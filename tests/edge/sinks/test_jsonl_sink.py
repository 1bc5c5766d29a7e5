from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.daemon.dispatcher import MARK_ROWS
from edge.errors import DeliveryError
from edge.message import decode, encode
from edge.sinks.jsonl import JsonlSink
from firmware_config.outputs import JsonlOutput
from tests.support.inspections import FULL, inspection


@contextmanager
def opened(path: Path) -> Iterator[JsonlSink]:
    sink = JsonlSink(JsonlOutput(path=path))
    try:
        yield sink
    finally:
        sink.close()


@contextmanager
def disk_with_room_for(size_bytes: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_each_inspection_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    with opened(path) as sink:
        list(sink.deliver([FULL]))
        list(sink.deliver([inspection(2)]))
    assert path.read_bytes() == encode(FULL) + b"\n" + encode(inspection(2)) + b"\n"
    assert [decode(line) for line in path.read_bytes().splitlines()] == [FULL, inspection(2)]


def test_a_sink_opened_again_appends(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    for number in (1, 2):
        with opened(path) as sink:
            list(sink.deliver([inspection(number)]))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [inspection(1), inspection(2)]


@pytest.mark.parametrize("kept", [0, 1, 200])
def test_a_line_torn_by_a_power_cut_is_cut_off_at_the_next_start(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(encode(inspection(1)) + b"\n" + encode(inspection(2))[:kept])
    with opened(path) as sink:
        list(sink.deliver([inspection(2)]))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [inspection(1), inspection(2)]


def test_reaching_a_file_leaves_it_as_it_is(tmp_path: Path) -> None:
    sink = JsonlSink(JsonlOutput(path=tmp_path / "out.jsonl"))
    sink.reach()
    assert not (tmp_path / "out.jsonl").exists()
    (tmp_path / "out.jsonl").write_bytes(b'{"torn')
    sink.reach()
    assert (tmp_path / "out.jsonl").read_bytes() == b'{"torn'
    with pytest.raises(DeliveryError, match="No such file or directory: the folder must exist"):
        JsonlSink(JsonlOutput(path=tmp_path / "elsewhere/out.jsonl")).reach()


def test_connect_makes_the_file(tmp_path: Path) -> None:
    with opened(tmp_path / "verdicts.jsonl") as sink:
        sink.connect()
    assert (tmp_path / "verdicts.jsonl").read_bytes() == b""


def test_a_full_disk_leaves_no_half_line_and_the_delivery_can_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    with opened(path) as sink:
        list(sink.deliver([inspection(1)]))
        size = path.stat().st_size
        for room in (size + 100, size):
            with disk_with_room_for(room), pytest.raises(DeliveryError, match="make room on the disk"):
                list(sink.deliver([inspection(2)]))
            assert path.stat().st_size == size
        list(sink.deliver([inspection(2)]))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [inspection(1), inspection(2)]


def test_a_folder_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with opened(tmp_path / "missing" / "verdicts.jsonl") as sink:
        with pytest.raises(DeliveryError, match="the folder must exist and be writable"):
            sink.connect()
        (tmp_path / "missing").mkdir()
        list(sink.deliver([inspection(1)]))


def test_after_a_kill_at_most_twenty_lines_come_twice(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    with opened(path) as sink:
        noted, most = 0, 0
        for handed_back, _ in enumerate(sink.deliver(inspection(number) for number in range(100)), 1):
            most = max(most, path.read_bytes().count(b"\n") - noted)
            if handed_back % MARK_ROWS == MARK_ROWS // 2:  # as if others had been noted before
                noted = handed_back
    assert path.read_bytes().count(b"\n") == 100
    assert most <= 20
