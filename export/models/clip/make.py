"""A CLIP or SigLIP from Hugging Face to artefacts: two graphs and the vocabularies, proven against the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from export.checkpoint import Checkpoint, read_checkpoint
from export.checkpoint.processor import Processor, read_processor
from export.checkpoint.weights import check_weights
from export.checkpoint.words import TextReader, check_phrases, read_text_reader
from export.model_sources import ClipSource
from export.models.artefacts import record, run
from export.models.clip.graphs import clip_class, load_clip
from export.models.foils import choose_foils, write_foils
from export.models.proof_pictures import PixelValues, ProofPictures, read_proof_pictures
from export.models.quantize import Inputs, quantize
from export.models.sensitivity import suspects
from export.models.vocabulary import Entry, embeddings, merged
from export.progress import Report
from export.proof.figures import Measured, Suspect, cosine, error, max_difference, overlap

TOP = 5
"""The number of best words whose overlap is measured: as many as a description usually has."""

SENTENCES = 64
"""The most words on which the text tower is compared, taken evenly from all."""


@dataclass(frozen=True, slots=True)
class ClipJob:
    """A CLIP to be exported: its source, checked, and everything of it but the weights."""

    source: ClipSource
    checkpoint: Checkpoint
    config: CLIPConfig | SiglipConfig
    reader: TextReader
    words: Mapping[str, tuple[Entry, ...]]
    processor: Processor
    pictures: ProofPictures


def check_clip(source: ClipSource, pictures: Sequence[Path]) -> ClipJob:
    """Check everything that an export needs; no weight is read.

    Raises:
        SpecError: the checkpoint, a vocabulary or a picture is wrong, or the box cannot read pictures or words as the checkpoint does.
    """
    checkpoint = read_checkpoint(source.folder, kind="CLIP")
    config = (SiglipConfig if checkpoint.model_type == "siglip" else CLIPConfig).from_dict(dict(checkpoint.config))
    check_weights(checkpoint, clip_class(checkpoint), config)
    processor = read_processor(checkpoint, size=config.vision_config.image_size)
    text = config.text_config
    reader = read_text_reader(checkpoint, positions=text.max_position_embeddings, vocabulary=text.vocab_size)
    words = {"tags": merged(source.tags), "attributes": merged(source.attributes)}
    listed = [entry.word for entries in words.values() for entry in entries]
    check_phrases(reader, (prompt.replace("{}", word) for word in listed for prompt in source.prompts), folder=checkpoint.folder)
    return ClipJob(source, checkpoint, config, reader, words, processor, read_proof_pictures(pictures, processor))


def make_clip(job: ClipJob, graphs: Path, out: Path, *, report: Report) -> None:
    """Write `out`/clip, models.json and the figures of the proof, from the fp32 graphs in the folder `graphs`.

    Raises:
        SpecError: a phrase is longer than the text tower can read.
    """
    precision, vision, text = job.source.precision, out / "clip/vision.onnx", out / "clip/text.onnx"
    report(f"quantizing CLIP to {precision}")
    quantize(graphs / "vision.onnx", vision, precision, samples=_inputs(job.pictures.boxed))
    # The device reads only a few texts, so the text tower need not be fast: fp32 loses nothing.
    quantize(graphs / "text.onnx", text, "fp32")
    vocabularies = {}
    for kind, entries in job.words.items():
        report(f"embedding {len(entries)} {kind}")
        vocabularies[kind] = embeddings(
            text,
            job.reader.tokenizer,
            [entry.word for entry in entries],
            prompts=job.source.prompts,
            context_tokens=job.reader.context_tokens,
            pad_token_id=job.reader.pad_token_id,
        )
    report("proving CLIP")
    model = load_clip(job.checkpoint)
    seen, made, boxed = _seen(model, job), _embedded(job.pictures.own, vision), _embedded(job.pictures.alike, vision)
    read, original = _texts(model, job, vocabularies)
    measured = [
        Measured("clip.pixels", "grey_levels", "bundle", job.pictures.grey_levels),
        Measured("clip.image", "cosine", precision, cosine(seen, made)),
        Measured("clip.image", "max_difference", precision, max_difference(seen, made)),
        Measured("clip.path", "error", "bundle", error(seen, boxed)),
        Measured("clip.text", "cosine", "fp32", cosine(original, read)),
        Measured("clip.text", "max_difference", "fp32", max_difference(original, read)),
    ]
    measured += [
        Measured(f"clip.{kind}", "overlap", precision, overlap(seen @ rows.T, made @ rows.T, min(TOP, len(rows))))
        for kind, rows in vocabularies.items()
    ]
    section = _write(job, out, vocabularies)
    words = [entry.word for entries in job.words.values() for entry in entries]
    whole = boxed if job.pictures.seen_whole else _embedded(job.pictures.boxed, vision)
    if foils := choose_foils(words, np.concatenate(list(vocabularies.values())), whole):
        section |= write_foils(foils, out)
    record(out, "clip", section, measured)


def clip_suspects(job: ClipJob, graphs: Path, *, report: Report) -> tuple[Suspect, ...]:
    """The layer types of the vision tower that lose the most, worst first."""
    report("looking for the layers of CLIP that lose the most")
    original = _embedded(job.pictures.own, graphs / "vision.onnx")
    return suspects(
        "clip.image",
        graphs / "vision.onnx",
        job.source.precision,
        lambda graph: cosine(original, _embedded(job.pictures.own, graph)),
        samples=_inputs(job.pictures.boxed),
    )


def _inputs(pictures: Sequence[PixelValues]) -> list[Inputs]:
    return [{"pixel_values": one} for one in pictures]


def _embedded(pictures: Sequence[PixelValues], graph: Path) -> NDArray[np.float32]:
    """Embeddings of pictures by a graph, float32 (N, D)."""
    return np.concatenate([found["image_embeds"] for found in run(graph, _inputs(pictures))]).astype(np.float32)


def _seen(model: CLIPModel | SiglipModel, job: ClipJob) -> NDArray[np.float32]:
    """Embeddings of the pictures by the original's own processor and code, float32 (N, D) of unit length."""
    with torch.no_grad():
        rows = [model.get_image_features(pixel_values=torch.from_numpy(one)) for one in job.pictures.own]
    return _unit(torch.cat(rows))


def _write(job: ClipJob, out: Path, vocabularies: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Write the tokenizer and the vocabularies; returns the section `clip` of models.json."""
    job.reader.tokenizer.save(str(out / "clip/tokenizer.json"))
    section: dict[str, Any] = {
        "vision": "clip/vision.onnx",
        "text": "clip/text.onnx",
        "tokenizer": "clip/tokenizer.json",
        "context_tokens": job.reader.context_tokens,
        "pad_token_id": job.reader.pad_token_id,
        "prompts": job.source.prompts,
        "preprocess": job.processor.preprocess.model_dump(mode="json"),
    }
    for kind, entries in job.words.items():
        (out / f"clip/{kind}.txt").write_text("".join(f"{entry.word}\n" for entry in entries), encoding="utf-8")
        (out / f"clip/{kind}.ja.txt").write_text("".join(f"{entry.translation}\n" for entry in entries), encoding="utf-8")
        np.save(out / f"clip/{kind}.npy", vocabularies[kind])
        section[kind] = {"words": f"clip/{kind}.txt", "embeddings": f"clip/{kind}.npy", "translations": {"ja": f"clip/{kind}.ja.txt"}}
    return section


def _texts(
    model: CLIPModel | SiglipModel, job: ClipJob, vocabularies: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings of words, as the bundle has them and by the original's own tokenizer and code, float32 (SENTENCES, D) each."""
    words = [entry.word for entries in job.words.values() for entry in entries]
    chosen = np.unique(np.linspace(0, len(words) - 1, min(SENTENCES, len(words))).astype(int))
    rows = []
    for index in chosen:
        features = []
        for prompt in job.source.prompts:
            given = job.reader.tokens(prompt.replace("{}", words[index]))
            # A SigLIP was trained without a mask.
            mask = {} if job.checkpoint.model_type == "siglip" else {"attention_mask": given["attention_mask"]}
            with torch.no_grad():
                features.append(model.get_text_features(input_ids=given["input_ids"], **mask))
        rows.append(_unit(torch.cat(features)).mean(0, keepdims=True))
    mean = np.concatenate(rows)
    return np.concatenate(list(vocabularies.values()))[chosen], mean / np.linalg.norm(mean, axis=-1, keepdims=True)


def _unit(features: torch.Tensor) -> NDArray[np.float32]:
    """Rows of unit length, float32 (N, D)."""
    return functional.normalize(features, dim=-1).numpy()
