"""A CLIP or SigLIP from Hugging Face to artefacts: two graphs and the vocabularies, proven against the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from export.checkpoint import Checkpoint, load_tokenizer, preprocessing, read_checkpoint
from export.model_sources import ClipSource
from export.models.artefacts import prepared, record, run
from export.models.clip.graphs import ClipText, load_clip
from export.models.foils import choose_foils, write_foils
from export.models.quantize import Inputs, quantize
from export.models.sensitivity import suspects
from export.models.vocabulary import Entry, embeddings, merged
from export.progress import Report
from export.proof.figures import Measured, Suspect, cosine, max_difference, overlap
from firmware_config.describers import ImagePreprocess

TOP = 5
"""The number of best words whose overlap is measured: as many as a description usually has."""

SENTENCES = 8
"""The number of sentences of random tokens on which the text tower is compared."""


@dataclass(frozen=True, slots=True)
class ClipJob:
    """A CLIP to be exported: its source, checked, and everything of it but the weights. `pixels` are float32 (1, 3, S, S)."""

    source: ClipSource
    checkpoint: Checkpoint
    config: CLIPConfig | SiglipConfig
    tokenizer: Tokenizer
    words: Mapping[str, tuple[Entry, ...]]
    preprocess: ImagePreprocess
    pictures: tuple[Path, ...]
    pixels: tuple[NDArray[np.float32], ...]

    @property
    def context_tokens(self) -> int:
        """The number of tokens that the text tower reads at most."""
        return int(self.config.text_config.max_position_embeddings)

    @property
    def pad_token_id(self) -> int:
        """The token for padding. SigLIP has its own; CLIP stops at the first end token, so any token will do."""
        padding = self.checkpoint.config.get("text_config", {}).get("pad_token_id", 1)
        return int(padding) if self.checkpoint.model_type == "siglip" else 0


def check_clip(source: ClipSource, pictures: Sequence[Path]) -> ClipJob:
    """Check everything that an export needs; no weight is read.

    Raises:
        SpecError: the checkpoint, a vocabulary or a picture is wrong.
    """
    checkpoint = read_checkpoint(source.folder, kind="CLIP")
    config = (SiglipConfig if checkpoint.model_type == "siglip" else CLIPConfig).from_dict(dict(checkpoint.config))
    preprocess = preprocessing(checkpoint, size=config.vision_config.image_size)
    return ClipJob(
        source=source,
        checkpoint=checkpoint,
        config=config,
        tokenizer=load_tokenizer(checkpoint),
        words={"tags": merged(source.tags), "attributes": merged(source.attributes)},
        preprocess=preprocess,
        pictures=tuple(pictures),
        pixels=prepared(pictures, preprocess),
    )


def make_clip(job: ClipJob, graphs: Path, out: Path, *, report: Report) -> None:
    """Write `out`/clip, models.json and the figures of the proof, from the fp32 graphs in the folder `graphs`.

    Raises:
        SpecError: a phrase is longer than the text tower can read.
    """
    precision, vision, text = job.source.precision, out / "clip/vision.onnx", out / "clip/text.onnx"
    report(f"quantizing CLIP to {precision}")
    quantize(graphs / "vision.onnx", vision, precision, samples=_samples(job))
    # The device reads only a few texts, so the text tower need not be fast: fp32 loses nothing.
    quantize(graphs / "text.onnx", text, "fp32")
    vocabularies = {}
    for kind, entries in job.words.items():
        report(f"embedding {len(entries)} {kind}")
        vocabularies[kind] = embeddings(
            text,
            job.tokenizer,
            [entry.word for entry in entries],
            prompts=job.source.prompts,
            context_tokens=job.context_tokens,
            pad_token_id=job.pad_token_id,
        )
    report("proving CLIP")
    model = load_clip(job.checkpoint)
    with torch.no_grad():
        # By the original's own code, not by that of our graph.
        seen = np.concatenate([model.get_image_features(pixel_values=torch.from_numpy(one)).numpy() for one in job.pixels])
    seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
    made, (read, original) = _embedded(job, vision), _texts(model, text, job)
    measured = [
        Measured("clip.image", "cosine", precision, cosine(seen, made)),
        Measured("clip.image", "max_difference", precision, max_difference(seen, made)),
        Measured("clip.text", "cosine", "fp32", cosine(original, read)),
        Measured("clip.text", "max_difference", "fp32", max_difference(original, read)),
    ]
    measured += [
        Measured(f"clip.{kind}", "overlap", precision, overlap(seen @ rows.T, made @ rows.T, min(TOP, len(rows))))
        for kind, rows in vocabularies.items()
    ]
    section = _write(job, out, vocabularies)
    words = [entry.word for entries in job.words.values() for entry in entries]
    if foils := choose_foils(words, np.concatenate(list(vocabularies.values())), made):
        section |= write_foils(foils, out)
    record(out, "clip", section, measured)


def clip_suspects(job: ClipJob, graphs: Path, *, report: Report) -> tuple[Suspect, ...]:
    """The layer types of the vision tower that lose the most, worst first."""
    report("looking for the layers of CLIP that lose the most")
    original = _embedded(job, graphs / "vision.onnx")
    return suspects(
        "clip.image",
        graphs / "vision.onnx",
        job.source.precision,
        lambda graph: cosine(original, _embedded(job, graph)),
        samples=_samples(job),
    )


def _samples(job: ClipJob) -> list[Inputs]:
    return [{"pixel_values": one} for one in job.pixels]


def _embedded(job: ClipJob, graph: Path) -> NDArray[np.float32]:
    return np.concatenate([found["image_embeds"] for found in run(graph, _samples(job))]).astype(np.float32)


def _write(job: ClipJob, out: Path, vocabularies: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Write the tokenizer and the vocabularies; returns the section `clip` of models.json."""
    job.tokenizer.save(str(out / "clip/tokenizer.json"))
    section: dict[str, Any] = {
        "vision": "clip/vision.onnx",
        "text": "clip/text.onnx",
        "tokenizer": "clip/tokenizer.json",
        "context_tokens": job.context_tokens,
        "pad_token_id": job.pad_token_id,
        "prompts": job.source.prompts,
        "preprocess": job.preprocess.model_dump(mode="json"),
    }
    for kind, entries in job.words.items():
        (out / f"clip/{kind}.txt").write_text("".join(f"{entry.word}\n" for entry in entries), encoding="utf-8")
        (out / f"clip/{kind}.ja.txt").write_text("".join(f"{entry.translation}\n" for entry in entries), encoding="utf-8")
        np.save(out / f"clip/{kind}.npy", vocabularies[kind])
        section[kind] = {"words": f"clip/{kind}.txt", "embeddings": f"clip/{kind}.npy", "translations": {"ja": f"clip/{kind}.ja.txt"}}
    return section


def _texts(model: CLIPModel | SiglipModel, graph: Path, job: ClipJob) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings of random sentences by the graph and by the original, float32 (SENTENCES, D) each."""
    text, context = model.config.text_config, job.context_tokens
    ids = np.random.default_rng(0).integers(3, text.vocab_size - 2, (SENTENCES, context))
    ids[:, context // 2 :] = job.pad_token_id
    ids[:, context // 2] = min(text.eos_token_id or text.vocab_size - 1, text.vocab_size - 1)
    inputs = {"input_ids": ids} | ({} if job.checkpoint.model_type == "siglip" else {"attention_mask": np.ones_like(ids)})
    with torch.no_grad():
        original = ClipText(model)(**{name: torch.from_numpy(value) for name, value in inputs.items()}).numpy()
    return run(graph, [inputs])[0]["text_embeds"], original
