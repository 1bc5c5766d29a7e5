"""Doctor and its bench with the starter bundle: what runs where, what it costs, on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import edge.cli
from edge.examination.measured import Request, in_hex
from edge.examination.measuring_process import measure_here
from export.bundle.build import build
from export.cache import Cache
from export.spec import read_spec
from firmware_config.board import Board, read_board
from firmware_config.signature import encode_signature, generate_key, key_id, public_key, read_trusted_keys
from tests.support.machine_files import rapl
from tests.support.repository import KEYS, STARTER
from tests.support.station_files import station_toml
from tests.support.tiny_spec import write_spec

pytestmark = pytest.mark.long

MODELS = ("--bundle", str(STARTER), "--keys", str(KEYS))


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with a station that judges by the language model."""
    for folder in ("stations", "pictures"):
        (tmp_path / folder).mkdir()
    text = station_toml("\n[describe]\nsamples = 0\n", pictures=tmp_path / "pictures", camera="watch = true\n")
    (tmp_path / "stations/cell-01.toml").write_text(text, encoding="utf-8")
    return tmp_path


def options(box: Path) -> list[str]:
    return ["doctor", "--stations", str(box / "stations"), "--spool", str(box / "spool.sqlite"), *MODELS]


def request(box: Path, **values: object) -> Request:
    keys = in_hex(read_trusted_keys(KEYS))
    made = {"bundle": STARTER, "trusted": keys, "stations": box / "stations", "board": read_board("cpu"), "seconds": 0.1}
    return Request.model_validate(made | values)


def test_each_stage_is_told_with_its_device_and_its_time(box: Path) -> None:
    measured = measure_here(request(box))
    assert [(one.stage, one.devices) for one in measured.placements] == [("clip", "CPU"), ("blip vision", "CPU"), ("blip decoder", "CPU")]
    assert all(one.nodes["CPUExecutionProvider"] > 50 for one in measured.placements)
    assert measured.judge == "onnxruntime on CPU"
    (times,) = measured.stations
    assert list(times.stages_ms) == ["capture", "text_detection", "clip", "blip", "judge"]
    assert times.pictures >= 3
    assert times.p95_ms >= times.p50_ms >= times.stages_ms["judge"] > 1
    assert len({one.picture for one in measured.scored}) == len(measured.scored) >= 3


def test_the_judge_that_is_asked_for_is_the_judge_that_runs(box: Path) -> None:
    measured = measure_here(request(box, judge="llama.cpp"))
    assert measured.judge == "llama.cpp on CPU"


def test_energy_is_read_from_the_counters_of_the_machine(box: Path) -> None:
    measured = measure_here(request(box, root=rapl(box / "machine", 1_000_000)))
    assert measured.joules_per_picture == 0.0
    assert measured.energy == "RAPL, the whole processor"


@pytest.fixture(scope="module")
def without_golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of random weights that has no golden picture, and its key."""
    folder = tmp_path_factory.mktemp("without")
    board = Board(name="test", providers=("cpu",), threads=1)
    spec, key = read_spec(write_spec(folder / "spec")), folder / "keys/builder.key"
    build(spec, out=folder / "bundle", key=key, cache=Cache(folder / "cache"), archive=False, board=board, report=lambda _: None)
    manifest = json.loads((folder / "bundle/manifest.json").read_text(encoding="utf-8"))
    private = generate_key()
    raw = json.dumps(manifest | {"golden": [], "key_id": key_id(public_key(private))}).encode()
    (folder / "bundle/manifest.json").write_bytes(raw)
    (folder / "bundle/manifest.sig").write_bytes(encode_signature(raw, private))
    (folder / "keys/other.pub").write_text(f"{public_key(private).hex()}\n", encoding="ascii")
    return folder


def test_a_bundle_without_golden_pictures_is_measured_with_a_rendered_one(box: Path, without_golden: Path) -> None:
    measured = measure_here(request(box, bundle=without_golden / "bundle", trusted=in_hex(read_trusted_keys(without_golden / "keys"))))
    assert {one.picture for one in measured.scored} == {"rendered"}
    assert measured.stations[0].pictures >= 3
    assert measured.judge == "llama.cpp on CPU"


def test_doctor_tells_what_the_models_cost(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.cli.main(options(box)) == 0
    lines = capsys.readouterr().out.splitlines()
    (time,) = [line for line in lines if line.startswith("ok   time: ")]
    assert time.startswith("ok   time: cell-01: p50 ")
    assert "judge " in time
    (memory,) = [line for line in lines if line.startswith("ok   memory: ")]
    assert memory.endswith(" MB resident of 1,500 MB")
    assert any(line.startswith("ok   energy: ") for line in lines)
    assert any(line.startswith("ok   models: clip on CPU, blip vision on CPU, blip decoder on CPU; language model: ") for line in lines)


def test_a_board_that_does_not_fit_is_told(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = box / "board.toml"
    threads = len(os.sched_getaffinity(0)) + 1
    board.write_text(f'name = "mine"\nproviders = ["cpu"]\nthreads = {threads}\nmemory_mb = 300\n', encoding="utf-8")
    assert edge.cli.main([*options(box), "--board", str(board), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    warned = {one["part"]: one["detail"] for one in report["findings"] if one["level"] == "warn"}
    assert "more than the" in warned["threads"]
    assert "and board mine allows 300 MB" in warned["memory"]
    assert report["measured"]["stations"][0]["station"] == "cell-01"


def test_layers_on_a_card_that_llama_cannot_use_are_refused(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = box / "board.toml"
    board.write_text('name = "mine"\nproviders = ["cpu"]\nllm_gpu_layers = -1\n', encoding="utf-8")
    assert edge.cli.main([*options(box), "--board", str(board)]) == 1
    assert "FAIL models: loading the language model: the board puts layers on a GPU (llm_gpu_layers = -1)" in capsys.readouterr().out


def test_a_bench_measures_every_way_and_threads_change_no_score(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.cli.main([*options(box), "--bench", "--seconds", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = [row for row in report["rows"] if row["providers"] == ["cpu"]]
    judges = {row["judge"]: row["measured"]["judge"] for row in rows}
    assert judges == {"as built": "onnxruntime on CPU", "llama.cpp": "llama.cpp on CPU"}
    scored = [row["measured"]["scored"] for row in rows if row["judge"] == "as built"]
    first = {one["picture"]: one for one in scored[0]}
    assert all(one == first[one["picture"]] for others in scored for one in others if one["picture"] in first)
    assert report["beside"] == []


def test_time_without_a_bench_is_wrong_usage(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        edge.cli.main([*options(box), "--seconds", "5"])
    assert ended.value.code == 2
    assert "--seconds is the time of --bench" in capsys.readouterr().err


def test_a_bench_of_a_bundle_that_is_not_there_is_one_sentence(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.cli.main([*options(box), "--bundle", str(box / "none"), "--bench"]) == 78
    assert capsys.readouterr().err.startswith("kotoba-edge: bundle ")
