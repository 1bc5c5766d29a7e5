from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.board import BOARDS, read_board, shipped
from firmware_config.errors import BoardError


@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("*.toml")))
def test_a_shipped_board_is_read_by_its_name(name: str) -> None:
    assert read_board(name).name == name


@pytest.mark.parametrize("name", shipped())
def test_each_value_of_a_shipped_board_has_its_reason_above_it(name: str) -> None:
    _, *paragraphs = (BOARDS / f"{name}.toml").read_text(encoding="utf-8").split("\n\n")
    assert paragraphs
    assert [paragraph for paragraph in paragraphs if not paragraph.startswith("# ")] == []
    assert read_board(name).about


def test_each_kind_of_device_has_a_board() -> None:
    boards = {name: read_board(name) for name in shipped()}
    assert {name for name, board in boards.items() if board.power_modes} == {"jetson-agx-orin", "jetson-orin-nano", "jetson-orin-nx"}
    assert {name for name, board in boards.items() if "csi" in board.camera_buses} == {name for name in boards if name.startswith("jetson")}
    assert {name for name, board in boards.items() if board.precision == "fp16"} == {name for name in boards if boards[name].llm_gpu_layers}


def test_a_board_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nproviders = ["cpu"]\nthreads = 2\n')
    assert read_board(str(path)).threads == 2


def test_an_unknown_board_is_refused_with_the_names_to_choose_from() -> None:
    with pytest.raises(
        BoardError, match="use one of cpu, cpu-without-vnni, gpu, jetson-agx-orin, jetson-orin-nano, jetson-orin-nx, openvino"
    ):
        read_board("raspberry")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "x"\nproviders = []\n', "providers: Tuple should have at least 1 item"),
        ('name = "x"\nproviders = ["npu"]\n', "providers.0: Input should be"),
        ('name = "x"\nproviders = ["cpu"]\nthread = 1\n', "thread: there is no such key, the nearest is threads, got"),
        ('name = "x"\nproviders = ["cpu"]\ncamera_buses = ["hdmi"]\n', "camera_buses.0: Input should be 'usb', 'gige', 'csi' or 'rtsp'"),
        ('name = "x"\nproviders = ["cpu"]\ncamera_buses = []\n', "camera_buses: Tuple should have at least 1 item"),
        ('name = "x"\nproviders = ["cpu"]\npower_modes = ["25 W"]\n', "power_modes.0: String should match pattern"),
        ("providers", "is not TOML"),
    ],
)
def test_a_wrong_board_is_refused_in_one_sentence(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(BoardError) as caught:
        read_board(str(path))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
