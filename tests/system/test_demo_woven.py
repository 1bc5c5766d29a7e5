"""The demo of woven textile, in Japanese."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import edge.cli
from firmware_config.exit_codes import BAD_CONFIG
from tests.support.repository import ROOT, STARTER
from tests.support.tiny_bundle import is_one_sentence

PICTURES = 8


def test_textile_is_judged_and_every_verdict_arrives_over_mqtt(tmp_path: Path) -> None:
    assert (STARTER.with_name("woven") / "manifest.json").exists(), "make test builds it"
    command = ["demo", "--product", "woven", "--pictures", str(PICTURES), "--language", "ja", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "edge.cli", *command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr
    begin, licence, *lines = done.stdout.splitlines()
    assert begin.startswith(f"織物の画像 {PICTURES} 枚、バンドル woven、")
    assert "conformal-clip-data (MIT)" in licence
    shown = [re.findall("良品|不良品", line)[-1] for line in lines if re.match(r" +\d+  (OK|NG|REVIEW) ", line)]
    assert shown == ["良品", "不良品"] * (PICTURES // 2)
    assert f"MQTT で受信した判定: {PICTURES} 件" in done.stdout
    escaped = re.search(r"^織物  見逃し: 不良品 4 枚のうち (\d) 枚が OK。過検出: 良品 4 枚のうち", done.stdout, re.MULTILINE)
    assert escaped is not None
    assert int(escaped[1]) <= 1
    assert (tmp_path / "contact-sheet.png").exists()


def test_a_bundle_that_was_not_built_is_one_sentence_with_the_command_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edge.cli.main(["demo", "--product", "woven"]) == BAD_CONFIG
    sentence = capsys.readouterr().err.removeprefix("kotoba-edge: ").rstrip("\n")
    assert sentence.endswith("it is not there: build it with `make demo PRODUCT=woven`")
    assert is_one_sentence(sentence)
