from __future__ import annotations

import json

import pytest
import torch

from edge.describers import open_vision_models
from edge.describers.vision_encoder_decoder import VisionEncoderDecoderCaptioner
from edge.errors import BundleError
from edge.picture.decode import read_picture
from edge.picture.preprocess import pixel_values
from edge.records import Pixels
from firmware_config.board import read_board
from firmware_config.describers import VisionEncoderDecoder
from firmware_config.station import Describe
from tests.support import tiny_models
from tests.support.repository import STARTER_PICTURES
from tests.support.sample_records import frame
from tests.support.tiny_vision_encoder_decoder import bundle, model

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch warns of its own exporter
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # transformers warns of its own names
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch warns of constants that it does not fold
]
PICTURES = ("crack-0", "intact-0", "dead-cell-0")
TOKENS = 12


def pixels(name: str) -> Pixels:
    return read_picture(STARTER_PICTURES / f"{name}.png", max_pixels=10**6, max_bytes=10**7)


def section() -> VisionEncoderDecoder:
    describer = bundle().manifest.describer
    assert isinstance(describer, VisionEncoderDecoder)
    return describer


@pytest.fixture(scope="module")
def captioner() -> VisionEncoderDecoderCaptioner:
    return VisionEncoderDecoderCaptioner(bundle(), section(), board=read_board("cpu"))


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", PICTURES)
def test_a_caption_equals_that_of_transformers_generate(captioner: VisionEncoderDecoderCaptioner, name: str, beams: int) -> None:
    values = torch.from_numpy(pixel_values(pixels(name), section().preprocess))
    with torch.no_grad():
        (tokens,) = model().generate(values, num_beams=beams, do_sample=False, max_new_tokens=TOKENS)
    expected = tiny_models.tokenizer().decode(tokens.tolist(), skip_special_tokens=True)

    captions = captioner.captions(pixels(name), Describe(samples=0, beams=beams, max_tokens=TOKENS))

    assert captions == (expected,)
    assert expected


def test_sampled_captions_are_the_same_each_time_and_differ_by_seed(captioner: VisionEncoderDecoderCaptioner) -> None:
    def sampled(seed: int) -> tuple[str, ...]:
        return captioner.captions(pixels("crack-0"), Describe(samples=4, seed=seed, max_tokens=TOKENS))

    assert sampled(1) == sampled(1)
    assert sampled(1)[0] == sampled(2)[0], "the greedy caption does not depend on the seed"
    assert sampled(1)[1:] != sampled(2)[1:]


def test_the_bundle_chooses_the_describer_and_its_time_is_a_stage_of_its_own() -> None:
    describer = open_vision_models(bundle(), board=read_board("cpu")).describer(Describe(samples=1, max_tokens=TOKENS))

    description = describer.describe(frame(pixels=pixels("crack-0")))

    assert len(description.words.captions) == 2
    assert [stage for stage, _ in description.timings_ms] == ["clip", "vision_encoder_decoder"]


def test_the_manifest_lists_every_file_of_the_section_and_no_other_is_opened() -> None:
    raw = json.loads((bundle().root / "manifest.json").read_text(encoding="utf-8"))
    listed = [file["path"] for file in raw["files"]]
    named = {use.path for use in section().file_uses("describer")}
    assert named <= set(listed)
    with pytest.raises(BundleError, match="does not list"):
        bundle().file("captioner/other.onnx")
