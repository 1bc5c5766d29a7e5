"""The section `describer` of a bundle's manifest: one class for each kind of describer, and the settings of its models.

Each class lists its own files in `file_uses`; `key` is the dotted key of the section in the manifest, such as "describer.clip".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from firmware_config.bundle_files import FilePath, FileUse
from firmware_config.strict import STRICT

Triple = tuple[float, float, float]

Prompt = Annotated[str, Field(pattern=r"^[^{}\r\n]*\{\}[^{}\r\n]*$", max_length=200)]
"""A sentence with one place for a word, such as "a photo of {}"."""


Resample = Literal["bicubic", "bilinear", "lanczos", "hamming", "box", "nearest"]
"""A filter that changes the size of a picture, by Pillow's name; all but "nearest" with antialias."""


class ImagePreprocess(BaseModel):
    """How pixels become `pixel_values`: resize to (size, size) with `resample`, scale to 0..1, gain, minus mean, over std (RGB).

    `gain = "median"` multiplies the picture so that its median becomes 0.5, by at most 2.5. The models then do not see the exposure, and a
    dark part stays dark. A model that wants another range than 0..1, or no normalisation, has it in `mean` and `std`.
    """

    model_config = STRICT
    size: int = Field(ge=16, le=1024)
    mean: Triple
    std: Triple
    gain: Literal["none", "median"] = "none"
    resample: Resample = Field(default="bicubic", description="The filter that resizes a picture.")

    @model_serializer(mode="wrap")
    def _without_the_usual_filter(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out "bicubic": manifests and digests stay what they were before other filters were known."""
        values: dict[str, Any] = dump(self)
        return {key: value for key, value in values.items() if (key, value) != ("resample", "bicubic")}


class VocabularyFiles(BaseModel):
    """A closed vocabulary: `words` is a text file with one word a line; `embeddings` is a float32 .npy (len(words), D) of unit rows."""

    model_config = STRICT
    words: FilePath
    embeddings: FilePath
    translations: dict[str, FilePath] = Field(
        default={}, description="Translations of the words for operators: a language, such as ja, to a text file in the order of words."
    )

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of the vocabulary."""
        yield FileUse(f"{key}.words", self.words, (".txt",))
        yield FileUse(f"{key}.embeddings", self.embeddings, (".npy",))
        for language, path in self.translations.items():
            yield FileUse(f"{key}.translations.{language}", path, (".txt",))


class Clip(BaseModel):
    """CLIP: two graphs whose embeddings have unit length.

    `vision` takes pixel_values (B, 3, S, S) and gives image_embeds (B, D) and, for a memory of familiar pictures, patch_features (B, F):
    mean and standard deviation over the patches, not of unit length. `text` takes input_ids and attention_mask (B, T) and gives
    text_embeds (B, D).
    """

    model_config = STRICT
    vision: FilePath
    text: FilePath
    tokenizer: FilePath
    context_tokens: int = Field(ge=2, le=512)
    pad_token_id: int = Field(default=0, ge=0, description="Pads a phrase to context_tokens; SigLIP has no mask and sees it.")
    prompts: tuple[Prompt, ...] = Field(default=("{}",), min_length=1, description="Sentences around a word; its embedding is their mean.")
    preprocess: ImagePreprocess
    tags: VocabularyFiles
    attributes: VocabularyFiles
    foils: FilePath | None = Field(
        default=None,
        description="A JSON object: a word to its foils, the words that are not true together with it. describe.filter needs it.",
    )
    threshold: float | None = Field(
        default=None,
        gt=-1,
        lt=1,
        description="The cosine at which a word is as likely true as false, if the CLIP was trained with a sigmoid loss.",
    )

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of CLIP and its vocabularies."""
        yield FileUse(f"{key}.vision", self.vision, (".onnx",))
        yield FileUse(f"{key}.text", self.text, (".onnx",))
        yield FileUse(f"{key}.tokenizer", self.tokenizer, (".json",))
        yield from self.tags.file_uses(f"{key}.tags")
        yield from self.attributes.file_uses(f"{key}.attributes")
        if self.foils is not None:
            yield FileUse(f"{key}.foils", self.foils, (".json",))


class Blip(BaseModel):
    """BLIP: two graphs. `vision` runs once for a picture, `decoder` once for each step of a caption.

    `vision` takes pixel_values (1, 3, S, S) and gives every layer's cross_key.i / cross_value.i (1, H, P, Dh).
    `decoder` takes input_ids (B, T), position_ids (B, T), attention_mask (B, past+T), past_key.i / past_value.i (B, H, past, Dh) and the
    cross tensors at batch 1, and gives logits (B, T, V) and present_key.i / present_value.i (B, H, past+T, Dh). A decoder that gives only
    the logits (B, V) of the last position cannot be used with `drafts`.
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
    prompt: str = Field(default="", description="Text that is fed to the decoder before every caption; it is not part of the caption.")
    drafts: FilePath | None = Field(
        default=None, description="A text file of likely captions, one a line. The decoder checks several of their tokens in one step."
    )

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of BLIP."""
        yield FileUse(f"{key}.vision", self.vision, (".onnx",))
        yield FileUse(f"{key}.decoder", self.decoder, (".onnx",))
        yield FileUse(f"{key}.tokenizer", self.tokenizer, (".json",))
        if self.drafts is not None:
            yield FileUse(f"{key}.drafts", self.drafts, (".txt",))


class ClipBlip(BaseModel):
    """Tags and attributes from CLIP; captions from BLIP, if the bundle has one."""

    model_config = STRICT
    kind: Literal["clip_blip"]
    clip: Clip
    blip: Blip | None = None

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of both models."""
        yield from self.clip.file_uses(f"{key}.clip")
        if self.blip is not None:
            yield from self.blip.file_uses(f"{key}.blip")


class VisionEncoderDecoder(BaseModel):
    """Tags and attributes from CLIP; captions from a vision encoder and a text decoder (`VisionEncoderDecoderModel` of Hugging Face).

    The graphs are those that Optimum exports. `encoder` takes pixel_values (1, 3, S, S) and gives last_hidden_state (1, P, D). `decoder`
    takes input_ids (B, T) and encoder_hidden_states (B, P, D) and gives logits (B, T, V).
    """

    model_config = STRICT
    kind: Literal["vision_encoder_decoder"]
    clip: Clip
    encoder: FilePath
    decoder: FilePath
    tokenizer: FilePath
    preprocess: ImagePreprocess
    decoder_start_token_id: int = Field(description="Begins every caption.")
    eos_token_id: int = Field(description="Ends a caption.")
    pad_token_id: int

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of both models."""
        yield from self.clip.file_uses(f"{key}.clip")
        yield FileUse(f"{key}.encoder", self.encoder, (".onnx",))
        yield FileUse(f"{key}.decoder", self.decoder, (".onnx",))
        yield FileUse(f"{key}.tokenizer", self.tokenizer, (".json",))


Describer = Annotated[ClipBlip | VisionEncoderDecoder, Field(discriminator="kind")]
"""The settings of the describer, by `kind`."""
