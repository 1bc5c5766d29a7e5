from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.board import BOARDS, read_board
from firmware_config.errors import BoardError


@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("*.toml")))
def test_a_shipped_board_is_read_by_its_name(name: str) -> None:
    assert read_board(name).name == name


def test_a_board_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nproviders = ["cpu"]\nthreads = 2\n')
    assert read_board(str(path)).threads == 2


def test_an_unknown_board_is_refused_with_the_names_to_choose_from() -> None:
    with pytest.raises(BoardError, match="use one of cpu, gpu, jetson-orin-nano, openvino"):
        read_board("raspberry")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "x"\nproviders = []\n', "providers: Tuple should have at least 1 item"),
        ('name = "x"\nproviders = ["npu"]\n', "providers.0: Input should be"),
        ('name = "x"\nproviders = ["cpu"]\nthread = 1\n', "thread: there is no such key, the nearest is threads, got"),
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
