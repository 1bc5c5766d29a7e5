"""Teaching on the vision tower of a CLIP or BLIP of the user's own: from the specification to a bundle that verifies and inspects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

import edge.cli
import export.cli
from firmware_config.exit_codes import DONE
from tests.support.odd_checkpoints import MEAN, STD, write_blip, write_clip
from tests.support.repository import ROOT
from tests.support.tiny_models import tower_that_sees
from tests.support.tiny_teaching import write_tiny_teaching

TEACH = [sys.executable, "-m", "tests.support.tiny_teaching"]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["clip", "blip"])
def test_a_product_taught_on_the_users_own_tower_is_a_bundle_that_verifies_and_inspects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Literal["clip", "blip"]
) -> None:
    # Arrange
    folder = tmp_path / "bolts"
    write_tiny_teaching(folder, more='\n[eye]\ntrunk = "tower"\n')
    (write_clip if kind == "clip" else write_blip)(folder / "tower", model=tower_that_sees(kind))

    # Act
    taught = subprocess.run(
        [*TEACH, str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    # Assert
    assert taught.returncode == DONE, taught.stderr
    bundle, keys, lines = folder / "out/bolts", folder / "keys", tmp_path / "lines.jsonl"
    assert export.cli.main(["verify", str(bundle), "--keys", str(keys)]) == DONE, capsys.readouterr()
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    for model in ("clip", "blip"):
        preprocess = manifest["describer"][model]["preprocess"]
        assert (preprocess["size"], preprocess["mean"], preprocess["std"]) == (64, MEAN, STD)
    assert min(value for name, value in manifest["parity"].items() if name.endswith("cosine_int8")) > 0.95
    pictures = [str(path) for path in sorted((bundle / "golden").glob("*.png"))]
    station = bundle / "stations/default.toml"
    arguments = ["inspect", *pictures, "--station", str(station), "--jsonl", str(lines), "--bundle", str(bundle), "--keys", str(keys)]
    assert edge.cli.main(arguments) == DONE, capsys.readouterr()
    inspections = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(inspections) == len(pictures) >= 6
    assert {one["decision"] for one in inspections} <= {"OK", "NG", "REVIEW"}
