"""From the models that a specification names to artefacts: everything is looked at first, then made step by step, each step kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.cache import Cache, Step
from export.checkpoint import Checkpoint
from export.model_sources import BlipSource, ClipSource, LlmSource
from export.models.artefacts import Say, recorded
from export.models.blip.graphs import export_blip, load_blip
from export.models.blip.make import BlipWork, blip_suspects, make_blip, open_blip
from export.models.clip.graphs import export_clip, load_clip
from export.models.clip.make import ClipWork, clip_suspects, make_clip, open_clip
from export.models.llm.convert import read_llm
from export.models.llm.steps import converted_llm
from export.proof.figures import Figure, limited, require_kept

CLIP_GRAPHS = Step("clip-graphs", modules=("export.models.clip.graphs",))
CLIP = Step("clip", modules=("export.models.clip.make",))
BLIP_GRAPHS = Step("blip-graphs", modules=("export.models.blip.graphs",))
BLIP = Step("blip", modules=("export.models.blip.make",))

PEAK = 5
"""Times the weights in fp32 that exporting needs of memory at its peak: the model, its traced graph, and the copies on the way to disk."""

COPIES = 5
"""Times the weights in fp32 that the cache holds at its fullest: two copies while a graph is written, the graph, what is made of it."""

FLOAT = 4
"""Bytes of a weight in fp32."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was made of one model: `artefacts` is a folder that a build reads, `original` the model before it was quantized.

    `original` is the folder of a CLIP's or BLIP's fp32 graphs, or a language model's GGUF in F16.
    """

    original: Path
    artefacts: Path
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """What making takes, in bytes: disk in the cache, and memory at the peak. Upper bounds; nothing is taken off for what is kept."""

    disk: int
    memory: int

    def __str__(self) -> str:
        return f"{self.disk / 1e9:.1f} GB of disk and {self.memory / 1e9:.1f} GB of memory"


@dataclass(frozen=True, slots=True)
class Works:
    """Models that were looked at and are still to be made."""

    clip: ClipWork | None = None
    blip: BlipWork | None = None
    llm: Checkpoint | None = None
    adapters: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """What will be in the bundle because of them, as far as licences go."""
        clip = ("vision.onnx", "text.onnx", "tokenizer.json", "tags.txt", "tags.ja.txt", "tags.npy")
        drafts = () if self.blip is None or self.blip.drafts is None else ("drafts.txt",)
        blip = ("vision.onnx", "decoder.onnx", "tokenizer.json", *drafts)
        named = (("clip", self.clip, clip), ("blip", self.blip, blip))
        adapters = (f"llm/adapters/{adapter.name}.gguf" for adapter in self.adapters)
        return (*(f"{room}/{name}" for room, work, names in named if work is not None for name in names), "llm/model.gguf", *adapters)

    @property
    def need(self) -> Need:
        """What making them takes."""
        graphs = [work.checkpoint.parameters * FLOAT for work in (self.clip, self.blip) if work is not None]
        llm = self.llm.parameters * FLOAT if self.llm is not None else 0
        return Need(disk=COPIES * sum(graphs) + llm, memory=max([*(PEAK * size for size in graphs), llm]))


def look_over(clip: ClipSource | None, blip: BlipSource | None, llm: LlmSource, pictures: Sequence[Path]) -> Works:
    """Look at everything that the models are made of; takes seconds.

    Raises:
        SpecError: a checkpoint, a vocabulary or a picture that is not as it must be.
        LlmError: an adapter that is not as it must be.
    """
    return Works(
        clip=None if clip is None else open_clip(clip, pictures),
        blip=None if blip is None else open_blip(blip, pictures),
        llm=None if llm.folder is None else read_llm(llm.folder, llm.adapters),
        adapters=llm.adapters,
    )


def clip_part(work: ClipWork, *, cache: Cache, say: Say) -> Part:
    """CLIP's artefacts, made or taken from `cache`.

    Raises:
        BuildError: a graph does not do what its original does.
    """
    wanted, files = work.wanted, work.checkpoint.files
    say("exporting CLIP")
    graphs = cache.made(CLIP_GRAPHS, lambda out: export_clip(load_clip(work.checkpoint), out), inputs=files)
    inputs = (*files, *wanted.tags, *wanted.attributes, *work.pictures)
    settings = wanted.model_dump(mode="json", include={"precision", "prompts"})
    made = cache.made(CLIP, lambda out: make_clip(work, graphs, out, say=say), inputs=inputs, settings=settings)
    figures = limited(recorded(made), wanted.limits)
    require_kept(figures, lambda _: clip_suspects(work, graphs, say=say))
    return Part(graphs, made, figures)


def blip_part(work: BlipWork, *, cache: Cache, say: Say) -> Part:
    """BLIP's artefacts, made or taken from `cache`.

    Raises:
        BuildError: a graph does not do what its original does.
    """
    wanted, files = work.wanted, work.checkpoint.files
    say("exporting BLIP")
    graphs = cache.made(BLIP_GRAPHS, lambda out: export_blip(load_blip(work.checkpoint), out), inputs=files)
    settings = wanted.model_dump(mode="json", exclude={"folder", "limits", "drafts"}) | {"drafts": work.drafts}
    made = cache.made(BLIP, lambda out: make_blip(work, graphs, out, say=say), inputs=(*files, *work.pictures), settings=settings)
    figures = limited(recorded(made), wanted.limits)
    require_kept(figures, lambda broken: blip_suspects(work, graphs, broken.stage, say=say))
    return Part(graphs, made, figures)


def llm_part(checkpoint: Checkpoint, adapters: Sequence[Path], *, cache: Cache, say: Say) -> Part:
    """The language model in F16 (model.gguf), its adapters and its template, made or taken from `cache`.

    Raises:
        LlmError: llama.cpp refuses the model, or an adapter does not belong to it.
    """
    made = converted_llm(checkpoint, adapters, cache=cache, report=say)
    return Part(made / "model.gguf", made)


def make_all(works: Works, *, cache: Cache, say: Say) -> dict[str, Part]:
    """Every model of `works`, by "clip", "blip" and "llm".

    Raises:
        BuildError: a graph does not do what its original does.
        LlmError: llama.cpp refuses the language model.
    """
    parts = {}
    if works.clip is not None:
        parts["clip"] = clip_part(works.clip, cache=cache, say=say)
    if works.blip is not None:
        parts["blip"] = blip_part(works.blip, cache=cache, say=say)
    if works.llm is not None:
        parts["llm"] = llm_part(works.llm, works.adapters, cache=cache, say=say)
    return parts
