"""The tutorial's files and commands, as a new user types them, up to the plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.cli import main
from export.products.assembly import render
from firmware_config.exit_codes import DONE
from tests.support.repository import ROOT

TUTORIAL = (ROOT / "docs/teaching-tutorial.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([^`]+\.toml)`:\n\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_product_of_the_tutorial_is_the_one_that_comes_along() -> None:
    shipped = (ROOT / "export/products/assembly/product.toml").read_text(encoding="utf-8")
    assert dict(FILE.findall(TUTORIAL))["parts/product.toml"] == shipped.partition("\n\n")[2]


@pytest.mark.long
def test_the_files_of_the_tutorial_pass_the_check_of_teach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert render.main(["parts", "--good", "40", "--bad", "0"]) == DONE
    for name, text in FILE.findall(TUTORIAL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    capsys.readouterr()

    assert main(["teach", "parts.toml", "--check"]) == DONE

    told = capsys.readouterr().out
    planned = [line for line in told.splitlines() if line.startswith(("product", "size", "labels", "work"))]
    assert len(planned) == 4
    assert all(line in TUTORIAL for line in planned)
