"""Picture processors that are odd but legal: the box prepares pictures as they do, or the checkpoint is refused in one sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import CLIPImageProcessor

from edge.picture.preprocess import pixel_values
from export.checkpoint import read_checkpoint
from export.checkpoint.processor import read_processor
from export.errors import SpecError
from export.models.artefacts import pictures_of
from export.models.proof_pictures import MOST_LEVELS, read_proof_pictures
from tests.support import odd_checkpoints, tiny_models
from tests.support.odd_checkpoints import export, one_sentence, square, write_clip, write_pictures

pytestmark = odd_checkpoints.LIBRARY_WARNINGS

SIZE = tiny_models.SIZE
NESTED = "processor_config.json"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


PROCESSED: dict[str, dict[str, Any]] = {
    "no normalisation": {"do_normalize": False},
    "another range": {"rescale_factor": 1 / 127.5},
    "no rescaling": {"do_rescale": False},
    "neither": {"do_rescale": False, "do_normalize": False},
    "one mean for all colours": {"image_mean": 0.5, "image_std": 0.25},
    "bilinear": {"resample": 2},
    "nearest": {"resample": 0},
    "lanczos": {"resample": 1},
    "box": {"resample": 4},
    "hamming": {"resample": 5},
    "a size that is a number": {"size": SIZE, "crop_size": SIZE},
    "a height and a width": {"size": {"height": SIZE, "width": SIZE}, "do_center_crop": False},
    "a short side without a crop": {"do_center_crop": False},
    "keys that are not set": {"do_pad": None, "do_flip_channel_order": False, "pad_size": None, "data_format": "channels_first"},
    "padding that no processor does": {"do_pad": True, "size_divisor": 32},
    "an older name": {"image_processor_type": None, "feature_extractor_type": "CLIPFeatureExtractor"},
    "the name of the fast one": {"image_processor_type": "CLIPImageProcessorFast"},
}


@pytest.mark.parametrize("name", PROCESSED)
def test_the_box_prepares_pictures_as_the_checkpoint_says(tmp_path: Path, pictures: Path, name: str) -> None:
    folder = write_clip(tmp_path / "clip", **PROCESSED[name])
    settings = read_processor(read_checkpoint(folder, kind="CLIP"), size=SIZE).preprocess
    own = CLIPImageProcessor.from_pretrained(folder)
    for picture in pictures_of(pictures):
        pixels = square(picture)
        wanted = np.asarray(own(images=Image.fromarray(pixels[:, :, ::-1].copy()), return_tensors="np")["pixel_values"])
        found = pixel_values(pixels, settings)
        assert found.shape == wanted.shape
        levels = np.abs(found - wanted)[0] * 255 * np.array(settings.std)[:, None, None]
        assert levels.mean() <= 0.5
        assert levels.max() <= 4


def test_the_processor_may_be_a_section_of_the_newer_file(tmp_path: Path, pictures: Path) -> None:
    folder = write_clip(tmp_path / "clip", do_normalize=False)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / NESTED).write_text(json.dumps({"processor_class": "CLIPProcessor", "image_processor": settings}))
    processor = read_processor(read_checkpoint(folder, kind="CLIP"), size=SIZE)
    assert read_proof_pictures(pictures_of(pictures), processor).grey_levels <= 0.5
    assert processor.preprocess.std == (1.0, 1.0, 1.0)


def test_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip")
    (folder / NESTED).write_text(json.dumps({"image_processor": {"do_normalize": False}}))
    with pytest.raises(SpecError, match="contradict each other in do_normalize: remove the one that is wrong"):
        read_processor(read_checkpoint(folder, kind="CLIP"), size=SIZE)


UNLIKE: dict[str, tuple[dict[str, Any], str]] = {
    "no resize": ({"do_resize": False}, "do_resize is 'False': a box resizes every picture"),
    "colours in another order": ({"do_flip_channel_order": True}, "do_flip_channel_order is 'True'"),
    "an unknown key": ({"do_equalise": True}, "do_equalise is 'True': no box does that"),
    "an offset": ({"offset": 0.5}, "offset is '0.5'"),
    "another layout": ({"data_format": "channels_last"}, "data_format is 'channels_last'"),
    "the longest edge": ({"size": {"longest_edge": SIZE}}, "size is .*longest_edge"),
    "a largest height": ({"size": {"max_height": SIZE, "max_width": SIZE}}, "max_height"),
    "a range of sides": ({"size": {"shortest_edge": SIZE, "longest_edge": 640}}, "longest_edge"),
    "a size of another tower": ({"size": {"shortest_edge": 224}, "crop_size": 224}, "crop_size is '224': the vision tower .* takes .* 32"),
    "a crop that cuts off the rim": ({"size": {"shortest_edge": 40}}, "size is '40': with a crop_size of 32 it cuts off the rim"),
    "a picture that is not square": ({"size": {"height": SIZE, "width": 16}, "do_center_crop": False}, "a box makes square pictures"),
    "an unknown filter": ({"resample": 9}, "resample is '9'"),
    "no deviation": ({"image_std": [0.0, 0.0, 0.0]}, "image_std .* nothing can be divided by 0"),
    "two means": ({"image_mean": [0.5, 0.5]}, "image_mean .* one number for each of three colours"),
    "a factor of nothing": ({"rescale_factor": 0}, "rescale_factor is '0': expected a number above 0"),
    "another processor": ({"image_processor_type": "BitImageProcessor"}, "image_processor_type is 'BitImageProcessor'"),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_value_that_a_box_cannot_follow_is_refused_by_its_name(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    values, said = UNLIKE[name]
    assert export("clip", write_clip(tmp_path / "clip", **values), pictures, tmp_path / "out") == 78
    message = one_sentence(capsys.readouterr().err)
    assert "preprocessor_config.json: " in message
    assert re.search(said, message), message
    assert not (tmp_path / "cache").exists()


def test_a_processor_that_does_more_than_its_file_says_is_found_on_a_picture(tmp_path: Path, pictures: Path) -> None:
    processor = read_processor(read_checkpoint(write_clip(tmp_path / "clip"), kind="CLIP"), size=SIZE)
    processor.own.do_normalize = False
    with pytest.raises(SpecError, match=rf"differ from the box's by \d+\.\d\d grey levels on average, expected at most {MOST_LEVELS:g}"):
        read_proof_pictures(pictures_of(pictures), processor)
