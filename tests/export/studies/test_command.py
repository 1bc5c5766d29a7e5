from __future__ import annotations

from pathlib import Path

import pytest

from export.studies.command import study_parser, write_page
from export.studies.errors import StudyError
from firmware_config.exit_codes import DONE, FAILED


def written(tmp_path: Path, make: object, *, out: str = "page.md") -> int:
    parser = study_parser("some", "Study something.", keeps="scores")
    options = parser.parse_args([str(tmp_path / "work"), "--out", str(tmp_path / out)])
    return write_page(parser, options, make)  # type: ignore[arg-type]  # tests give all kinds


def test_the_page_is_written_and_told_with_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert written(tmp_path, lambda command: f"made by {command}\n") == DONE
    command = f"python -m export.studies.some {tmp_path / 'work'} --out {tmp_path / 'page.md'}"
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == f"made by {command}\n"
    assert capsys.readouterr().out == f"{tmp_path / 'page.md'}\n"
    assert (tmp_path / "work").is_dir()


def test_no_page_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert written(tmp_path, lambda _: None) == DONE
    assert not (tmp_path / "page.md").exists()
    assert capsys.readouterr().out == ""


def test_what_fails_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(_: str) -> str:
        msg = "scores cannot be read"
        raise StudyError(msg)

    assert written(tmp_path, failing) == FAILED
    assert capsys.readouterr().err == "python -m export.studies.some: scores cannot be read\n"
    assert written(tmp_path, lambda _: "text", out="nowhere/page.md") == FAILED
    assert len(capsys.readouterr().err.splitlines()) == 1
