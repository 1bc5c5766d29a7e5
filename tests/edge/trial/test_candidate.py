"""The process of a bundle in trial: it crashes, hangs, lies and grows, and the daemon gets a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from edge.errors import TrialError
from edge.message import encode
from edge.records import Inspection
from edge.trial.candidate import Candidate, StoppedError
from edge.trial.limits import TrialLimits
from edge.trial.messages import Answer, Task, line
from firmware_config.board import read_board
from tests.support.inspections import FULL
from tests.support.repository import ROOT
from tests.support.sample_records import frame, station

LIMITS = TrialLimits(
    memory_bytes=400_000_000,
    fast_enough_ms=0,
    slower=2,
    shadow_s=1,
    pictures=1,
    max_passed=0.1,
    max_disagreed=1,
    load_s=30,
    picture_s=30,
)
LOADED = line(Answer())

SCRIPT = """
import os, signal, sys, time
answers = os.fdopen(os.dup(1), "wb")
sys.stdin.buffer.readline()
def say(raw):
    answers.write(raw)
    answers.flush()
say(bytes.fromhex(sys.argv[1]))
def ask():
    return sys.stdin.buffer.readline()
"""


def task(parent: int | None = None) -> Task:
    return Task(
        bundle=Path("bundle"),
        digest="sha256:ab",
        keys=Path("keys"),
        board=read_board("cpu"),
        stations=(station(),),
        parent=parent or os.getpid(),
        data_bytes=None,
    )


@contextmanager
def candidate(
    then: str, *, first: bytes = LOADED, limits: TrialLimits = LIMITS, is_over: Callable[[], bool] = lambda: False, available: int = 10**10
) -> Iterator[Candidate]:
    """A child that says `first`, then does what the program says."""
    command = [sys.executable, "-c", SCRIPT + then, first.hex()]
    one = Candidate(task(), limits=limits, called="bundle x", is_over=is_over, available=lambda: available, command=command)
    try:
        yield one
    finally:
        one.close()
        one.close()


def answering(inspection: Inspection) -> str:
    raw = line(Answer(inspection=json.loads(encode(inspection)), wall_ms=3.0, cpu_ms=5.0))
    return f"\nwhile ask(): say({raw!r})\n"


def test_a_task_arrives_as_it_was_given() -> None:
    sections: dict[str, dict[str, object]] = {
        "outputs": {"jsonl": {"path": "out.jsonl"}},
        "camera": {"kind": "rtsp", "url": "rtsp://me:secret@camera/1"},
    }
    sent = task().model_copy(update={"stations": (station(), station("cell-02", **sections))})
    arrived = Task.model_validate_json(line(sent))
    assert arrived == sent
    assert [one.settings_digest for one in arrived.stations] == [one.settings_digest for one in sent.stations]


def test_an_answer_is_an_inspection_with_its_times() -> None:
    with candidate(answering(FULL)) as one:
        looked = one.golden(0)
        assert (looked.inspection, looked.wall_ms, looked.cpu_ms) == (FULL, 3.0, 5.0)
        one.check()
        assert one.peak_bytes > 1_000_000


def test_a_live_picture_goes_over_as_it_is() -> None:
    picture = frame()
    height, width, _ = picture.pixels.shape
    count, total = picture.pixels.size, int(picture.pixels.sum())
    then = f"""
import json
asked = json.loads(ask())
assert (asked["station"], asked["height"], asked["width"], asked["source"]) == (2, {height}, {width}, "part.png")
assert sum(sys.stdin.buffer.read({count})) == {total}
say({line(Answer(inspection=json.loads(encode(FULL))))!r})
"""
    with candidate(then) as one:
        assert one.look(picture, station=2).inspection == FULL


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("ask(); os.kill(os.getpid(), signal.SIGSEGV)", "golden picture 0: its process ended by SIGSEGV"),
        ("ask(); sys.exit(3)", "golden picture 0: its process ended with code 3"),
        ("ask(); say(b'no answer\\n')", "its process said what is no answer"),
        ('ask(); say(b\'{"inspection": {}, "wall_ms": 1, "cpu_ms": 1}\\n\')', "decoding an inspection"),
        ("ask(); say(b'x' * 5_000_000)", "its answer has more than 4000000 bytes"),
        (f"ask(); say({line(Answer(refused='it must not run'))!r})", "^it must not run$"),
        ("ask(); kept = bytearray(b'x') * 600_000_000; ask()", r"it takes \d+ MB of memory, 400 are allowed"),
    ],
    ids=["crash", "end", "noise", "no inspection", "endless", "refusal", "memory"],
)
def test_what_a_child_does_wrong_is_a_sentence(then: str, says: str) -> None:
    with candidate(then) as one, pytest.raises(TrialError, match=says):
        one.golden(0)


def test_a_child_that_hangs_is_given_up_at_its_deadline() -> None:
    with candidate("ask(); time.sleep(60)", limits=replace(LIMITS, picture_s=0.3)) as one:
        with pytest.raises(TrialError, match="golden picture 0: no answer within 0 s: it hangs"):
            one.golden(0)
        one.close()
        assert not psutil.pid_exists(one.pid)


def test_a_child_that_gets_little_of_a_busy_processor_is_waited_for() -> None:
    slow = "ask()\nwhile time.monotonic() < until:\n    sum(range(50_000)); time.sleep(0.01)"
    then = f"until = time.monotonic() + 2.5\n{slow}\nsay({line(Answer(inspection=json.loads(encode(FULL))))!r})"
    with candidate(then, limits=replace(LIMITS, picture_s=1.0)) as one:
        assert one.golden(0).inspection == FULL


def test_a_child_that_does_not_read_its_picture_is_given_up_too() -> None:
    with (
        candidate("time.sleep(60)", limits=replace(LIMITS, picture_s=0.3)) as one,
        pytest.raises(TrialError, match=r"picture part\.png of cell-01: no answer"),
    ):
        one.look(frame(), station=0)


def test_one_that_ends_between_two_pictures_is_noticed() -> None:
    with candidate("sys.exit(0)") as one:
        psutil.Process(one.pid).wait(30)
        with pytest.raises(TrialError, match="waiting for a picture: its process ended with code 0"):
            one.check()


def test_a_refusal_at_the_start_is_the_reason() -> None:
    refusal = line(Answer(refused="it was fitted for another judge"))
    with pytest.raises(TrialError, match=r"^it was fitted for another judge$"), candidate("", first=refusal):
        pass


def test_a_box_without_memory_to_spare_gives_it_up() -> None:
    with pytest.raises(TrialError, match="beside it the box has less than 256 MB of memory left"), candidate("", available=200_000_000):
        pass


def test_nobody_waits_for_a_trial_that_is_over() -> None:
    over: list[bool] = []
    with candidate("ask(); time.sleep(60)", is_over=lambda: bool(over)) as one:
        over.append(True)
        with pytest.raises(StoppedError):
            one.golden(0)


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(TrialError, match="its process cannot be started"):
        Candidate(task(), limits=LIMITS, called="bundle x", is_over=lambda: False, command=["/nowhere/python"])


def test_the_real_child_says_why_a_bundle_cannot_be_opened(tmp_path: Path) -> None:
    missing = task().model_copy(update={"bundle": tmp_path / "none", "keys": tmp_path})
    with pytest.raises(TrialError, match=r"none.* cannot be read"):
        Candidate(missing, limits=LIMITS, called="bundle x", is_over=lambda: False)


def test_the_real_child_ends_when_its_parent_is_another_one() -> None:
    """Its parent was killed before the child could ask to end with it."""
    raw = line(task(parent=1))
    done = subprocess.run(
        [sys.executable, "-m", "edge.trial.candidate_process"], input=raw, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
