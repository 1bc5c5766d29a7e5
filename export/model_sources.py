"""The models that a bundle is made from: the sections [clip], [blip] and [llm] of a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, model_validator

from firmware_config.board import GraphPrecision, Precision
from firmware_config.describers import Prompt
from firmware_config.strict import STRICT

Quantisation = Literal["F16", "Q4_0", "Q4_1", "Q4_K_M", "Q5_K_M", "Q8_0"]
"""Quantisations of a language model, by llama.cpp's names."""
FigureKind = Literal["cosine", "agreement", "overlap", "max_difference", "edit_distance", "probability", "grey_levels", "error"]
"""What a proof measures: `export.proof.figures`."""

SEED_WORDS = Path(__file__).with_name("vocabularies")
"""tags.tsv and attributes.tsv: words of industrial inspection, with Japanese translations."""


def _under_the_specification(path: Path, info: ValidationInfo) -> Path:
    return path if info.context is None else Path(info.context) / path


Here = Annotated[Path, AfterValidator(_under_the_specification)]
"""A path relative to the specification that holds it."""

Limits = dict[FigureKind, Annotated[float, Field(ge=0)]]
"""Limits of a proof that replace those of `export.proof.figures`."""


LIMITS_HELP = "Limits of the proof in place of the usual ones, such as { overlap = 0.85 }; docs/export.md lists them."


class ClipSource(BaseModel):
    """The CLIP or SigLIP of a bundle."""

    model_config = STRICT
    folder: Here = Field(description="The model's folder in the layout of Hugging Face.")
    precision: Precision = Field(default="int8", description="Precision of the vision graph. Default: that of the board.")
    tags: tuple[Here, ...] = Field(
        default=(SEED_WORDS / "tags.tsv",),
        min_length=1,
        description="Files of tags, a word a line, or a word, a tab and its Japanese translation. Default: words of industrial inspection.",
    )
    attributes: tuple[Here, ...] = Field(
        default=(SEED_WORDS / "attributes.tsv",), min_length=1, description="Files of attributes, likewise."
    )
    prompts: tuple[Prompt, ...] = Field(
        default=("a photo of {}", "{}"), min_length=1, description="Sentences around each word; its embedding is their mean."
    )
    limits: Limits = Field(default={}, description=LIMITS_HELP)


class BlipSource(BaseModel):
    """The captioning BLIP of a bundle."""

    model_config = STRICT
    folder: Here = Field(description="The model's folder in the layout of Hugging Face.")
    precision: Precision = Field(default="int8", description="Precision of the vision graph. Default: that of the board.")
    decoder_precision: Precision = Field(default="int8", description="Precision of the decoder's graph. Default: that of the board.")
    prompt: str = Field(default="", description="Prefix of every caption, such as 'a picture of'.")
    drafts: tuple[Here, ...] | Literal["none"] = Field(
        default=(), description="Text files of likely captions, one a line, in addition to those of the pictures; 'none' leaves drafts out."
    )
    limits: Limits = Field(default={}, description=LIMITS_HELP)


class LlmSource(BaseModel):
    """Where the language model comes from: one of `package`, `path` and `folder`."""

    model_config = STRICT
    package: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_.-]+$", description="Name of an installed distribution that holds one .gguf file."
    )
    path: Here | None = Field(default=None, description="A .gguf file.")
    folder: Here | None = Field(default=None, description="The model's folder in the layout of Hugging Face.")
    adapters: tuple[Here, ...] = Field(default=(), description="LoRA folders of PEFT for the model of `folder`.")
    quantisation: Quantisation | Literal["keep"] = Field(
        default="keep", description="llama.cpp's name, such as Q4_0; 'keep' leaves a GGUF as it is, and a folder in F16."
    )
    graph: GraphPrecision | Literal["auto", "none"] = Field(
        default="auto",
        description="Precision of the graph beside the GGUF, for processors. 'auto': the board's, and none if the model cannot be a graph.",
    )
    context_tokens: int = Field(default=2048, ge=256, le=32_768, description="The most tokens of a prompt.")
    limits: Limits = Field(default={}, description=LIMITS_HELP)

    @model_validator(mode="after")
    def _one_source(self) -> LlmSource:
        if sum(source is not None for source in (self.package, self.path, self.folder)) != 1:
            msg = "give either package, path or folder"
            raise ValueError(msg)
        if self.adapters and self.folder is None:
            msg = "adapters are made for the model of a folder: give folder, or put ready .gguf adapters into the artefacts"
            raise ValueError(msg)
        return self
