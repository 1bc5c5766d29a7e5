"""What follows from a bench, on figures that are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.examination.suggestion import agreement, board_file, chosen_threads, suggestions
from edge.examination.variants import Row, Variant, as_it_is, thread_counts, with_other_parts, with_other_threads
from firmware_config.board import Board, read_board
from firmware_config.bundle import Manifest
from tests.support.measurements import BOARD, measured, on_llama, rows
from tests.support.tiny_bundle import manifest_of, sound_files


def manifest(*, graph: bool) -> Manifest:
    files = sound_files() | ({"llm/model.onnx": sound_files()["clip/vision.onnx"]} if graph else {})
    made = manifest_of(files)
    if graph:
        made["llm"]["graph"] = "llm/model.onnx"
    return Manifest.model_validate(made)


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8)), (128, (4, 8, 16, 32, 64, 128))]
)
def test_powers_of_two_and_all_cores_are_tried(cores: int, counts: tuple[int, ...]) -> None:
    assert thread_counts(cores) == counts


def test_what_the_board_has_already_is_not_measured_twice() -> None:
    assert as_it_is(BOARD, cores=4).name == "as now: cpu, 4 threads"
    assert [one.name for one in with_other_threads(BOARD, cores=4)] == ["cpu, 1 thread", "cpu, 2 threads"]
    fixed = BOARD.model_copy(update={"threads": 2})
    assert [one.board.threads for one in with_other_threads(fixed, cores=4)] == [1, 4]


def test_the_judge_on_llama_is_tried_where_the_bundle_has_a_graph_and_no_card_judges() -> None:
    def judges(board: Board, *, graph: bool) -> list[str]:
        return [one.judge for one in with_other_parts(board, manifest(graph=graph), cores=4, providers=("cpu",)) if one.differs == "judge"]

    assert judges(BOARD, graph=True) == ["llama.cpp"]
    assert judges(BOARD, graph=False) == []
    assert judges(BOARD.model_copy(update={"llm_gpu_layers": -1}), graph=True) == []


def test_only_providers_that_this_onnxruntime_has_are_tried() -> None:
    def tried(board: Board, *there: str) -> list[tuple[tuple[str, ...], int]]:
        found = with_other_parts(board, manifest(graph=False), cores=4, providers=there)
        return [(one.board.providers, one.board.llm_gpu_layers) for one in found]

    assert tried(BOARD, "cpu") == []
    assert tried(BOARD, "openvino", "cpu") == [(("openvino",), 0)]
    assert tried(BOARD, "cuda", "cpu") == [(("cuda", "cpu"), -1)]
    assert tried(read_board("gpu"), "tensorrt", "cuda", "cpu") == [(("cpu",), 0), (("tensorrt", "cuda", "cpu"), -1)]


@pytest.mark.parametrize(
    ("now_ms", "others", "chosen"),
    [
        (100, {1: 180, 2: 120}, None),
        (100, {1: 180, 2: 60}, 2),
        (100, {1: 101, 2: 104}, 1),
        (100, {1: 115, 2: 92}, 2),
        (100, {}, None),
    ],
)
def test_the_fewest_threads_that_are_as_fast_as_the_fastest_are_chosen(now_ms: float, others: dict[int, float], chosen: int | None) -> None:
    assert chosen_threads(rows(now_ms, others), cores=4) == chosen


def test_a_way_that_failed_is_no_candidate() -> None:
    failed = Row(Variant("2 threads", BOARD.model_copy(update={"threads": 2}), "as built", "threads"), "it failed")
    assert chosen_threads([*rows(100, {1: 50}), failed], cores=4) == 1


def test_faster_threads_are_a_suggestion_with_a_board() -> None:
    (one,) = suggestions(rows(100, {1: 180, 2: 60}), cores=4)
    assert one.told == "threads = 2: 60 ms a picture, now 100 ms, so it is faster; words and verdicts stay the same"
    assert one.board == BOARD.model_copy(update={"threads": 2})


def test_fewer_threads_leave_cores_to_others() -> None:
    (one,) = suggestions(rows(100, {1: 101}), cores=4)
    assert "threads = 1: 101 ms a picture, now 100 ms, and leaves cores to others" in one.told


def test_another_judge_takes_another_bundle_and_calibration() -> None:
    (one,) = suggestions([*rows(100, {}), on_llama(50)], cores=4)
    assert one.board is None
    assert one.told == (
        'judge on llama.cpp: 50 ms a picture instead of 100 ms; this takes a bundle that was built for it ([llm] graph = "none" in its '
        "specification), and new calibrations"
    )


def test_a_difference_within_the_noise_is_no_suggestion() -> None:
    assert suggestions([*rows(100, {1: 130}), on_llama(93)], cores=4) == ()


def test_scores_are_compared_by_station_and_picture() -> None:
    one = measured(70, labels=("crack", "functional", "crack"), probability=0.9)
    other = measured(60, labels=("crack", "crack"), probability=0.75)
    found = agreement(one, other)
    assert (found.same, found.pictures) == (1, 2)
    assert found.largest == pytest.approx(0.15)


def test_a_suggested_board_is_a_board_file_that_is_read_again(tmp_path: Path) -> None:
    board = read_board("jetson-orin-nano").model_copy(update={"threads": 4})
    file = tmp_path / "board.toml"
    file.write_text(board_file(board, comment="by a bench"), encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith('# by a bench\nname = "jetson-orin-nano-measured"\n')
    again = read_board(str(file))
    assert again == board.model_copy(update={"name": "jetson-orin-nano-measured", "about": ""})
    assert "jetson-orin-nano-measured\n" in board_file(again, comment="once more").replace('"', "")
