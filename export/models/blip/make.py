"""A captioning BLIP from Hugging Face to artefacts: two graphs, proven against the original by logits and by whole captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BlipConfig

from export.checkpoint import Checkpoint, load_tokenizer, preprocessing, read_checkpoint
from export.errors import SpecError
from export.model_sources import BlipSource
from export.models.artefacts import prepared, record, run
from export.models.blip.graphs import blip_section, cross_names, load_blip, past_names
from export.models.quantize import Inputs, quantize
from export.models.sensitivity import suspects
from export.models.tied_embedding import find_tied, store_once
from export.progress import Report
from export.proof.figures import Measured, Suspect, agreement, cosine, edit_distance, max_difference
from firmware_config.describers import ImagePreprocess

PROOF_TOKENS = 20
"""The most tokens of a caption on which decoders are compared."""

CALIBRATION_PICTURES = 4

MOST_DRAFTS, LONGEST_DRAFT = 1_000, 240
"""The most drafts of a bundle, and the most characters of one. A box reads all of them at its start; some dozens foresee most tokens."""

Step = tuple[Inputs, NDArray[np.float32]]
"""The inputs of a decoder for one token, and its logits, float32 (1, V)."""


@dataclass(frozen=True, slots=True)
class BlipJob:
    """A BLIP to be exported: its source, checked, and everything of it but the weights. `pixels` are float32 (1, 3, S, S)."""

    source: BlipSource
    checkpoint: Checkpoint
    config: BlipConfig
    tokenizer: Tokenizer
    preprocess: ImagePreprocess
    drafts: tuple[str, ...] | None
    pictures: tuple[Path, ...]
    pixels: tuple[NDArray[np.float32], ...]

    @property
    def start(self) -> list[int]:
        """The tokens with which every caption begins: the start token and the prompt."""
        prompt = self.tokenizer.encode(self.source.prompt, add_special_tokens=False).ids
        return [self.config.text_config.bos_token_id, *prompt]


def check_blip(source: BlipSource, pictures: Sequence[Path]) -> BlipJob:
    """Check everything that an export needs; no weight is read.

    Raises:
        SpecError: the checkpoint, a file of drafts or a picture is wrong.
    """
    checkpoint = read_checkpoint(source.folder, kind="BLIP")
    config = BlipConfig.from_dict(dict(checkpoint.config))
    preprocess = preprocessing(checkpoint, size=config.vision_config.image_size)
    return BlipJob(
        source=source,
        checkpoint=checkpoint,
        config=config,
        tokenizer=load_tokenizer(checkpoint),
        preprocess=preprocess,
        drafts=None if source.drafts == "none" else read_drafts(source.drafts),
        pictures=tuple(pictures),
        pixels=prepared(pictures, preprocess),
    )


def read_drafts(paths: Sequence[Path]) -> tuple[str, ...]:
    """Read drafts, likely captions, from text files with one a line.

    Raises:
        SpecError: a file cannot be read, or there are more than MOST_DRAFTS captions or one of more than LONGEST_DRAFT characters.
    """
    captions: list[str] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as err:
            msg = f"drafts {path} cannot be read ({err}): give a UTF-8 text file with one caption a line"
            raise SpecError(msg) from err
        for number, line in enumerate(lines, 1):
            if len(line) > LONGEST_DRAFT:
                msg = f"drafts {path}, line {number}: {len(line)} characters, expected a caption of at most {LONGEST_DRAFT}: leave it out"
                raise SpecError(msg)
        captions += (line.strip() for line in lines if line.strip())
    if len(captions) > MOST_DRAFTS:
        msg = f"drafts {', '.join(map(str, paths))}: {len(captions)} captions, expected at most {MOST_DRAFTS}: keep the commonest"
        raise SpecError(msg)
    return tuple(captions)


def make_blip(job: BlipJob, graphs: Path, out: Path, *, report: Report) -> None:
    """Write `out`/blip, models.json and the figures of the proof, from the fp32 graphs in the folder `graphs`."""
    source, vision, decoder = job.source, out / "blip/vision.onnx", out / "blip/decoder.onnx"
    report(f"quantizing BLIP to {source.precision}, its decoder to {source.decoder_precision}")
    seen = _seen(job, graphs / "vision.onnx")
    quantize(graphs / "vision.onnx", vision, source.precision, samples=_pictures(job))
    quantize(graphs / "decoder.onnx", decoder, source.decoder_precision, samples=_decoder_samples(job, graphs, seen))
    tied = find_tied(graphs / "decoder.onnx")
    if tied is not None:
        store_once(decoder, tied)
    report("proving BLIP")
    captions, crosses = _captions(job), _seen(job, vision)
    original = np.concatenate([logits for _, logits in captions])
    found = _along(decoder, job, seen, [tokens for tokens, _ in captions])
    made_tokens = _greedy(decoder, job, crosses)
    start = len(job.start)
    distances = [edit_distance(tokens[start:], made[start:]) for (tokens, _), made in zip(captions, made_tokens, strict=True)]
    measured = (
        Measured("blip.vision", "cosine", source.precision, _likeness(seen, crosses)),
        Measured("blip.decoder", "cosine", source.decoder_precision, cosine(original, found)),
        Measured("blip.decoder", "agreement", source.decoder_precision, agreement(original, found)),
        Measured("blip.decoder", "max_difference", source.decoder_precision, max_difference(original, found)),
        Measured("blip.captions", "edit_distance", source.decoder_precision, float(np.mean(distances))),
    )
    job.tokenizer.save(str(out / "blip/tokenizer.json"))
    if job.drafts is not None:
        drafts = [*(job.tokenizer.decode(tokens[start:]) for tokens in made_tokens[:MOST_DRAFTS]), *job.drafts]
        (out / "blip/drafts.txt").write_text("".join(f"{draft}\n" for draft in drafts), encoding="utf-8")
    section = blip_section(job.config, job.preprocess, prompt=source.prompt, drafts=job.drafts is not None)
    record(out, "blip", section, measured)


def blip_suspects(job: BlipJob, graphs: Path, stage: str, *, report: Report) -> tuple[Suspect, ...]:
    """The layer types of a stage that lose the most, worst first: of the vision graph for "blip.vision", else of the decoder."""
    report("looking for the layers of BLIP that lose the most")
    seen = _seen(job, graphs / "vision.onnx")
    if stage == "blip.vision":
        return suspects(
            stage, graphs / "vision.onnx", job.source.precision, lambda graph: _likeness(seen, _seen(job, graph)), samples=_pictures(job)
        )
    decoder = graphs / "decoder.onnx"
    tokens = _greedy(decoder, job, seen)
    original = _along(decoder, job, seen, tokens)
    return suspects(
        "blip.decoder",
        decoder,
        job.source.decoder_precision,
        lambda graph: cosine(original, _along(graph, job, seen, tokens)),
        samples=_decoder_samples(job, graphs, seen),
    )


def _pictures(job: BlipJob) -> list[Inputs]:
    return [{"pixel_values": one} for one in job.pixels]


def _seen(job: BlipJob, graph: Path) -> list[Inputs]:
    """The cross-attention tensors of each picture, float32 (1, heads, patches + 1, head_dim) by name."""
    return run(graph, _pictures(job))


def _decoder_samples(job: BlipJob, graphs: Path, seen: Sequence[Inputs]) -> list[Inputs]:
    """Inputs of the decoder along the captions of some pictures; empty if the precision needs no calibration."""
    if job.source.decoder_precision != "int8-static":
        return []
    session = ort.InferenceSession(str(graphs / "decoder.onnx"))
    return [given for cross in seen[:CALIBRATION_PICTURES] for given, _ in decode(session, job, cross)]


def _along(graph: Path, job: BlipJob, seen: Sequence[Inputs], captions: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Logits of a decoder along given captions, from the last token of their start on, float32 (tokens of all captions, V)."""
    session, pairs, first = ort.InferenceSession(str(graph)), zip(seen, captions, strict=True), len(job.start) - 1
    return np.concatenate([logits for cross, tokens in pairs for _, logits in [*decode(session, job, cross, tokens)][first:]])


def _greedy(graph: Path, job: BlipJob, seen: Sequence[Inputs]) -> list[list[int]]:
    """The tokens that a decoder reads while it captions each picture greedily, the start included. `seen` holds the cross tensors."""
    session = ort.InferenceSession(str(graph))
    return [[int(given["input_ids"][0, 0]) for given, _ in decode(session, job, cross)] for cross in seen]


def decode(session: ort.InferenceSession, job: BlipJob, cross: Inputs, tokens: Sequence[int] = ()) -> Iterator[Step]:
    """Run a decoder token by token: along `tokens`, or greedily without them, to the end of the caption or PROOF_TOKENS."""
    text, start = job.config.text_config, job.start
    names = past_names(text.num_hidden_layers)
    shape = (1, text.num_attention_heads, 0, text.hidden_size // text.num_attention_heads)
    past: Inputs = {name: np.zeros(shape, np.float32) for name in names}
    shared = {name: cross[name] for name in cross_names(text.num_hidden_layers)}
    along = [*(tokens or start)]
    for position in range(len(tokens) or len(start) - 1 + PROOF_TOKENS):
        given: Inputs = {
            "input_ids": np.array([[along[position]]]),
            "position_ids": np.array([[position]]),
            "attention_mask": np.ones((1, position + 1), np.int64),
            **past,
            **shared,
        }
        logits, *present = session.run(["logits", *(name.replace("past", "present") for name in names)], given)
        past = dict(zip(names, present, strict=True))
        yield given, logits[:, -1]
        if position == len(along) - 1:
            along.append(int(logits[0, -1].argmax()))
            if along[-1] == text.sep_token_id:
                return


def _captions(job: BlipJob) -> list[tuple[list[int], NDArray[np.float32]]]:
    """The original's greedy caption of each picture: the tokens that it reads, and its logits, float32 (T, V), computed without a cache.

    The logits begin with those after the last token of the start.
    """
    model, text = load_blip(job.checkpoint), job.config.text_config
    made = []
    for one in job.pixels:
        with torch.no_grad():
            seen = model.vision_model(pixel_values=torch.from_numpy(one)).last_hidden_state
            rows = model.text_decoder.generate(
                input_ids=torch.tensor([job.start]),
                encoder_hidden_states=seen,
                encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.int64),
                eos_token_id=text.sep_token_id,
                pad_token_id=text.pad_token_id,
                max_new_tokens=PROOF_TOKENS,
                do_sample=False,
                num_beams=1,
            )
            given = rows[:, :-1]
            out = model.text_decoder(input_ids=given, encoder_hidden_states=seen, return_dict=True).logits[0]
        made.append((given[0].tolist(), out.numpy()[len(job.start) - 1 :]))
    return made


def _likeness(seen: Sequence[Inputs], found: Sequence[Inputs]) -> float:
    """Mean cosine of the cross-attention tensors, over pictures and tensors."""
    return float(
        np.mean(
            [
                cosine(value.reshape(1, -1), other[name].reshape(1, -1))
                for one, other in zip(seen, found, strict=True)
                for name, value in one.items()
            ]
        )
    )
