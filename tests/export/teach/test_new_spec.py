from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.cli import main
from export.teach.spec import TeachSpec, read_teach_spec
from firmware_config.exit_codes import BAD_CONFIG, DONE
from tests.support.teaching import PRODUCT, write_pictures


def test_a_new_specification_is_commented_names_the_good_pictures_and_can_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "pictures/good", 20)
    (tmp_path / "product").mkdir()
    (tmp_path / "product/product.toml").write_text(PRODUCT, encoding="utf-8")
    path = tmp_path / "line 3.toml"
    assert main(["new", str(path), "--teach", str(tmp_path / "pictures/good")]) == DONE
    spec, _ = read_teach_spec(path)
    assert (spec.name, spec.pictures.good) == ("line-3", (tmp_path / "pictures/good",))
    assert main(["teach", str(path), "--check", "--cache", str(tmp_path / "cache")]) == DONE
    assert "16 to paint on" in capsys.readouterr().out
    written = path.read_text(encoding="utf-8")
    assert set(TeachSpec.model_fields) - {"llm"} <= set(re.findall(r"^(?:# )?\[*(\w+)", written, re.MULTILINE))


def test_a_new_specification_needs_a_folder_of_good_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "a.toml"), "--teach", str(tmp_path / "good")]) == BAD_CONFIG
    assert f"{tmp_path}/good is no folder" in capsys.readouterr().err
    assert not (tmp_path / "a.toml").exists()
