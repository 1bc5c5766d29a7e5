"""The picture processor of a checkpoint: each of its values becomes a setting of the box, or is refused by its name.

The values are read from the processor itself, so that its own defaults count where the file says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import BlipImageProcessor, CLIPImageProcessor, SiglipImageProcessor, ViTImageProcessor

from export.checkpoint.folder import Checkpoint, read_json
from export.errors import SpecError, reason_of
from firmware_config.describers import ImagePreprocess, Resample

PROCESSORS: Mapping[str, Any] = {
    one.__name__: one for one in (CLIPImageProcessor, SiglipImageProcessor, BlipImageProcessor, ViTImageProcessor)
}
USUAL: Mapping[str, str] = {"clip": "CLIPImageProcessor", "siglip": "SiglipImageProcessor", "blip": "BlipImageProcessor"}
"""The processor of a `model_type`, for a file that names none."""

HONOURED = frozenset(
    {"do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor", "do_normalize", "image_mean",
     "image_std"}
)  # fmt: skip
HARMLESS = frozenset(
    {"image_processor_type", "feature_extractor_type", "processor_class", "do_convert_rgb", "default_to_square", "return_tensors", "device",
     "disable_grouping", "_valid_processor_keys", "_processor_class", "transformers_version", "do_pad", "pad_size", "size_divisor"}
)  # fmt: skip
"""Keys that change no pixel of a colour picture of 8 bits. Files of published BLIPs ask for padding, which none of PROCESSORS does."""

RESAMPLE: Mapping[int, Resample] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's codes."""


@dataclass(frozen=True, slots=True)
class Processor:
    """A checkpoint's own processor, and `preprocess`, the same in the box's words; `sees_all` is false if it cuts off the long side."""

    path: Path
    own: Any
    preprocess: ImagePreprocess
    sees_all: bool

    def pixel_values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the processor itself makes of `pixels`, uint8 (H, W, 3) BGR: float32 (1, 3, S, S).

        Raises:
            SpecError: the processor fails.
        """
        try:
            made = self.own(images=Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])), return_tensors="np")
        except Exception as err:  # transformers raises what its layers raise
            msg = f"{self.path}: the processor itself fails on a picture ({reason_of(err)}): correct the file"
            raise SpecError(msg) from err
        return np.asarray(made["pixel_values"], np.float32)


def read_processor(checkpoint: Checkpoint, *, size: int) -> Processor:
    """Read the processor of a checkpoint whose vision tower takes pictures of `size` pixels.

    The box resizes the whole picture, whatever its sides: CLIP's own centre crop would cut off the rim of a part, and a defect with it.

    Raises:
        SpecError: the file is missing, or has a value that the box cannot follow.
    """
    path, settings = _settings(checkpoint.folder)
    kind = str(settings.get("image_processor_type") or settings.get("feature_extractor_type") or USUAL[checkpoint.model_type])
    name = kind.removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    if name not in PROCESSORS:
        raise _refused(path, "image_processor_type", kind, f"a box does as {', '.join(PROCESSORS)}")
    for key, value in settings.items():
        if key not in HONOURED | HARMLESS and value is not None and value is not False and (key, value) not in _NEUTRAL:
            raise _refused(path, key, value, "no box does that to a picture")
    try:
        own = PROCESSORS[name].from_dict(dict(settings))
    except (TypeError, ValueError, KeyError, AttributeError) as err:
        msg = f"{path}: the processor cannot be read ({reason_of(err)}): take the file of the published checkpoint"
        raise SpecError(msg) from err
    sees_all = _check_size(path, own, size)
    if own.resample not in RESAMPLE:
        raise _refused(path, "resample", own.resample, f"expected one of Pillow's filters, {', '.join(map(str, RESAMPLE))}")
    mean, std = _range(path, own)
    return Processor(path, own, ImagePreprocess(size=size, mean=mean, std=std, resample=RESAMPLE[int(own.resample)]), sees_all)


_NEUTRAL = (("data_format", "channels_first"), ("input_data_format", "channels_last"))
"""What a colour picture is anyway."""


def _settings(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    """preprocessor_config.json, or the section of processor_config.json that newer versions of transformers write in its place."""
    alone, whole = folder / "preprocessor_config.json", folder / "processor_config.json"
    inside = read_json(whole).get("image_processor") if whole.is_file() else None
    if not isinstance(inside, dict):
        return alone, read_json(alone)
    if alone.is_file():
        other = read_json(alone)
        differing = sorted(key for key in inside.keys() & other.keys() if inside[key] != other[key] and key in HONOURED)
        if differing:
            msg = f"{whole} and {alone.name} contradict each other in {differing[0]}: remove the one that is wrong"
            raise SpecError(msg)
    return whole, inside


def _check_size(path: Path, own: Any, size: int) -> bool:  # noqa: ANN401 -- a processor of transformers
    """Check that a square picture becomes `size` x `size` and is seen whole; returns whether a longer one is, too."""
    if not own.do_resize:
        raise _refused(path, "do_resize", own.do_resize, "a box resizes every picture")
    sides = dict(own.size) if isinstance(own.size, Mapping) else {}
    if set(sides) not in ({"shortest_edge"}, {"height", "width"}):
        raise _refused(path, "size", own.size, "expected a shortest_edge, or a height and a width")
    crop = dict(own.crop_size) if getattr(own, "do_center_crop", False) else sides
    for key, values in (("size", sides), ("crop_size", crop)):
        if len(set(values.values())) != 1 or not all(isinstance(value, int) for value in values.values()):
            raise _refused(path, key, values, "a box makes square pictures")
    resized, cut = next(iter(sides.values())), next(iter(crop.values()))
    if cut != size:
        key = "size" if crop is sides else "crop_size"
        raise _refused(path, key, cut, f"the vision tower of config.json takes pictures of {size} pixels")
    if resized != cut:
        raise _refused(path, "size", resized, f"with a crop_size of {cut} it cuts off the rim, and a defect with it")
    return "shortest_edge" not in sides


def _range(path: Path, own: Any) -> tuple[tuple[float, float, float], tuple[float, float, float]]:  # noqa: ANN401 -- a processor of transformers
    """The mean and the deviation that do to a picture of 0..1 what the processor does to one of 0..255."""
    factor = own.rescale_factor if own.do_rescale else 1.0
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor) or factor <= 0:
        raise _refused(path, "rescale_factor", factor, "expected a number above 0")
    means = _three(path, "image_mean", own.image_mean if own.do_normalize else 0.0)
    deviations = _three(path, "image_std", own.image_std if own.do_normalize else 1.0)
    if 0.0 in deviations:
        raise _refused(path, "image_std", own.image_std, "nothing can be divided by 0")
    scale = 255 * factor
    if abs(scale - 1) < 1e-9:  # the usual 1/255: keep the values as they are written
        return means, deviations
    return (means[0] / scale, means[1] / scale, means[2] / scale), (deviations[0] / scale, deviations[1] / scale, deviations[2] / scale)


def _three(path: Path, key: str, value: object) -> tuple[float, float, float]:
    numbers = [value] * 3 if isinstance(value, int | float) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 3 or not all(isinstance(one, int | float) for one in numbers):
        raise _refused(path, key, value, "expected one number for each of three colours")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def _refused(path: Path, key: str, value: object, why: str) -> SpecError:
    return SpecError(f"{path}: {key} is {str(value)[:80]!r}: {why}: correct the file, or give another checkpoint")
