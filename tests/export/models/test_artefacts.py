from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from transformers import SiglipConfig, SiglipModel, SiglipTextConfig, SiglipVisionConfig

from edge.bundle.open import Bundle
from edge.describers.blip import BlipCaptioner
from edge.picture.decode import read_picture
from export import cli
from export.cache import Cache
from export.errors import SpecError
from export.eye.tokenizer import PAD_ID
from export.model_sources import BlipSource, ClipSource
from export.models.artefacts import copy_artefacts, pictures_of
from export.models.blip.make import PROOF_TOKENS, check_blip
from export.models.clip.graphs import export_clip
from export.models.clip.make import check_clip
from export.models.quantize import changing, quantize
from export.models.steps import blip_part, clip_part
from export.models.vocabulary import read_vocabulary
from export.proof.figures import ProofError
from export.spec import read_models
from firmware_config.board import Precision, read_board
from firmware_config.bundle import Manifest
from firmware_config.station import Describe
from tests.support import tiny_models
from tests.support.odd_checkpoints import PROCESSORS, SQUARE, write_processor, write_tokenizer
from tests.support.tiny_bundle import is_one_sentence, manifest_of, sound_files

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]

LOOSE = {"cosine": 0.9, "agreement": 0.5, "overlap": 0.3, "edit_distance": 1.0, "probability": 1.0}
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
        write_tokenizer(folder / name)
        write_processor(folder / name, PROCESSORS[name], {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], **SQUARE})
    rng = np.random.default_rng(0)
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (40, 48, 3), np.uint8))
    (folder / "tags.txt").write_text("".join(f"word{number}\n" for number in range(12)))
    (folder / "attributes.tsv").write_text("word20\tきず\nword21\t\n")
    return folder


def clip_of(
    sources: Path,
    out: Path,
    *,
    name: str = "clip",
    precision: Precision = "fp32",
    pictures: Sequence[Path] | None = None,
    **changed: object,
) -> None:
    settings = {
        "folder": sources / name,
        "precision": precision,
        "tags": (sources / "tags.txt",),
        "attributes": (sources / "attributes.tsv",),
        "prompts": ("word30 {}", "{}"),
        "limits": {} if precision == "fp32" else LOOSE,
    }
    job = check_clip(ClipSource.model_validate({**settings, **changed}), pictures_of(sources) if pictures is None else pictures)
    copy_artefacts(clip_part(job, cache=Cache(out.with_name("cache")), report=quiet).artefacts, out)


def blip_of(sources: Path, out: Path, *, precision: Precision = "fp32", **changed: object) -> None:
    limits = {} if precision == "fp32" else LOOSE
    settings = {"folder": sources / "blip", "precision": precision, "decoder_precision": precision, "limits": limits}
    source = BlipSource.model_validate({**settings, **changed})
    copy_artefacts(blip_part(check_blip(source, pictures_of(sources)), cache=Cache(out.with_name("cache")), report=quiet).artefacts, out)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_clip_and_siglip_become_artefacts_that_the_build_reads(sources: Path, tmp_path: Path, name: str) -> None:
    clip_of(sources, tmp_path / "out", name=name)
    clip = read_models(tmp_path / "out").clip
    assert clip is not None
    assert (clip.preprocess.size, clip.preprocess.mean, clip.context_tokens) == (tiny_models.SIZE, (0.5, 0.4, 0.3), 16)
    words = (tmp_path / "out" / clip.tags.words).read_text().splitlines()
    embeddings = np.load(tmp_path / "out" / clip.tags.embeddings)
    assert (len(words), embeddings.shape[0], embeddings.dtype) == (12, 12, np.float32)
    assert (tmp_path / "out" / clip.attributes.translations["ja"]).read_text(encoding="utf-8") == "きず\n\n"
    assert read_models(tmp_path / "out").parity["clip_image_cosine_fp32"] == pytest.approx(1, abs=1e-5)


def test_siglip_reads_a_padded_sentence_as_transformers_does(sources: Path, tmp_path: Path) -> None:
    clip_of(sources, tmp_path / "out", name="siglip")
    model, row = siglip(), [7, 9, 12]
    ids = np.array([row + [PAD_ID] * (tiny_models.CONTEXT_TOKENS - len(row))])
    session = ort.InferenceSession(str(tmp_path / "out/clip/text.onnx"))
    assert [node.name for node in session.get_inputs()] == ["input_ids"]
    with torch.no_grad():
        expected = torch.nn.functional.normalize(model.get_text_features(input_ids=torch.from_numpy(ids)), dim=-1).numpy()
    assert np.abs(session.run(None, {"input_ids": ids})[0] - expected).max() < 1e-5


@pytest.mark.parametrize("precision", get_args(Precision))
def test_every_precision_is_proven_and_keeps_its_weights_inside_the_file(sources: Path, tmp_path: Path, precision: Precision) -> None:
    clip_of(sources, tmp_path / "out", precision=precision)
    blip_of(sources, tmp_path / "out", precision=precision)
    models = read_models(tmp_path / "out")
    assert models.blip is not None
    assert {f"clip_image_cosine_{precision}", f"blip_decoder_agreement_{precision}"} <= set(models.parity)
    for path in tmp_path.glob("out/*/*.onnx"):
        graph = onnx.load(path, load_external_data=False)
        assert not any(tensor.external_data for tensor in graph.graph.initializer)
    kinds = {node.op_type for node in onnx.load(tmp_path / "out/blip/decoder.onnx").graph.node}
    made = {"int8": "MatMulInteger", "int8-full": "MatMulInteger", "int8-static": "QuantizeLinear", "int4": "MatMulNBits"}
    assert precision in {"fp32", "fp16"} or made[precision] in kinds


def greedy_caption(artefacts: Path, picture: Path, **settings: int) -> str:
    """The greedy caption by the device's own code, without drafts."""
    blip = read_models(artefacts).blip
    assert blip is not None
    bundle = Bundle(artefacts, Manifest.model_validate(manifest_of(sound_files())), "sha256:" + "0" * 64, unsigned=True)
    captioner = BlipCaptioner(bundle, blip.model_copy(update={"drafts": None}), board=read_board("cpu"))
    pixels = read_picture(picture, max_pixels=10**7, max_bytes=10**8)
    return captioner.captions(pixels, Describe.model_validate({"samples": 0, **settings}))[0]


@pytest.mark.parametrize("prompt", ["", "word3 word7"])
def test_drafts_are_the_device_s_captions_of_the_pictures_and_the_given_ones(sources: Path, tmp_path: Path, prompt: str) -> None:
    plant, given = shutil.copytree(sources, tmp_path / "plant"), tmp_path / "captions.txt"
    padded = tiny_models.tokenizer()
    padded.enable_padding(length=20)
    padded.enable_truncation(4)
    padded.save(str(plant / "blip/tokenizer.json"))  # as save_pretrained leaves it after a training with padded batches
    for lines in ("word1 word2\n", "word5 word6\n\nword1 word2\n"):
        given.write_text(lines, encoding="utf-8-sig")
        blip_of(plant, tmp_path / "out", prompt=prompt, drafts=(given,))
        found = (tmp_path / "out/blip/drafts.txt").read_text().splitlines()
        captions = [greedy_caption(tmp_path / "out", picture, max_tokens=PROOF_TOKENS - 1) for picture in pictures_of(plant)]
        assert found == [*captions, *(line for line in lines.splitlines() if line)]
        assert all(captions)


def test_a_specification_can_leave_drafts_out(sources: Path, tmp_path: Path) -> None:
    blip_of(sources, tmp_path / "out", drafts="none")
    blip = read_models(tmp_path / "out").blip
    assert blip is not None
    assert blip.drafts is None
    assert not (tmp_path / "out/blip/drafts.txt").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read .*: give a UTF-8 text file"),
        ("きず".encode("shift-jis"), "cannot be read .*: give a UTF-8 text file"),
        (b"a cell\n" + b"word " * 60, "line 2: 300 characters, expected a caption of at most 240: leave it out"),
        (b"a cell\n" * 1001, "1001 captions, expected at most 1000: keep the commonest"),
    ],
)
def test_a_wrong_file_of_drafts_is_refused_in_one_sentence(sources: Path, tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "captions.txt").write_bytes(content)
    with pytest.raises(SpecError, match=expected) as refused:
        blip_of(sources, tmp_path / "out", drafts=(tmp_path / "captions.txt",))
    assert is_one_sentence(str(refused.value))


@pytest.mark.parametrize("precision", ["int8", "int8-full", "int8-static", "int4"])
def test_only_the_named_nodes_change(tmp_path: Path, precision: Precision) -> None:
    export_clip(siglip(), tmp_path)
    picture = {"pixel_values": np.random.default_rng(0).standard_normal((1, 3, tiny_models.SIZE, tiny_models.SIZE)).astype(np.float32)}

    def seen(nodes: list[str]) -> np.ndarray:
        quantize(tmp_path / "vision.onnx", tmp_path / "made.onnx", precision, samples=[picture], nodes=nodes)
        image_embeds: np.ndarray = ort.InferenceSession(tmp_path / "made.onnx").run(None, picture)[0]
        return image_embeds

    names = [name for name in changing(tmp_path / "vision.onnx", precision) if precision != "int4" or name.endswith("MatMul")]
    assert any(name.endswith("Gemm") for name in names) == (precision != "int4")
    nothing, each = seen([]), [seen([name]) for name in names]
    assert np.array_equal(nothing, ort.InferenceSession(tmp_path / "vision.onnx").run(None, picture)[0])
    assert len({one.tobytes() for one in (nothing, *each)}) == 1 + len(names)


def test_static_int8_changes_what_products_with_weights_read_and_nothing_else(sources: Path, tmp_path: Path) -> None:
    clip_of(sources, tmp_path / "out", precision="int8-static")
    graph = onnx.load(tmp_path / "out/clip/vision.onnx").graph
    source = {name: node for node in graph.node for name in node.output}
    products = [node for node in graph.node if node.op_type in {"MatMul", "Gemm", "Conv"}]
    read = [[source[name].op_type == "DequantizeLinear" for name in node.input[:2]] for node in products]
    of_attention = [both == [False, False] for both in read]
    assert sum(of_attention) == 2 * 2  # two layers, each with scores and mixture
    assert all(both == [True, True] for both, plain in zip(read, of_attention, strict=True) if not plain)
    assert any(node.op_type == "Conv" for node in products)
    rounded = [source.get(node.input[0]) for node in graph.node if node.op_type == "QuantizeLinear"]
    assert not any(node in products for node in rounded)


def test_a_broken_limit_fails_with_the_stage_the_layers_and_the_precision_to_try(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=r"worst clip\.image .* in int8: try int8-full, then fp32") as caught:
        clip_of(sources, tmp_path / "out", precision="int8", limits={**LOOSE, "cosine": 1.1})
    assert "BROKEN" in str(caught.value)
    assert {one.layer for one in caught.value.suspects} >= {"mlp/fc1"}
    assert [one.cosine for one in caught.value.suspects] == sorted(one.cosine for one in caught.value.suspects)
    assert not (tmp_path / "out").exists()


def test_other_prompts_make_the_artefacts_of_clip_again_but_not_its_graphs(sources: Path, tmp_path: Path) -> None:
    clip_of(sources, tmp_path / "out")
    first = {path.name for path in (tmp_path / "cache").iterdir()}
    clip_of(sources, tmp_path / "again")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == first

    clip_of(sources, tmp_path / "other", prompts=("{}",))

    (added,) = {path.name for path in (tmp_path / "cache").iterdir()} - first
    assert re.fullmatch("clip-[0-9a-f]+", added)


def test_a_wrong_source_is_refused_before_any_work(sources: Path, tmp_path: Path) -> None:
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
        ("crop_size is '224'", {"name": str(broken)}),
        (r"tokenizer\.json cannot be read", {"name": str(bare)}),
    ):
        with pytest.raises(SpecError, match=complaint) as caught:
            clip_of(sources, tmp_path / "out", **changed)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out/clip").exists()


def test_the_commands_make_artefacts_and_print_the_proof(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tags", str(sources / "tags.txt"), "--attributes", str(sources / "attributes.tsv")]
    common = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--precision", "fp32", "--pictures", str(sources)]
    picture = tmp_path / "proof.png"
    assert cli.main(["clip", str(sources / "clip"), *common, *words, "--prompts", "{}", "--explain", str(picture)]) == 0
    assert cv2.imread(str(picture)) is not None
    assert cli.main(["blip", str(sources / "blip"), *common, "--decoder-precision", "fp32"]) == 0
    assert set(json.loads((tmp_path / "out/models.json").read_text())) == {"clip", "blip", "parity"}
    assert "blip.decoder" in capsys.readouterr().out
    assert cli.main(["blip", str(sources / "clip"), *common]) == 78
    assert "expected blip" in capsys.readouterr().err


def test_a_command_prints_its_figures_and_no_log_of_the_libraries(sources: Path, tmp_path: Path) -> None:
    words = ["--tags", str(sources / "tags.txt"), "--attributes", str(sources / "attributes.tsv"), "--prompts", "{}"]
    common = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--precision", "int8", "--pictures", str(sources)]
    code = "import sys; from export.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "clip", str(sources / "clip"), *common, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "clip.image" in ran.stdout
    assert "INFO" not in ran.stderr


def test_the_seed_vocabularies_are_taken_by_default(sources: Path) -> None:
    source = ClipSource(folder=sources / "clip")
    assert all(len(read_vocabulary(path)) >= 1500 for path in (*source.tags, *source.attributes))
