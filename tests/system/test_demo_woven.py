"""The demo of woven textile, with a bundle that was taught with tiny effort: its verdicts say nothing, its way does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import edge.cli
from firmware_config.exit_codes import BAD_CONFIG
from tests.support.repository import ROOT
from tests.support.tiny_bundle import is_one_sentence
from tests.support.tiny_teaching import write_tiny_woven

PICTURES = 6


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_textile_is_judged_and_every_verdict_arrives_over_mqtt(tmp_path: Path) -> None:
    write_tiny_woven(tmp_path / "woven")
    taught = run("tests.support.tiny_teaching", str(tmp_path / "woven"))
    assert taught.returncode == 0, taught.stderr
    bundle = ["--bundle", str(tmp_path / "woven/out/woven"), "--keys", str(tmp_path / "woven/keys")]

    done = run("edge.cli", "demo", "--product", "woven", "--pictures", str(PICTURES), *bundle, "--language", "ja", "--out", str(tmp_path))

    assert done.returncode == 0, done.stderr
    begin, licence, *lines = done.stdout.splitlines()
    assert begin.startswith(f"織物の画像 {PICTURES} 枚、バンドル woven、")
    assert "conformal-clip-data (MIT)" in licence
    assert [re.findall("良品|不良品", line)[-1] for line in lines if re.match(r" +\d+  (OK|NG|REVIEW|FAULT) ", line)] == [
        "良品",
        "不良品",
    ] * 3
    assert f"MQTT で受信した判定: {PICTURES} 件" in done.stdout
    assert re.search(r"^織物  見逃し: 不良品 3 枚のうち \d 枚が OK。過検出: 良品 3 枚のうち", done.stdout, re.MULTILINE)
    assert (tmp_path / "contact-sheet.png").exists()


def test_a_bundle_that_was_not_built_is_one_sentence_with_the_command_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert edge.cli.main(["demo", "--product", "woven"]) == BAD_CONFIG
    sentence = capsys.readouterr().err.removeprefix("kotoba-edge: ").rstrip("\n")
    assert sentence.endswith("it is not there: build it with `make demo PRODUCT=woven`")
    assert is_one_sentence(sentence)
