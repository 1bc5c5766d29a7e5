from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from transformers import SiglipConfig, SiglipModel, SiglipTextConfig, SiglipVisionConfig

from export import cli
from export.artefacts import make_blip, make_clip
from export.errors import BuildError, SpecError
from export.quantize import Precision
from export.spec import read_models
from export.starter.tokenizer import PAD_ID
from export.vocabulary import read_vocabulary
from tests.export import tiny_models

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]

LOOSE = {"cosine": 0.9, "agreement": 0.5, "overlap": 0.3}
"""Random weights of a few dozen columns lose more to int8 than trained ones of hundreds."""


def quiet(_: str) -> None:
    pass


def siglip() -> SiglipModel:
    torch.manual_seed(0)
    towers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = SiglipVisionConfig(**towers, image_size=tiny_models.SIZE, patch_size=16)
    size = tiny_models.tokenizer().get_vocab_size()
    text = SiglipTextConfig(
        **towers, vocab_size=size, max_position_embeddings=tiny_models.CONTEXT_TOKENS, pad_token_id=PAD_ID, projection_size=32
    )
    return SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())).eval()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints as Hugging Face writes them, and pictures."""
    folder = tmp_path_factory.mktemp("sources")
    for name, model in (("clip", tiny_models.clip()), ("siglip", siglip()), ("blip", tiny_models.blip())):
        model.save_pretrained(folder / name)
        tiny_models.tokenizer().save(str(folder / name / "tokenizer.json"))
        (folder / name / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}))
    rng = np.random.default_rng(0)
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (40, 48, 3), np.uint8))
    (folder / "tags.txt").write_text("".join(f"word{number}\n" for number in range(12)))
    (folder / "attributes.tsv").write_text("word20\tきず\nword21\t\n")
    return folder


def clip_of(sources: Path, out: Path, *, name: str = "clip", precision: Precision = "fp32", **changed: object) -> None:
    settings = {
        "tags": [sources / "tags.txt"],
        "attributes": [sources / "attributes.tsv"],
        "prompts": ["word30 {}", "{}"],
        "pictures": sorted(sources.glob("*.png")),
        "limits": None if precision == "fp32" else LOOSE,
    }
    make_clip(sources / name, out, precision=precision, say=quiet, **{**settings, **changed})


def blip_of(sources: Path, out: Path, *, precision: Precision = "fp32", **changed: object) -> None:
    settings = {"prompt": "", "pictures": sorted(sources.glob("*.png")), "limits": None if precision == "fp32" else LOOSE}
    make_blip(sources / "blip", out, precision=precision, decoder=precision, say=quiet, **{**settings, **changed})


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_clip_and_siglip_become_artefacts_that_the_build_reads(sources: Path, tmp_path: Path, name: str) -> None:
    clip_of(sources, tmp_path, name=name)
    clip = read_models(tmp_path).clip
    assert (clip.preprocess.size, clip.preprocess.mean, clip.context_tokens) == (tiny_models.SIZE, (0.5, 0.4, 0.3), 16)
    words = (tmp_path / clip.tags.words).read_text().splitlines()
    embeddings = np.load(tmp_path / clip.tags.embeddings)
    assert (len(words), embeddings.shape[0], embeddings.dtype) == (12, 12, np.float32)
    assert (tmp_path / clip.attributes.glosses["ja"]).read_text(encoding="utf-8") == "きず\n\n"
    assert read_models(tmp_path).parity["clip_image_cosine_fp32"] == pytest.approx(1, abs=1e-5)


def test_siglip_reads_a_padded_sentence_as_transformers_does(sources: Path, tmp_path: Path) -> None:
    clip_of(sources, tmp_path, name="siglip")
    model, row = siglip(), [7, 9, 12]
    ids = np.array([row + [PAD_ID] * (tiny_models.CONTEXT_TOKENS - len(row))])
    session = ort.InferenceSession(str(tmp_path / "clip/text.onnx"))
    assert [node.name for node in session.get_inputs()] == ["input_ids"]
    with torch.no_grad():
        expected = torch.nn.functional.normalize(model.get_text_features(input_ids=torch.from_numpy(ids)), dim=-1).numpy()
    assert np.abs(session.run(None, {"input_ids": ids})[0] - expected).max() < 1e-5


@pytest.mark.parametrize("precision", get_args(Precision))
def test_every_precision_is_made_proven_and_keeps_its_weights_inside(sources: Path, tmp_path: Path, precision: Precision) -> None:
    clip_of(sources, tmp_path, precision=precision)
    blip_of(sources, tmp_path, precision=precision)
    models = read_models(tmp_path)
    assert models.blip is not None
    assert {f"clip_image_cosine_{precision}", f"blip_decoder_agreement_{precision}"} <= set(models.parity)
    for path in tmp_path.glob("*/*.onnx"):
        graph = onnx.load(path, load_external_data=False)
        assert not any(tensor.external_data for tensor in graph.graph.initializer)
    kinds = {node.op_type for node in onnx.load(tmp_path / "blip/decoder.onnx").graph.node}
    made = {"int8": "MatMulInteger", "int8-full": "MatMulInteger", "int8-static": "QuantizeLinear", "int4": "MatMulNBits"}
    assert precision in {"fp32", "fp16"} or made[precision] in kinds


def test_a_broken_limit_fails_with_the_stage_and_the_precision_to_try(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"worst clip\.image .* in int8: try int8-full, then fp32") as caught:
        clip_of(sources, tmp_path, precision="int8", limits={**LOOSE, "cosine": 1.1})
    assert "BROKEN" in str(caught.value)
    assert not (tmp_path / "models.json").exists()


def test_what_is_wrong_is_said_before_any_work(sources: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.txt"
    twice.write_text("dent\ndent\n")
    broken = shutil.copytree(sources / "clip", tmp_path / "broken")
    (broken / "preprocessor_config.json").write_text("{}")
    bare = shutil.copytree(sources / "clip", tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    for complaint, changed in (
        ("is of the type 'blip', expected clip or siglip", {"name": "blip"}),
        ("'dent' is there twice", {"tags": [twice]}),
        ("no picture to prove with", {"pictures": []}),
        (r"nowhere\.png cannot be read", {"pictures": [tmp_path / "nowhere.png"]}),
        ("gives no image_mean", {"name": str(broken)}),
        (r"tokenizer\.json cannot be read", {"name": str(bare)}),
    ):
        with pytest.raises(SpecError, match=complaint) as caught:
            clip_of(sources, tmp_path / "out", **changed)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out/clip").exists()


def test_the_commands_make_artefacts_and_print_the_proof(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [str(path) for path in sorted(sources.glob("*.png"))]
    words = ["--tags", str(sources / "tags.txt"), "--attributes", str(sources / "attributes.tsv")]
    common = ["--out", str(tmp_path), "--precision", "fp32", "--pictures", *pictures]
    assert cli.main(["clip", str(sources / "clip"), *common, *words, "--prompt", "{}"]) == 0
    assert cli.main(["blip", str(sources / "blip"), *common, "--decoder-precision", "fp32"]) == 0
    assert "blip.decoder" in capsys.readouterr().out
    assert cli.main(["blip", str(sources / "clip"), *common]) == 78
    assert "expected blip" in capsys.readouterr().err


def test_the_seed_vocabularies_are_what_the_command_takes_by_default() -> None:
    options = cli._parser().parse_args(["clip", "folder", "--out", "out", "--pictures", "a.png"])  # noqa: SLF001
    assert all(len(read_vocabulary(path)) >= 1500 for path in (*options.tags, *options.attributes))
    for choices in [action.choices for action in cli._parser()._subparsers._group_actions[0].choices["clip"]._actions]:  # noqa: SLF001
        assert choices is None or choices == get_args(Precision)
