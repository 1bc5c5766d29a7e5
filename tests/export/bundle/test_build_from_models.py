from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import tqdm
from peft import LoraConfig, get_peft_model
from transformers import Qwen2ForCausalLM

from edge.bundle.open import open_trusted_bundle
from export import cli
from export.bundle.build import Built, build
from export.cache import Cache
from export.errors import ExportError
from export.spec import read_spec
from firmware_config.board import Board, read_board
from firmware_config.describers import ClipBlip
from tests.support import tiny_models
from tests.support.odd_checkpoints import PROCESSORS, SQUARE, write_processor, write_tokenizer
from tests.support.station_files import station_toml
from tests.support.tiny_bundle import everything_below, is_one_sentence
from tests.support.tiny_qwen import write_qwen

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]

BOARD = Board(name="test", providers=("cpu",), threads=1)
LOOSE = "limits = { cosine = 0.5, agreement = 0.0, overlap = 0.0, edit_distance = 1.0, probability = 1.0 }"
SPEC = f"""
name = "line3"
version = 1
golden = "golden"
{LOOSE}

[clip]
folder = "models/clip"
tags = ["tags.txt"]
attributes = ["attributes.tsv"]
prompts = ["{{}}"]
{LOOSE}

[blip]
folder = "models/blip"
{LOOSE}

[llm]
folder = "models/qwen"
adapters = ["models/lora"]
quantisation = "Q8_0"
context_tokens = 512
{LOOSE}

[[licences]]
files = ["*"]
licence = "Apache-2.0"
origin = "made in a test"
"""
STATION = station_toml("""
[describe]
tags = 2
attributes = 1
samples = 0
max_tokens = 6

[judge]
adapter = "lora"
""")


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an integrator has: models as Hugging Face writes them, words, pictures, a station and one specification."""
    root = tmp_path_factory.mktemp("models")
    for name, model in (("clip", tiny_models.clip()), ("blip", tiny_models.blip())):
        model.save_pretrained(root / "models" / name)
        write_tokenizer(root / "models" / name)
        write_processor(root / "models" / name, PROCESSORS[name], {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, **SQUARE})
    tuned = get_peft_model(
        Qwen2ForCausalLM.from_pretrained(write_qwen(root / "models/qwen")), LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"])
    )
    torch.manual_seed(0)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    tuned.save_pretrained(root / "models/lora")
    (root / "tags.txt").write_text("".join(f"word{number}\n" for number in range(12)))
    (root / "attributes.tsv").write_text("word20\tきず\nword21\t\n")
    (root / "golden").mkdir()
    (root / "golden/station.toml").write_text(STATION)
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        cv2.imwrite(str(root / f"golden/{name}.png"), rng.integers(0, 256, (40, 48, 3), np.uint8))
    (root / "line3.toml").write_text(SPEC)
    return root


@pytest.fixture
def root(made_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "plant")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps are kept between the tests, as they are between builds."""
    return tmp_path_factory.mktemp("cache")


def built(root: Path, cache: Path, *, out: str = "bundle", report: Callable[[str], None] = lambda _: None) -> Built:
    spec, key = read_spec(root / "line3.toml"), root.parent / "keys/builder.key"
    return build(spec, out=root.parent / out, key=key, cache=Cache(cache), archive=False, board=BOARD, report=report)


def test_one_command_builds_a_bundle_from_hugging_face_folders(
    root: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path / "bundle"), "--key", str(tmp_path / "keys/builder.key"), "--cache", str(cache)]
    assert cli.main(["build", str(root / "line3.toml"), *arguments, "--explain", str(tmp_path / "proof.png")]) == 0
    table, progress = capsys.readouterr()
    assert re.search(r"making the models takes up to \d+\.\d GB of disk and \d+\.\d GB of memory", progress)
    for stage in ("clip.image", "clip.text", "blip.captions", "words.tags", "judge", "verdict"):
        assert f"\n{stage} " in f"\n{table}"
    assert cv2.imread(str(tmp_path / "proof.png")) is not None

    bundle = open_trusted_bundle(tmp_path / "bundle", keys=tmp_path / "keys")
    describer = bundle.manifest.describer
    assert isinstance(describer, ClipBlip)
    blip = describer.blip
    assert blip is not None
    assert blip.drafts is not None
    assert len(bundle.text(blip.drafts).splitlines()) == 2, "a caption of each golden picture"
    assert set(bundle.manifest.llm.adapters) == {"lora"}
    assert set(bundle.manifest.templates) == {"default"}
    assert {"clip_image_cosine_int8", "blip_captions_edit_distance_int8", "judge_probability_Q8_0", "verdict_agreement_bundle"} <= set(
        bundle.manifest.parity
    )
    assert cli.main(["verify", str(tmp_path / "bundle"), "--keys", str(tmp_path / "keys")]) == 0


def test_two_builds_on_two_paths_give_one_digest(root: Path, cache: Path, tmp_path: Path) -> None:
    one = built(root, cache)
    moved = shutil.copytree(root, tmp_path / "another" / "place")
    shutil.copytree(tmp_path / "keys", tmp_path / "another/keys")
    other = built(moved, tmp_path / "other-cache")
    assert one.digest == other.digest
    assert everything_below(one.root) == everything_below(other.root)


def test_an_interrupted_build_continues_where_it_stopped(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def interrupt_at_blip(message: str) -> None:
        if message.startswith("quantizing BLIP"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(root, cache, report=interrupt_at_blip)
    before = made_steps(cache)

    assert built(root, cache).digest.startswith("sha256:")

    assert set(before) == {"clip-graphs", "clip", "blip-graphs"}
    after = made_steps(cache)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"blip", "llm", "llm-proof", "llm-quantized"}


def made_steps(cache: Path) -> dict[str, tuple[str, int]]:
    """Of each finished step the folder that holds its artefact, and the inode of that folder: a step that is made again gets another.

    Its time of change says nothing: quantizing the artefact of a step leaves a file beside it for a while.
    """
    finished = (path for path in cache.iterdir() if path.suffix != ".unfinished")
    return {path.name.rpartition("-")[0]: (path.name, path.stat().st_ino) for path in finished}


def test_a_version_older_than_the_one_in_the_folder_is_refused(root: Path, cache: Path) -> None:
    spec = root / "line3.toml"
    spec.write_text(SPEC.replace("version = 1", "version = 7"))
    before = everything_below(built(root, cache).root)
    spec.write_text(SPEC.replace("version = 1", "version = 6"))
    with pytest.raises(ExportError, match="holds version 7 of line3, this would be version 6: raise the version"):
        built(root, cache)
    assert everything_below(root.parent / "bundle") == before


def test_a_broken_limit_leaves_no_bundle(root: Path, cache: Path) -> None:
    (root / "line3.toml").write_text(SPEC.replace(f"context_tokens = 512\n{LOOSE}", "limits = { probability = 0.0 }"))
    with pytest.raises(ExportError, match=r"worst judge \(probability .* in Q8_0: try F16"):
        built(root, cache)
    assert not (root.parent / "bundle").exists()
    assert not [path for path in root.parent.iterdir() if path.name.startswith(".")]


def _rewrite(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


def _pickles(root: Path) -> None:
    (root / "models/blip/model.safetensors").rename(root / "models/blip/pytorch_model.bin")


def _own_code(root: Path) -> None:
    config = json.loads((root / "models/qwen/config.json").read_text())
    (root / "models/qwen/config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling.Model"}}))


def _no_lora(root: Path) -> None:
    (root / "models/lora/adapter_model.safetensors").unlink()


def _no_weights(root: Path) -> None:
    (root / "models/clip/model.safetensors").write_bytes(b"none")


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing folder": (_rewrite("line3.toml", "models/clip", "models/klip"), "CLIP checkpoint .*/klip is no folder"),
    "no BLIP": (_rewrite("line3.toml", "models/blip", "models/clip"), "is of the type 'clip', expected blip"),
    "code of its own": (_own_code, "trust_remote_code"),
    "pickles": (_pickles, "only pickles"),
    "weights that are none": (_no_weights, "cannot be read"),
    "a word twice": (_rewrite("tags.txt", "word1\n", "word0\n"), "'word0' is there twice"),
    "a label twice": (_rewrite("golden/station.toml", 'name = "bad"', 'name = "good"'), "good"),
    "a prompt without a place": (_rewrite("line3.toml", '"{}"', '"a photo"'), r"clip\.prompts\.0: .* got 'a photo'"),
    "an adapter without weights": (_no_lora, "holds no adapter_model"),
    "an adapter that nobody makes": (_rewrite("golden/station.toml", '"lora"', '"other"'), "uses the adapter 'other', there is lora"),
    "no licence of drafts": (
        _rewrite("line3.toml", 'files = ["*"]', 'files = ["clip/*", "blip/*[nx]", "llm/*", "golden/*", "templates/*"]'),
        "no .* entry covers blip/drafts.txt",
    ),
    "no licence": (_rewrite("line3.toml", 'files = ["*"]', 'files = ["clip/*"]'), "no .* entry covers blip/vision.onnx"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_wrong_input_is_refused_in_one_sentence_before_any_long_work(root: Path, tmp_path: Path, unfit: str) -> None:
    change, said = UNFIT[unfit]
    change(root)
    with pytest.raises(Exception, match=said) as caught:
        built(root, tmp_path / "cache")
    assert isinstance(caught.value, ExportError)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_too_little_disk_is_refused_before_any_long_work(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(ExportError, match="has 1 MiB free: make room"):
        built(root, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_the_board_gives_the_precision_that_the_specification_leaves_out(root: Path) -> None:
    spec = read_spec(root / "line3.toml", precision=read_board("jetson-orin-nano").precision)
    assert spec.clip is not None
    assert spec.blip is not None
    assert (spec.clip.precision, spec.blip.precision, spec.blip.decoder_precision) == ("fp16", "fp16", "fp16")
    (root / "line3.toml").write_text(SPEC.replace('folder = "models/clip"', 'folder = "models/clip"\nprecision = "int8-full"'))
    spec = read_spec(root / "line3.toml", precision="fp16")
    assert spec.clip is not None
    assert spec.clip.precision == "int8-full"
