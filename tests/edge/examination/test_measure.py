"""The process that measures may end in any way; what is told of it is one sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.examination.measure import measure
from edge.examination.measured import Measured, Request
from firmware_config.board import Board
from tests.support.measurements import measured
from tests.support.tiny_bundle import is_one_sentence

NOISE = "print('native libraries print what they like')\n"


def request(root: Path, **board: object) -> Request:
    made = Board.model_validate({"name": "cpu", "providers": ("cpu",)} | board)
    return Request(bundle=root / "bundle", trusted={}, stations=root / "stations", board=made, seconds=1.0)


def ended(root: Path, code: str) -> str:
    with pytest.raises(EdgeError) as caught:
        measure(request(root), command=(sys.executable, "-c", code))
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_the_answer_is_the_last_line(tmp_path: Path) -> None:
    answer = measured(70)
    assert measure(request(tmp_path), command=(sys.executable, "-c", f"{NOISE}print({answer.model_dump_json()!r})")) == answer


def test_the_process_gets_the_whole_request(tmp_path: Path) -> None:
    wanted = request(tmp_path, threads=3, power_modes=["15W"])
    echo = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read()); print('{\"failed\": \"seen.\"}')"
    with pytest.raises(EdgeError, match="seen"):
        measure(wanted, command=(sys.executable, "-c", echo, str(tmp_path / "got")))
    assert Request.model_validate_json((tmp_path / "got").read_text()) == wanted


@pytest.mark.parametrize(("behind", "more"), [(False, 0), (True, 10)])
def test_the_process_stands_back_where_it_is_asked_to(tmp_path: Path, *, behind: bool, more: int) -> None:
    code = 'import os; from edge.examination.measuring_process import main; main(); print(\'{"failed": "niceness %d"}\' % os.nice(0))'
    with pytest.raises(EdgeError, match=f"niceness {min(19, os.nice(0) + more)}"):
        measure(request(tmp_path).model_copy(update={"behind": behind}), command=(sys.executable, "-c", code))


def test_the_process_is_the_first_to_end_when_memory_is_used_up(tmp_path: Path) -> None:
    adjustment = "open('/proc/self/oom_score_adj').read().strip()"
    code = f'from edge.examination.measuring_process import main; main(); print(\'{{"failed": "adjusted by %s"}}\' % {adjustment})'
    if not os.access("/proc/self/oom_score_adj", os.W_OK):
        pytest.skip("this sandbox forbids it")
    with pytest.raises(EdgeError, match="adjusted by 1000"):
        measure(request(tmp_path), command=(sys.executable, "-c", code))


def test_a_refusal_is_told_in_its_own_words(tmp_path: Path) -> None:
    said = "the bundle is too large for this board: take another"
    assert ended(tmp_path, f'{NOISE}print(\'{{"failed": "{said}"}}\')') == said


def test_a_process_that_is_killed_is_told_as_used_up_memory(tmp_path: Path) -> None:
    told = ended(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert told.startswith("measuring on board cpu: the process that measures was killed, as when memory is used up: it said nothing;")


def test_a_native_crash_is_told_with_the_last_words(tmp_path: Path) -> None:
    code = "import os, signal, sys; print('first\\nCUDA error 2', file=sys.stderr, flush=True); os.kill(os.getpid(), signal.SIGABRT)"
    assert "was ended by signal 6: it said 'CUDA error 2';" in ended(tmp_path, code)


@pytest.mark.parametrize("code", ["pass", "print('[]')", "print(3)", "print('no JSON')", "print('{\"failed\": 3}')", "raise SystemExit(3)"])
def test_a_process_without_an_answer_is_refused(code: str, tmp_path: Path) -> None:
    assert "and no answer" in ended(tmp_path, code)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="cannot be started"):
        measure(request(tmp_path), command=(str(tmp_path / "none"),))


def test_a_missing_bundle_is_told_by_the_real_process(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    with pytest.raises(EdgeError) as caught:
        measure(request(tmp_path))
    assert is_one_sentence(str(caught.value))
    assert str(tmp_path) in str(caught.value)


def test_an_answer_survives_the_way_between_processes() -> None:
    answer = measured(70.123, joules=1.5)
    assert Measured.model_validate_json(answer.model_dump_json()) == answer
