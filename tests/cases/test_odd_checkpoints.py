"""Checkpoints of CLIP, SigLIP and BLIP that are odd but legal: each is exported as transformers reads it, or refused in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch
import tqdm
from PIL import Image
from transformers import (
    AutoModel,
    AutoTokenizer,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextModelWithProjection,
    CLIPVisionModelWithProjection,
    SiglipImageProcessor,
)

from edge.picture.preprocess import pixel_values
from export.models.artefacts import decoded, pictures_of
from export.spec import Models, read_models
from tests.support import odd_checkpoints, tiny_models
from tests.support.odd_checkpoints import (
    edit_json,
    edit_weights,
    export,
    one_sentence,
    square,
    write_blip,
    write_clip,
    write_pictures,
    write_siglip,
)

pytestmark = odd_checkpoints.LIBRARY_WARNINGS


@pytest.fixture(scope="module", autouse=True)
def no_monitor() -> None:
    """tqdm watches its bars from a thread that never ends."""
    tqdm.tqdm.monitor_interval = 0


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


EXPORTED: dict[str, Callable[[Path], Path]] = {
    "no normalisation": lambda folder: write_clip(folder, do_normalize=False),
    "another range, bilinear": lambda folder: write_clip(folder, rescale_factor=1 / 127.5, resample=2),
    "gelu": lambda folder: write_clip(folder, model=with_activation("gelu")),
    "the end token of older files": lambda folder: with_older_end(write_clip(folder)),
    "SigLIP padded with 0": lambda folder: write_siglip(folder, pad="<pad>"),
    "SigLIP padded with its end": lambda folder: write_siglip(folder, pad="</s>"),
    "SigLIP of half its length": lambda folder: write_siglip(folder, pad="<pad>", length=8),
}


def with_activation(name: str) -> CLIPModel:
    model = tiny_models.clip()
    config = CLIPConfig.from_dict(model.config.to_dict())
    config.text_config.hidden_act = config.vision_config.hidden_act = name
    other = CLIPModel(config)
    other.load_state_dict(model.state_dict())
    return other.eval()


def with_older_end(folder: Path) -> Path:
    """Older files name the end token 2, and the tower then looks for the largest token."""
    edit_json(folder / "config.json", lambda config: config["text_config"].update(eos_token_id=2))
    return folder


def unit(rows: torch.Tensor) -> np.ndarray:
    found: np.ndarray = torch.nn.functional.normalize(rows.detach(), dim=-1).numpy()
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", EXPORTED)
def test_an_odd_clip_gives_the_embeddings_of_transformers(tmp_path: Path, pictures: Path, name: str) -> None:
    folder, out = EXPORTED[name](tmp_path / "clip"), tmp_path / "out"
    assert export("clip", folder, pictures, out) == 0
    section = read_models(out).clip
    assert section is not None
    model, is_siglip = AutoModel.from_pretrained(folder).eval(), "SigLIP" in name
    own = (SiglipImageProcessor if is_siglip else CLIPImageProcessor).from_pretrained(folder)

    for picture in pictures_of(pictures):
        pixels = decoded([picture])[0] if is_siglip else square(picture)
        given = own(images=Image.fromarray(pixels[:, :, ::-1].copy()), return_tensors="pt")["pixel_values"]
        graph = ort.InferenceSession(str(out / section.vision))
        found = graph.run(["image_embeds"], {"pixel_values": pixel_values(pixels, section.preprocess)})[0]
        assert float((unit(model.get_image_features(given)) * found).sum()) > 0.999

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for word, row in zip((out / section.tags.words).read_text().splitlines(), np.load(out / section.tags.embeddings), strict=True):
        texts = [prompt.replace("{}", word) for prompt in section.prompts]
        given = dict(tokenizer(texts, padding="max_length", return_tensors="pt", **({} if is_siglip else {"max_length": 16})))
        mask = {} if is_siglip else {"attention_mask": given["attention_mask"]}
        mean = unit(model.get_text_features(input_ids=given["input_ids"], **mask)).mean(0)
        assert float(row @ mean / np.linalg.norm(mean)) > 0.9999


@pytest.mark.long
def test_an_odd_blip_gives_the_captions_of_transformers(tmp_path: Path, pictures: Path) -> None:
    folder, out = write_blip(tmp_path / "blip", do_normalize=False, resample=2), tmp_path / "out"
    assert export("blip", folder, pictures, out, "--decoder-precision", "fp32", "--prompt", "word3 word4") == 0
    figures: Models = read_models(out)
    assert figures.parity["blip_captions_edit_distance_fp32"] == 0
    model, own = BlipForConditionalGeneration.from_pretrained(folder).eval(), BlipImageProcessor.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    drafts = (out / "blip/drafts.txt").read_text().splitlines()
    for picture, draft in zip(pictures_of(pictures), drafts, strict=True):
        pixels = cv2.cvtColor(decoded([picture])[0], cv2.COLOR_BGR2RGB)
        given = own(images=Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
        prompt = tokenizer("word3 word4", return_tensors="pt")
        (row,) = model.generate(given, input_ids=prompt["input_ids"], attention_mask=prompt["attention_mask"], max_new_tokens=20)
        assert tokenizer.decode(row, skip_special_tokens=True).removeprefix("word3 word4").split()[:19] == draft.split()[:19]


# ---------------------------------------------------------------- weights and classes


def _without(*parts: str) -> Callable[[Path], None]:
    return lambda folder: edit_weights(
        folder, lambda weights: {name: one for name, one in weights.items() if not any(part in name for part in parts)}
    )


def _renamed(folder: Path) -> None:
    edit_weights(folder, lambda weights: {f"model.{name}": one for name, one in weights.items()})


def _vision_alone(folder: Path) -> None:
    CLIPVisionModelWithProjection(tiny_models.clip().config.vision_config).save_pretrained(folder)


def _vision_alone_under_the_old_config(folder: Path) -> None:
    config = (folder / "config.json").read_text()
    _vision_alone(folder)
    (folder / "config.json").write_text(config)


def _text_alone(folder: Path) -> None:
    CLIPTextModelWithProjection(tiny_models.clip().config.text_config).save_pretrained(folder)


def _narrow(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(projection_dim=20))


def _more(folder: Path) -> None:
    edit_weights(folder, lambda weights: weights | {"classifier.weight": torch.zeros(3, 24)})


def _not_finite(folder: Path) -> None:
    def spoil(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        weights["visual_projection.weight"][0, 0] = float("nan")
        return weights

    edit_weights(folder, spoil)


def _quantized(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(quantization_config={"quant_method": "gptq", "bits": 4}))


def _in_parts(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    tiny_models.clip().save_pretrained(folder, max_shard_size="20KB")


def _a_part_missing(folder: Path) -> None:
    _in_parts(folder)
    sorted(folder.glob("model-*.safetensors"))[1].unlink()


def _no_index(folder: Path) -> None:
    _in_parts(folder)
    (folder / "model.safetensors.index.json").unlink()


INCOMPLETE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no projections": (_without("projection"), r"lacks 2 weights \(visual_projection.weight, text_projection.weight\) of a CLIPModel"),
    "no text tower": (_without("text_model"), r"lacks \d+ weights \(text_model"),
    "one bias less": (_without("vision_model.post_layernorm.bias"), r"lacks 1 weight \(vision_model.post_layernorm.bias\)"),
    "names with a prefix": (_renamed, r"lacks \d+ weights \(logit_scale"),
    "a weight too many": (_more, r"holds 1 weight \(classifier.weight\), which a CLIPModel does not have"),
    "another width": (_narrow, r"the weight \w+_projection.weight has the shape \(24, 32\), expected \(20, 32\) by config.json"),
    "the vision tower alone": (_vision_alone, "is of the type 'clip_vision_model', expected clip or siglip"),
    "the vision tower's weights": (_vision_alone_under_the_old_config, r"lacks \d+ weights \(logit_scale, text_model"),
    "the text tower alone": (_text_alone, "is of the type 'clip_text_model'"),
    "a weight that is not finite": (_not_finite, "the weight visual_projection.weight holds numbers that are not finite"),
    "quantized weights": (_quantized, r"is quantized \(gptq\): give the checkpoint before"),
    "a part that is missing": (_a_part_missing, r"model-00002-of-\d+.safetensors cannot be read"),
    "parts without their list": (_no_index, "holds neither model.safetensors nor model.safetensors.index.json"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_clip_that_is_not_whole_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, said = INCOMPLETE[name]
    folder = write_clip(tmp_path / "clip")
    change(folder)
    assert export("clip", folder, pictures, tmp_path / "out") == 78
    assert re.search(said, one_sentence(capsys.readouterr().err))
    assert not (tmp_path / "out").exists()


def test_weights_in_parts_and_a_projection_saved_in_bf16_are_read(tmp_path: Path, pictures: Path) -> None:
    folder = write_clip(tmp_path / "clip", model=tiny_models.clip().to(torch.bfloat16))
    weights = (folder / "model.safetensors").stat().st_size
    _in_parts(folder)
    assert export("clip", folder, pictures, tmp_path / "out") == 0
    assert weights < sum(path.stat().st_size for path in folder.glob("model-*.safetensors"))


@pytest.mark.parametrize("kind", [BlipForQuestionAnswering, BlipForImageTextRetrieval])
def test_a_blip_that_writes_no_captions_is_refused(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], kind: Any) -> None:  # noqa: ANN401
    folder = write_blip(tmp_path / "blip", model=kind(tiny_models.blip().config))
    assert export("blip", folder, pictures, tmp_path / "out") == 78
    assert f"holds a {kind.__name__}, expected BlipForConditionalGeneration" in one_sentence(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("kind", "said"), [(BlipForQuestionAnswering, "holds 82 weights (text_encoder"), (BlipForImageTextRetrieval, "lacks ")]
)
def test_a_blip_that_does_not_name_its_class_is_known_by_its_weights(
    tmp_path: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    kind: Any,  # noqa: ANN401 -- a class of transformers
    said: str,
) -> None:
    folder = write_blip(tmp_path / "blip", model=kind(tiny_models.blip().config))
    edit_json(folder / "config.json", lambda config: config.pop("architectures"))
    assert export("blip", folder, pictures, tmp_path / "out") == 78
    assert said in one_sentence(capsys.readouterr().err)


def test_a_blip_without_its_decoder_is_refused(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_blip(tmp_path / "blip")
    _without("text_decoder.bert.encoder.layer.1")(folder)
    assert export("blip", folder, pictures, tmp_path / "out") == 78
    assert "lacks 26 weights (text_decoder.bert.encoder.layer.1" in one_sentence(capsys.readouterr().err)


# ---------------------------------------------------------------- words


def _left(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", lambda config: config.update(padding_side="left"))


def _no_padding(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", lambda config: config.pop("pad_token"))
    edit_json(folder / "special_tokens_map.json", lambda config: config.pop("pad_token"))


def _too_many(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", lambda config: config.update({"pad_token": "<more>"}))
    edit_json(folder / "special_tokens_map.json", lambda config: config.update({"pad_token": "<more>"}))


UNREADABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "padding on the left": (_left, r"pads on the left \(padding_side\), a box on the right"),
    "no padding token": (_no_padding, "has no padding token, and a SigLIP reads its padding"),
    "a padding token that the tower does not know": (_too_many, r"has tokens up to \d+, the text tower knows \d+"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be read"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_siglip_whose_words_a_box_cannot_read_is_refused(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, said = UNREADABLE[name]
    folder = write_siglip(tmp_path / "siglip", pad="<pad>")
    change(folder)
    assert export("clip", folder, pictures, tmp_path / "out") == 78
    assert re.search(said, one_sentence(capsys.readouterr().err))
    assert not (tmp_path / "cache").exists()


def test_a_clip_without_a_padding_token_is_exported(tmp_path: Path, pictures: Path) -> None:
    folder = write_clip(tmp_path / "clip")
    _no_padding(folder)
    assert export("clip", folder, pictures, tmp_path / "out") == 0
