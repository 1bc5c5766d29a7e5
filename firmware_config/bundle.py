"""What a bundle holds: the manifest, typed. Reading files and checking digests is `edge/bundle/open.py`; trust is `signature.py`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from firmware_config.digest import digest_of_values
from firmware_config.errors import ManifestError, first_mistake
from firmware_config.strict import STRICT

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.sig"
ALLOWED_SUFFIXES = (".onnx", ".gguf", ".json", ".txt", ".toml", ".npy", ".png", ".jpg")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=200)]
Triple = tuple[float, float, float]


class BundleFile(BaseModel):
    """One file: path inside the bundle, sha256, size in bytes, SPDX licence of its content and where it came from."""

    model_config = STRICT
    path: FilePath
    sha256: Sha256
    size: int = Field(ge=0)
    licence: str = Field(min_length=1)
    origin: str = ""


class ImagePreprocess(BaseModel):
    """How pixels become `pixel_values`: resize to (size, size) bicubic with antialias, scale to 0..1, gain, minus mean, over std (RGB).

    `gain = "median"` multiplies the picture so that its median becomes 0.5, by at most 2.5: exposure is then no feature, and a dark part
    stays dark.
    """

    model_config = STRICT
    size: int = Field(ge=16, le=1024)
    mean: Triple
    std: Triple
    gain: Literal["none", "median"] = "none"


class Vocabulary(BaseModel):
    """A closed vocabulary: `words` is a text file, one a line; `embeddings` a float32 .npy (len(words), D) of unit rows, same order."""

    model_config = STRICT
    words: FilePath
    embeddings: FilePath
    glosses: dict[str, FilePath] = Field(default={}, description="Language, such as ja, to a text file in the order of words.")


Prompt = Annotated[str, Field(pattern=r"^[^{}\r\n]*\{\}[^{}\r\n]*$", max_length=200)]
"""A sentence with one place for a word, such as "a photo of {}"."""


class Clip(BaseModel):
    """CLIP, two graphs whose outputs have unit length.

    `vision` takes pixel_values (B, 3, S, S) and gives image_embeds (B, D); `text` takes input_ids and attention_mask (B, T) and gives
    text_embeds (B, D).
    """

    model_config = STRICT
    vision: FilePath
    text: FilePath
    tokenizer: FilePath
    context_tokens: int = Field(ge=2, le=512)
    pad_token_id: int = Field(default=0, ge=0, description="Fills a phrase up to context_tokens; SigLIP reads it.")
    prompts: tuple[Prompt, ...] = Field(default=("{}",), min_length=1, description="Sentences around each word of the vocabularies.")
    preprocess: ImagePreprocess
    tags: Vocabulary
    attributes: Vocabulary
    foils: FilePath | None = Field(
        default=None,
        description="A JSON object: word of a vocabulary to the words that are not true together with it, which describe.filter contrasts.",
    )
    even: float | None = Field(
        default=None,
        gt=-1,
        lt=1,
        description="The cosine at which a word is as likely true as not, if the CLIP learned one (sigmoid loss) and did not only rank.",
    )


class Blip(BaseModel):
    """BLIP, two graphs: the picture is read once, then words follow one by one.

    `vision` takes pixel_values (1, 3, S, S) and gives every layer's cross_key.i / cross_value.i (1, H, P, Dh).
    `decoder` takes input_ids (B, T), position_ids (B, T), attention_mask (B, past+T), past_key.i / past_value.i (B, H, past, Dh) and the
    cross tensors at batch 1, and gives logits (B, T, V) and present_key.i / present_value.i (B, H, past+T, Dh). With logits (B, V), of the
    last position alone, there may be no `drafts`.
    """

    model_config = STRICT
    vision: FilePath
    decoder: FilePath
    tokenizer: FilePath
    preprocess: ImagePreprocess
    layers: int = Field(ge=1, le=64)
    heads: int = Field(ge=1, le=64)
    head_dim: int = Field(ge=1, le=512)
    bos_token_id: int
    eos_token_id: int = Field(description="Ends a caption (BLIP uses [SEP]).")
    pad_token_id: int
    prompt: str = Field(default="", description="Prefix given to the decoder and stripped from the caption.")
    drafts: FilePath | None = Field(default=None, description="Captions as they may be said, one a line: what they foresee is said sooner.")


class Llm(BaseModel):
    """The judge: a GGUF without a trusted chat template; adapters by name; context size in tokens."""

    model_config = STRICT
    model: FilePath
    graph: FilePath | None = Field(default=None, description="The same weights as an ONNX graph, which judges where no card does.")
    adapters: dict[str, FilePath] = {}
    context_tokens: int = Field(default=2048, ge=256, le=32_768)


class Calibration(BaseModel):
    """Temperature (1 = none) per adapter and template, fitted on source validation data only."""

    model_config = STRICT
    adapter: str | None
    template: str
    temperature: float = Field(gt=0, le=100)


class Golden(BaseModel):
    """A picture of the bundle with the verdict expected of it: decision label and its probability within `tolerance`."""

    model_config = STRICT
    picture: FilePath
    label: str
    probability: float = Field(ge=0, le=1)
    tolerance: float = Field(default=0.02, ge=0, le=1)


class Manifest(BaseModel):
    """What was built."""

    model_config = STRICT
    schema_id: Literal["kotoba.bundle/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    bundle_version: int = Field(ge=1, description="Monotone: a device refuses an older one.")
    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    clip: Clip
    blip: Blip | None = None
    llm: Llm
    templates: dict[str, FilePath]
    calibration: tuple[Calibration, ...] = ()
    golden: tuple[Golden, ...] = ()
    parity: dict[str, float] = Field(default={}, description="Figures against the originals, as measured when it was built.")
    notice: str = ""
    files: tuple[BundleFile, ...] = Field(min_length=1, max_length=10_000)

    @property
    def models_digest(self) -> str:
        """`sha256:` of what the bundle's models make words and likelihoods of: graphs, preprocessing, tokenizers, vocabularies, weights.

        Each file counts by its content. Name, version, signing key and licences have no part in it. Neither have adapters and templates:
        every verdict carries the digests of those that it was made with.
        """
        contents = {file.path: file.sha256 for file in self.files}
        without_glosses = {"tags": {"glosses"}, "attributes": {"glosses"}}
        values = {
            "clip": self.clip.model_dump(mode="json", exclude=without_glosses),
            "blip": self.blip and self.blip.model_dump(mode="json"),
            "llm": self.llm.model_dump(mode="json", exclude={"adapters"}),
        }
        return digest_of_values(_by_content(values, contents))

    @model_validator(mode="after")
    def _paths_are_distinct_and_of_a_known_kind(self) -> Manifest:
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            msg = "a path is listed twice"
            raise ValueError(msg)
        for path in paths:
            if not path.endswith(ALLOWED_SUFFIXES):
                msg = f"{path!r} is of a kind that a bundle may not hold (only {' '.join(ALLOWED_SUFFIXES)})"
                raise ValueError(msg)
        return self


def parse_manifest(raw: bytes) -> Manifest:
    """Parse a manifest from its bytes.

    Raises:
        ManifestError: not JSON, or not a manifest of this schema.
    """
    try:
        return Manifest.model_validate(json.loads(raw, object_pairs_hook=_keys_once))
    except ValidationError as err:
        msg = f"{MANIFEST_NAME}: {first_mistake(err)}: see `kotoba-config schema manifest`"
        raise ManifestError(msg) from err
    except (ValueError, RecursionError) as err:
        msg = f"{MANIFEST_NAME} is not JSON ({err}): take the bundle from its builder again"
        raise ManifestError(msg) from err


def _by_content(value: Any, contents: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON value
    """The same values with the digest of its content in the place of each file's path."""
    if isinstance(value, dict):
        return {key: _by_content(part, contents) for key, part in value.items()}
    if isinstance(value, list):
        return [_by_content(part, contents) for part in value]
    return contents.get(value, value) if isinstance(value, str) else value


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that is there twice means one thing to us and another to the next reader."""
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        msg = f"the key {next(key for key in keys if keys.count(key) > 1)[:80]!r} is there twice"
        raise ValueError(msg)
    return values
