from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from transformers import BlipForConditionalGeneration, CLIPModel

from edge.bundle.open import Bundle
from edge.describers.blip import BlipCaptioner
from edge.describers.decoding.drafts import open_drafts
from edge.errors import BundleError
from edge.picture.preprocess import pixel_values
from edge.runtime.onnx import Array, Graph, Tensor
from export.eye.tokenizer import DECODE_ID, END_ID, PAD_ID, START_ID
from export.models.blip.graphs import cross_names, export_blip, past_names
from export.models.clip.graphs import export_clip
from export.models.quantize import quantize
from export.proof.figures import cosine
from firmware_config.board import read_board
from firmware_config.bundle import Manifest
from firmware_config.describers import Blip, ClipBlip
from firmware_config.station import Describe
from tests.support import tiny_models
from tests.support.tiny_bundle import is_one_sentence, manifest_of, sound_files

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers', of the tuple caches of older versions
]

TOLERANCE = 1e-4
COUNT = 3


@pytest.fixture(scope="module")
def clip() -> CLIPModel:
    return tiny_models.clip()


@pytest.fixture(scope="module")
def blip() -> BlipForConditionalGeneration:
    return tiny_models.blip()


@pytest.fixture(scope="module")
def graphs(clip: CLIPModel, blip: BlipForConditionalGeneration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    export_clip(clip, folder / "clip")
    export_blip(blip, folder / "blip")
    return folder


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((COUNT, 3, tiny_models.SIZE, tiny_models.SIZE)).astype(np.float32)


def run(graph: Path, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(str(graph))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def test_clip_vision_equals_torch_for_every_batch_size(graphs: Path, clip: CLIPModel, pictures: np.ndarray) -> None:
    for count in (1, COUNT):
        found = run(graphs / "clip/vision.onnx", pixel_values=pictures[:count])["image_embeds"]
        with torch.no_grad():
            expected = torch.nn.functional.normalize(clip.get_image_features(torch.from_numpy(pictures[:count])), dim=-1).numpy()
        assert np.abs(found - expected).max() < TOLERANCE
        assert np.allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)


def test_clip_text_equals_torch_for_every_length(graphs: Path, clip: CLIPModel) -> None:
    for words, padding in ((1, 0), (4, 3), (tiny_models.CONTEXT_TOKENS - 2, 0)):
        row = [START_ID, *range(10, 10 + words), END_ID]
        ids = np.array([row + [PAD_ID] * padding] * 2, np.int64)
        mask = (ids != PAD_ID).astype(np.int64)
        found = run(graphs / "clip/text.onnx", input_ids=ids, attention_mask=mask)["text_embeds"]
        with torch.no_grad():
            features = clip.get_text_features(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        assert np.abs(found - torch.nn.functional.normalize(features, dim=-1).numpy()).max() < TOLERANCE


def test_blip_decoder_with_a_growing_past_equals_torch_without_one(
    graphs: Path, blip: BlipForConditionalGeneration, pictures: np.ndarray
) -> None:
    cross = run(graphs / "blip/vision.onnx", pixel_values=pictures[:1])
    text = blip.config.text_config
    layers, heads, head_dim = text.num_hidden_layers, text.num_attention_heads, text.hidden_size // text.num_attention_heads
    assert set(cross) == set(cross_names(layers))
    tokens = np.array([[DECODE_ID, 9, 17, 30, 8], [DECODE_ID, 40, 6, 6, 22]], np.int64)
    with torch.no_grad():
        seen = blip.vision_model(torch.from_numpy(pictures[:1])).last_hidden_state.expand(2, -1, -1)
        expected = blip.text_decoder(input_ids=torch.from_numpy(tokens), encoder_hidden_states=seen, return_dict=True).logits.numpy()

    past = {name: np.zeros((2, heads, 0, head_dim), np.float32) for name in past_names(layers)}
    done = 0
    for step in (2, 1, 2):  # the first tokens together, one alone, and two more that see each other causally
        feed = tokens[:, done : done + step]
        positions = np.arange(done, done + step, dtype=np.int64)[None].repeat(2, 0)
        mask = np.ones((2, done + step), np.int64)
        out = run(graphs / "blip/decoder.onnx", input_ids=feed, position_ids=positions, attention_mask=mask, **past, **cross)
        done += step
        assert np.abs(out["logits"] - expected[:, done - step : done]).max() < TOLERANCE * np.abs(expected).max()
        past = {name: out[name.replace("past", "present")] for name in past}


def test_the_graphs_hold_their_weights_and_name_what_the_device_asks_for(graphs: Path) -> None:
    for name in ("clip/vision", "clip/text", "blip/vision", "blip/decoder"):
        model = onnx.load(graphs / f"{name}.onnx", load_external_data=False)
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx"}
    inputs = {value.name for value in onnx.load(graphs / "blip/decoder.onnx").graph.input}
    assert inputs == {"input_ids", "position_ids", "attention_mask", *past_names(tiny_models.LAYERS), *cross_names(tiny_models.LAYERS)}


@pytest.mark.parametrize("name", ["clip/vision", "clip/text", "blip/vision", "blip/decoder"])
def test_int8_keeps_the_direction_of_every_output(graphs: Path, tmp_path: Path, pictures: np.ndarray, name: str) -> None:
    small = tmp_path / f"{name}.onnx"
    quantize(graphs / f"{name}.onnx", small, "int8")
    for before, after in zip(*(_outputs(path, pictures, cross=graphs) for path in (graphs / f"{name}.onnx", small)), strict=True):
        assert cosine(before, after) > 0.99


def _outputs(graph: Path, pictures: np.ndarray, *, cross: Path) -> list[np.ndarray]:
    """Every output of a graph as rows, for inputs that are the same each time."""
    match graph.stem:
        case "vision":
            runs = [run(graph, pixel_values=picture[None]) for picture in pictures]
            return [np.stack([one[name].ravel() for one in runs]) for name in runs[0]]
        case "text":
            ids = np.array([[START_ID, 7, 30, END_ID], [START_ID, 12, 11, END_ID]], np.int64)
            return list(run(graph, input_ids=ids, attention_mask=np.ones_like(ids)).values())
        case _:
            ids = np.array([[DECODE_ID, 9, 17], [DECODE_ID, 30, 8]], np.int64)
            positions = np.arange(3, dtype=np.int64)[None].repeat(2, 0)
            past = {name: np.zeros((2, tiny_models.HEADS, 0, tiny_models.HEAD_DIM), np.float32) for name in past_names(tiny_models.LAYERS)}
            seen = run(cross / "blip/vision.onnx", pixel_values=pictures[:1])
            return [run(graph, input_ids=ids, position_ids=positions, attention_mask=np.ones_like(ids), **past, **seen)["logits"]]


@pytest.fixture
def bundle(graphs: Path) -> Bundle:
    tiny_models.tokenizer().save(str(graphs / "blip/tokenizer.json"))
    parts: dict[str, Any] = manifest_of(sound_files())
    parts["describer"]["blip"] |= {
        "layers": tiny_models.LAYERS,
        "heads": tiny_models.HEADS,
        "head_dim": tiny_models.HEAD_DIM,
        "bos_token_id": DECODE_ID,
        "eos_token_id": END_ID,
        "pad_token_id": PAD_ID,
    }
    return Bundle(graphs, Manifest.model_validate(parts), "sha256:" + "0" * 64, unsigned=True)


def blip_of(bundle: Bundle) -> Blip:
    """The section of the manifest on BLIP."""
    describer = bundle.manifest.describer
    assert isinstance(describer, ClipBlip)
    assert describer.blip is not None
    return describer.blip


def captioned(bundle: Bundle, pixels: np.ndarray, **settings: int) -> tuple[str, ...]:
    describe = Describe(**{"samples": 0, **settings})
    return BlipCaptioner(bundle, blip_of(bundle), board=read_board("cpu")).captions(pixels, describe)


def drafting(bundle: Bundle, drafts: Sequence[str], **blip: object) -> Bundle:
    """The bundle with drafts."""
    (bundle.root / "blip/drafts.txt").write_text("".join(f"{draft}\n" for draft in drafts))
    parts = manifest_of(sound_files() | {"blip/drafts.txt": b""})
    parts["describer"]["blip"] = blip_of(bundle).model_dump(mode="json") | {"drafts": "blip/drafts.txt", **blip}
    return Bundle(bundle.root, Manifest.model_validate(parts), bundle.digest, unsigned=True)


def steps(bundle: Bundle, pixels: np.ndarray, **settings: int) -> tuple[tuple[str, ...], int]:
    """Captions, and how often the decoder ran for them."""
    run, decoder_runs = Graph.run, 0

    def counted(graph: Graph, inputs: Mapping[str, Tensor], **names: Sequence[str]) -> tuple[list[Array], list[Tensor]]:
        nonlocal decoder_runs
        decoder_runs += "input_ids" in inputs
        return run(graph, inputs, **names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Graph, "run", counted)
        return captioned(bundle, pixels, **settings), decoder_runs


def generated(blip: BlipForConditionalGeneration, bundle: Bundle, pixels: np.ndarray, *, max_tokens: int, beams: int = 1) -> str:
    values = torch.from_numpy(pixel_values(pixels, blip_of(bundle).preprocess))
    with torch.no_grad():
        seen = blip.vision_model(pixel_values=values).last_hidden_state
        (row,) = blip.text_decoder.generate(
            input_ids=torch.tensor([[DECODE_ID]]),
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.int64),
            eos_token_id=END_ID,
            pad_token_id=PAD_ID,
            max_new_tokens=max_tokens,
            num_beams=beams,
            do_sample=False,
        )
    return str(tiny_models.tokenizer().decode(row.tolist(), skip_special_tokens=True))


def random_pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 40, 3), np.uint8)


def test_the_greedy_caption_is_that_of_transformers(bundle: Bundle, blip: BlipForConditionalGeneration) -> None:
    found = [captioned(bundle, random_pixels(seed), max_tokens=16)[0] for seed in range(6)]
    assert found == [generated(blip, bundle, random_pixels(seed), max_tokens=16) for seed in range(6)]
    assert any(found)


@pytest.mark.parametrize("max_tokens", [3, 16])
def test_the_beam_caption_is_that_of_transformers(bundle: Bundle, blip: BlipForConditionalGeneration, max_tokens: int) -> None:
    found = [captioned(bundle, random_pixels(seed), beams=3, max_tokens=max_tokens)[0] for seed in range(8)]
    assert found == [generated(blip, bundle, random_pixels(seed), beams=3, max_tokens=max_tokens) for seed in range(8)]


def test_sampled_captions_are_the_same_for_the_same_picture_and_others_for_another_seed(bundle: Bundle) -> None:
    one, again = (captioned(bundle, random_pixels(0), samples=5, max_tokens=8) for _ in range(2))
    assert one == again
    assert len(one) == 6
    assert captioned(bundle, random_pixels(0), samples=5, max_tokens=8, seed=1)[1:] != one[1:]


def test_other_captions_beside_them_change_neither_the_greedy_nor_the_sampled_ones(bundle: Bundle) -> None:
    alone = captioned(bundle, random_pixels(3), max_tokens=16)
    beside = captioned(bundle, random_pixels(3), samples=4, max_tokens=16)
    assert beside[:1] == alone
    assert captioned(bundle, random_pixels(3), samples=4, beams=2, max_tokens=16)[1:] == beside[1:]


@pytest.mark.parametrize("prompt", ["", "word3 word7"])
def test_drafts_change_no_word_and_save_steps(bundle: Bundle, prompt: str) -> None:
    plain = drafting(bundle, [], prompt=prompt)
    found = [steps(plain, random_pixels(seed), max_tokens=16) for seed in range(8)]
    lines = [captions[0] for captions, _ in found]
    halves = [" ".join(line.split()[:4] + other.split()[4:]) for line, other in itertools.pairwise(lines)]
    rng = np.random.default_rng(0)
    nonsense = [" ".join(f"word{number}" for number in rng.integers(0, 40, 12)) for _ in range(20)]
    for drafts in (lines, halves, nonsense, ["word1 unheard of", ""]):
        drafted = [steps(drafting(bundle, drafts, prompt=prompt), random_pixels(seed), max_tokens=16) for seed in range(8)]
        assert [captions for captions, _ in drafted] == [captions for captions, _ in found]
        if drafts == lines:
            assert sum(now for _, now in drafted) < 0.5 * sum(before for _, before in found)


@pytest.mark.parametrize(("board", "foreseen"), [("cpu", 1), ("gpu", 1), ("jetson-orin-nano", 0)])
def test_tensorrt_is_given_no_drafts(bundle: Bundle, board: str, foreseen: int) -> None:
    drafts = open_drafts(drafting(bundle, ["word1"]), "blip/drafts.txt", tiny_models.tokenizer(), board=read_board(board))
    assert len(drafts.after([], most=9)) == foreseen


def test_drafts_that_are_no_text_are_refused_in_one_sentence(bundle: Bundle) -> None:
    drafted = drafting(bundle, [])
    (bundle.root / "blip/drafts.txt").write_bytes("きず".encode("shift-jis"))
    with pytest.raises(BundleError, match="it is not UTF-8 text") as refused:
        open_drafts(drafted, "blip/drafts.txt", tiny_models.tokenizer(), board=read_board("cpu"))
    assert is_one_sentence(str(refused.value))


def test_a_caption_that_drafts_foresee_stops_at_max_tokens(bundle: Bundle) -> None:
    whole = captioned(bundle, random_pixels(0), max_tokens=16)[0].split()
    for most in range(1, 8):
        assert captioned(drafting(bundle, [" ".join(whole)]), random_pixels(0), max_tokens=most)[0].split() == whole[:most]


def test_a_caption_ends_at_its_end_token_also_within_a_draft(bundle: Bundle) -> None:
    (whole,) = captioned(bundle, random_pixels(0), max_tokens=16)
    tokens = tiny_models.tokenizer().encode(whole, add_special_tokens=False).ids
    for end in set(tokens):
        drafted = drafting(bundle, [whole], eos_token_id=end)
        assert captioned(drafted, random_pixels(0), max_tokens=16)[0].split() == whole.split()[: tokens.index(end)]


def test_drafts_that_a_decoder_cannot_check_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    drafting(bundle, ["word1"])
    whole, last = onnx.load(bundle.root / "blip/decoder.onnx"), tmp_path / "decoder.onnx"
    whole.graph.node.append(onnx.helper.make_node("Gather", ["all_logits", "the_last"], ["logits"], axis=1))
    whole.graph.initializer.append(onnx.numpy_helper.from_array(np.array(-1), "the_last"))
    for node in whole.graph.node[:-1]:
        node.output[:] = ["all_logits" if name == "logits" else name for name in node.output]
    (logits,) = (output for output in whole.graph.output if output.name == "logits")
    del logits.type.tensor_type.shape.dim[1]
    onnx.save(whole, last)
    old = shutil.copytree(bundle.root, tmp_path / "old")
    shutil.copyfile(last, old / "blip/decoder.onnx")
    as_before = dataclasses.replace(bundle, root=old)
    assert captioned(as_before, random_pixels(0), samples=2, max_tokens=16) == captioned(bundle, random_pixels(0), samples=2, max_tokens=16)
    with pytest.raises(BundleError, match="a decoder that cannot check drafts: build the bundle again"):
        captioned(drafting(as_before, ["word1"]), random_pixels(0), max_tokens=16)
