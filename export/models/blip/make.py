"""A captioning BLIP from Hugging Face to artefacts: two graphs, proven against the original by logits and by whole captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BlipConfig, BlipForConditionalGeneration

from export.checkpoint import Checkpoint, load_tokenizer, read_checkpoint
from export.checkpoint.processor import Processor, read_processor
from export.checkpoint.weights import check_weights
from export.checkpoint.words import own_tokenizer
from export.errors import SpecError
from export.model_sources import BlipSource
from export.models.artefacts import record, run
from export.models.blip.graphs import blip_section, cross_names, load_blip, past_names
from export.models.proof_pictures import PixelValues, ProofPictures, read_proof_pictures
from export.models.quantize import Inputs, quantize
from export.models.sensitivity import suspects
from export.models.tied_embedding import find_tied, store_once
from export.progress import Report
from export.proof.figures import Measured, Suspect, agreement, cosine, edit_distance, max_difference

PROOF_TOKENS = 20
"""The most tokens of a caption on which decoders are compared."""

CALIBRATION_PICTURES = 4

MOST_DRAFTS, LONGEST_DRAFT = 1_000, 240
"""The most drafts of a bundle, and the most characters of one. A box reads all of them at its start; some dozens foresee most tokens."""

Step = tuple[Inputs, NDArray[np.float32]]
"""The inputs of a decoder for one token, and its logits, float32 (1, V)."""


@dataclass(frozen=True, slots=True)
class BlipJob:
    """A BLIP to be exported: its source, checked, and everything of it but the weights. `own` is transformers' tokenizer."""

    source: BlipSource
    checkpoint: Checkpoint
    config: BlipConfig
    own: Any
    tokenizer: Tokenizer
    processor: Processor
    drafts: tuple[str, ...] | None
    pictures: ProofPictures

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
    check_weights(checkpoint, BlipForConditionalGeneration, config)
    processor = read_processor(checkpoint, size=config.vision_config.image_size)
    job = BlipJob(
        source=source,
        checkpoint=checkpoint,
        config=config,
        tokenizer=load_tokenizer(checkpoint),
        own=own_tokenizer(checkpoint),
        processor=processor,
        drafts=None if source.drafts == "none" else read_drafts(source.drafts),
        pictures=read_proof_pictures(pictures, processor),
    )
    _check_prompt(job)
    return job


def _check_prompt(job: BlipJob) -> None:
    """Check that the box begins a caption with the tokens with which transformers begins it."""
    text, prompt = job.config.text_config, job.source.prompt
    largest = max(job.tokenizer.get_vocab_size() - 1, text.bos_token_id, text.sep_token_id)
    if largest >= text.vocab_size:
        msg = f"the tokenizer of {job.checkpoint.folder} has tokens up to {largest}, its decoder knows {text.vocab_size}: give its own"
        raise SpecError(msg)
    # `generate` replaces the first token of a prompt and drops the last: they are the marks of a sentence.
    wanted = [text.bos_token_id, *(job.own(prompt).input_ids[1:-1] if prompt else [])]
    if job.start != wanted:
        what = f"its own tokenizer ({type(job.own).__name__}) makes other tokens of the prompt {prompt!r} than its tokenizer.json"
        msg = f"checkpoint {job.checkpoint.folder}: {what}, which a box reads: save one that does the same with save_pretrained"
        raise SpecError(msg)


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
    pictures = job.pictures
    seen = _seen(pictures.own, graphs / "vision.onnx")
    quantize(graphs / "vision.onnx", vision, source.precision, samples=_inputs(pictures.boxed))
    quantize(graphs / "decoder.onnx", decoder, source.decoder_precision, samples=_decoder_samples(job, graphs, seen))
    tied = find_tied(graphs / "decoder.onnx")
    if tied is not None:
        store_once(decoder, tied)
    report("proving BLIP")
    captions, crosses = _captions(job), _seen(pictures.own, vision)
    original = np.concatenate([logits for _, logits in captions])
    found = _along(decoder, job, seen, [tokens for tokens, _ in captions])
    alike = _greedy(decoder, job, _seen(pictures.alike, vision))
    boxed = alike if pictures.seen_whole else _greedy(decoder, job, _seen(pictures.boxed, vision))
    start = len(job.start)
    tokens, texts = [row[start:] for row, _ in captions], [_words(job.own, row[start:]) for row, _ in captions]
    measured = (
        Measured("blip.pixels", "grey_levels", "bundle", pictures.grey_levels),
        Measured("blip.vision", "cosine", source.precision, _likeness(seen, crosses)),
        Measured("blip.decoder", "cosine", source.decoder_precision, cosine(original, found)),
        Measured("blip.decoder", "agreement", source.decoder_precision, agreement(original, found)),
        Measured("blip.decoder", "max_difference", source.decoder_precision, max_difference(original, found)),
        Measured(
            "blip.captions",
            "edit_distance",
            source.decoder_precision,
            _distance(tokens, [row[start:] for row in _greedy(decoder, job, crosses)]),
        ),
        Measured("blip.path", "edit_distance", "bundle", _distance(texts, [_words(job.tokenizer, row[start:]) for row in alike])),
    )
    job.tokenizer.save(str(out / "blip/tokenizer.json"))
    if job.drafts is not None:
        drafts = [*(job.tokenizer.decode(row[start:]) for row in boxed[:MOST_DRAFTS]), *job.drafts]
        (out / "blip/drafts.txt").write_text("".join(f"{draft}\n" for draft in drafts), encoding="utf-8")
    section = blip_section(job.config, job.processor.preprocess, prompt=source.prompt, drafts=job.drafts is not None)
    record(out, "blip", section, measured)


def blip_suspects(job: BlipJob, graphs: Path, stage: str, *, report: Report) -> tuple[Suspect, ...]:
    """The layer types of a stage that lose the most, worst first: of the vision graph for "blip.vision", else of the decoder."""
    report("looking for the layers of BLIP that lose the most")
    seen = _seen(job.pictures.own, graphs / "vision.onnx")
    if stage == "blip.vision":
        return suspects(
            stage,
            graphs / "vision.onnx",
            job.source.precision,
            lambda graph: _likeness(seen, _seen(job.pictures.own, graph)),
            samples=_inputs(job.pictures.boxed),
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


def _inputs(pictures: Sequence[PixelValues]) -> list[Inputs]:
    return [{"pixel_values": one} for one in pictures]


def _seen(pictures: Sequence[PixelValues], graph: Path) -> list[Inputs]:
    """The cross-attention tensors of each picture, float32 (1, heads, patches + 1, head_dim) by name."""
    return run(graph, _inputs(pictures))


def _words(tokenizer: Any, tokens: Sequence[int]) -> list[str]:  # noqa: ANN401 -- of transformers or of tokenizers
    return tokenizer.decode(tokens, skip_special_tokens=True).split()


def _distance(captions: Sequence[Sequence[object]], others: Sequence[Sequence[object]]) -> float:
    """Mean edit distance of captions, in tokens or in words."""
    return float(np.mean([edit_distance(one, other) for one, other in zip(captions, others, strict=True)]))


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

    Its own processor, tokenizer and `generate` make them. The logits begin with those after the last token of the start.
    """
    model = load_blip(job.checkpoint)
    prompt = {} if not job.source.prompt else dict(job.own([job.source.prompt], return_tensors="pt"))
    prompt.pop("token_type_ids", None)
    made = []
    for one in job.pictures.own:
        pixels = torch.from_numpy(one)
        with torch.no_grad():
            given = {name: tensor.clone() for name, tensor in prompt.items()}
            rows = model.generate(pixels, **given, max_new_tokens=PROOF_TOKENS, do_sample=False, num_beams=1)[:, :-1]
            seen = model.vision_model(pixel_values=pixels).last_hidden_state
            out = model.text_decoder(input_ids=rows, encoder_hidden_states=seen, return_dict=True).logits[0]
        made.append((rows[0].tolist(), out.numpy()[len(job.start) - 1 :]))
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
