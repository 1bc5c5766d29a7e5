"""From the models of a specification to artefacts: all sources are checked first, then each step is made once and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.cache import Cache, Step
from export.checkpoint import Checkpoint
from export.checkpoint.adapter import Adapter, read_adapter
from export.model_sources import BlipSource, ClipSource, LlmSource
from export.models.blip.graphs import export_blip, load_blip
from export.models.blip.make import BlipJob, blip_suspects, check_blip, make_blip
from export.models.clip.graphs import export_clip, load_clip
from export.models.clip.make import ClipJob, check_clip, clip_suspects, make_clip
from export.models.llm.convert import read_llm
from export.models.llm.steps import converted_llm, proven_llm
from export.progress import Report
from export.proof.figures import Figure, limited, require_kept
from export.proof.record import recorded

CLIP_GRAPHS = Step("clip-graphs", modules=("export.models.clip.graphs",))
CLIP = Step("clip", modules=("export.models.clip.make",))
BLIP_GRAPHS = Step("blip-graphs", modules=("export.models.blip.graphs",))
BLIP = Step("blip", modules=("export.models.blip.make",))

PEAK = 5
"""Peak memory of an export, in multiples of the weights in fp32: the model, its traced graph, and the copies while it is written."""

COPIES = 5
"""Peak disk use of the cache, in multiples of the weights in fp32: two copies while a graph is written, the graph, and its artefacts."""

FLOAT = 4
"""Bytes of a weight in fp32."""


@dataclass(frozen=True, slots=True)
class Part:
    """The artefacts of one model, a folder that a build reads, and `original`, the model before it was quantized.

    `original` is the folder of a CLIP's or BLIP's fp32 graphs, or a language model's GGUF in F16.
    """

    original: Path
    artefacts: Path
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """What making models takes, in bytes: disk in the cache, and memory at the peak. Upper bounds, as if the cache were empty."""

    disk: int
    memory: int

    def __str__(self) -> str:
        return f"{self.disk / 1e9:.1f} GB of disk and {self.memory / 1e9:.1f} GB of memory"


@dataclass(frozen=True, slots=True)
class LlmJob:
    """A language model to be converted with its adapters: its source, checked, and everything of it but the weights."""

    source: LlmSource
    checkpoint: Checkpoint
    adapters: tuple[Adapter, ...]


@dataclass(frozen=True, slots=True)
class ModelJobs:
    """The models of a specification, checked and ready to be made."""

    clip: ClipJob | None = None
    blip: BlipJob | None = None
    llm: LlmJob | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths inside the bundle of the files that will be made and need a licence."""
        clip = ("vision.onnx", "text.onnx", "tokenizer.json", "tags.txt", "tags.ja.txt", "tags.npy")
        drafts = () if self.blip is None or self.blip.drafts is None else ("drafts.txt",)
        blip = ("vision.onnx", "decoder.onnx", "tokenizer.json", *drafts)
        named = (("clip", self.clip, clip), ("blip", self.blip, blip))
        adapters = (f"llm/adapters/{adapter.folder.name}.gguf" for adapter in (self.llm.adapters if self.llm else ()))
        return (*(f"{room}/{name}" for room, job, names in named if job is not None for name in names), "llm/model.gguf", *adapters)

    @property
    def need(self) -> Need:
        """What making them takes, at most."""
        graphs = [job.checkpoint.parameters * FLOAT for job in (self.clip, self.blip) if job is not None]
        llm = self.llm.checkpoint.parameters * FLOAT if self.llm is not None else 0
        return Need(disk=COPIES * sum(graphs) + llm, memory=max([*(PEAK * size for size in graphs), llm]))


def check_sources(clip: ClipSource | None, blip: BlipSource | None, llm: LlmSource, pictures: Sequence[Path]) -> ModelJobs:
    """Check everything that the models are made from, in seconds; no weight is read.

    Raises:
        SpecError: a checkpoint, a vocabulary, a file of drafts or a picture is wrong.
        LlmError: an adapter is not a LoRA as PEFT saves it.
    """
    return ModelJobs(
        clip=None if clip is None else check_clip(clip, pictures),
        blip=None if blip is None else check_blip(blip, pictures),
        llm=None if llm.folder is None else check_llm(llm, llm.folder),
    )


def check_llm(source: LlmSource, folder: Path) -> LlmJob:
    """Check the language model in `folder` and the adapters of its source; no weight is read.

    Raises:
        SpecError: the checkpoint is wrong, or llama.cpp would compute something else.
        LlmError: an adapter is not a LoRA that a GGUF can carry, or belongs to another model.
    """
    checkpoint = read_llm(folder, context_tokens=source.context_tokens)
    return LlmJob(source, checkpoint, tuple(read_adapter(adapter, checkpoint) for adapter in source.adapters))


def clip_part(job: ClipJob, *, cache: Cache, report: Report) -> Part:
    """CLIP's artefacts, made or taken from `cache`.

    Raises:
        ProofError: a graph differs from its original by more than a limit.
    """
    source, files = job.source, job.checkpoint.files
    report("exporting CLIP")
    graphs = cache.made(CLIP_GRAPHS, lambda out: export_clip(load_clip(job.checkpoint), out), inputs=files)
    inputs = (*files, *source.tags, *source.attributes, *job.pictures.paths)
    settings = source.model_dump(mode="json", include={"precision", "prompts"})
    made = cache.made(CLIP, lambda out: make_clip(job, graphs, out, report=report), inputs=inputs, settings=settings)
    figures = limited(recorded(made), source.limits)
    require_kept(figures, lambda _: clip_suspects(job, graphs, report=report))
    return Part(graphs, made, figures)


def blip_part(job: BlipJob, *, cache: Cache, report: Report) -> Part:
    """BLIP's artefacts, made or taken from `cache`.

    Raises:
        ProofError: a graph differs from its original by more than a limit.
    """
    source, files = job.source, job.checkpoint.files
    report("exporting BLIP")
    graphs = cache.made(BLIP_GRAPHS, lambda out: export_blip(load_blip(job.checkpoint), out), inputs=files)
    settings = source.model_dump(mode="json", exclude={"folder", "limits", "drafts"}) | {"drafts": job.drafts}
    made = cache.made(BLIP, lambda out: make_blip(job, graphs, out, report=report), inputs=(*files, *job.pictures.paths), settings=settings)
    figures = limited(recorded(made), source.limits)
    require_kept(figures, lambda broken: blip_suspects(job, graphs, broken.stage, report=report))
    return Part(graphs, made, figures)


def llm_part(job: LlmJob, *, cache: Cache, report: Report) -> Part:
    """The language model in F16 (model.gguf), its adapters and its template, made or taken from `cache`.

    Raises:
        LlmError: llama.cpp refuses the model or an adapter, or cannot load what was made.
        ProofError: its tokens or logits differ from those of transformers, or of PEFT, by more than a limit.
    """
    made = converted_llm(job.checkpoint, job.adapters, cache=cache, report=report)
    context = job.source.context_tokens
    measured = proven_llm(job.checkpoint, job.adapters, made, context_tokens=context, cache=cache, report=report)
    figures = limited(measured, job.source.limits)
    require_kept(figures)
    return Part(made / "model.gguf", made, figures)


def make_models(jobs: ModelJobs, *, cache: Cache, report: Report) -> dict[str, Part]:
    """Make every model of `jobs`, or take it from `cache`; the keys are "clip", "blip" and "llm".

    Raises:
        ProofError: a graph differs from its original by more than a limit.
        LlmError: llama.cpp refuses the language model, or an adapter does not belong to it.
    """
    parts = {}
    if jobs.clip is not None:
        parts["clip"] = clip_part(jobs.clip, cache=cache, report=report)
    if jobs.blip is not None:
        parts["blip"] = blip_part(jobs.blip, cache=cache, report=report)
    if jobs.llm is not None:
        parts["llm"] = llm_part(jobs.llm, cache=cache, report=report)
    return parts
