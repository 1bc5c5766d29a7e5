"""A checkpoint to artefacts: graphs in the wanted precision, proven against the original, and their part of models.json."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from transformers import BlipForConditionalGeneration, CLIPModel, SiglipModel

from edge.picture.preprocess import pixel_values
from export.blip import blip_section, cross_names, export_blip, past_names
from export.clip import ClipText, ClipVision, export_clip
from export.errors import SpecError
from export.proof import Figure, agreement, cosine, figure, overlap, require_kept
from export.quantize import Inputs, Precision, quantize
from export.shared_head import find_tied, store_once
from export.sources import load_tokenizer, preprocessing, read_checkpoint
from export.vocabulary import embed, merged
from firmware_config.bundle import ImagePreprocess

PROOF_TOKENS = 20
"""Length of the captions along which decoders are compared."""

TOP = 5
"""Words of a picture whose overlap is compared: as many as a description usually has."""

Say = Callable[[str], None]


def make_clip(
    source: Path,
    out: Path,
    *,
    precision: Precision,
    tags: Sequence[Path],
    attributes: Sequence[Path],
    prompts: Sequence[str],
    pictures: Sequence[Path],
    limits: dict[str, float] | None = None,
    say: Say,
) -> tuple[Figure, ...]:
    """Make `out`/clip and its part of `out`/models.json from the folder of a CLIP or SigLIP.

    Raises:
        SpecError: a checkpoint, a vocabulary or a picture that is not as it must be; said before any long work.
        BuildError: a graph does not do what its original does.
    """
    checkpoint = read_checkpoint(source, kind="CLIP")
    text_config = checkpoint.config.get("text_config", {})
    tokenizer = load_tokenizer(checkpoint)
    words = {"tags": merged(tags), "attributes": merged(attributes)}
    model = (SiglipModel if checkpoint.model_type == "siglip" else CLIPModel).from_pretrained(source, **_SAFE).eval()
    preprocess = preprocessing(checkpoint, size=model.config.vision_config.image_size)
    pixels = _pixels(pictures, preprocess)
    context = model.config.text_config.max_position_embeddings
    pad = int(text_config.get("pad_token_id", 1) if checkpoint.model_type == "siglip" else 0)
    reading = {"prompts": prompts, "context_tokens": context, "pad_token_id": pad}
    with tempfile.TemporaryDirectory(dir=_made(out)) as scratch:
        full = Path(scratch)
        say("exporting CLIP")
        export_clip(model, full)
        say(f"quantizing CLIP to {precision}")
        quantize(full / "vision.onnx", out / "clip/vision.onnx", precision, samples=[{"pixel_values": one} for one in pixels])
        # Texts are read on the workstation, and by the device a handful: fp32 loses nothing.
        quantize(full / "text.onnx", out / "clip/text.onnx", "fp32")
        vocabularies = {}
        for kind, entries in words.items():
            say(f"embedding {len(entries)} {kind}")
            vocabularies[kind] = embed(out / "clip/text.onnx", tokenizer, [entry.word for entry in entries], **reading)
        say("proving CLIP")
        with torch.no_grad():
            seen = np.concatenate([ClipVision(model)(torch.from_numpy(one)).numpy() for one in pixels])
        made = np.concatenate([_run(out / "clip/vision.onnx", {"pixel_values": one})["image_embeds"] for one in pixels])
        figures = [figure("clip.image", "cosine", precision, cosine(seen, made), limits)]
        figures += [
            figure(f"clip.{kind}", "overlap", precision, overlap(seen @ rows.T, made @ rows.T, min(TOP, len(rows))), limits)
            for kind, rows in vocabularies.items()
        ]
        figures.append(figure("clip.text", "cosine", "fp32", _text_cosine(model, out / "clip/text.onnx", context, pad), limits))
    require_kept(figures)
    tokenizer.save(str(out / "clip/tokenizer.json"))
    section: dict[str, Any] = {
        "vision": "clip/vision.onnx",
        "text": "clip/text.onnx",
        "tokenizer": "clip/tokenizer.json",
        "context_tokens": context,
        "pad_token_id": pad,
        "preprocess": preprocess.model_dump(mode="json"),
    }
    for kind, entries in words.items():
        (out / f"clip/{kind}.txt").write_text("".join(f"{entry.word}\n" for entry in entries), encoding="utf-8")
        (out / f"clip/{kind}.ja.txt").write_text("".join(f"{entry.gloss}\n" for entry in entries), encoding="utf-8")
        np.save(out / f"clip/{kind}.npy", vocabularies[kind])
        section[kind] = {"words": f"clip/{kind}.txt", "embeddings": f"clip/{kind}.npy", "glosses": {"ja": f"clip/{kind}.ja.txt"}}
    _record(out, "clip", section, figures)
    return tuple(figures)


def make_blip(
    source: Path,
    out: Path,
    *,
    precision: Precision,
    decoder: Precision,
    prompt: str,
    pictures: Sequence[Path],
    limits: dict[str, float] | None = None,
    say: Say,
) -> tuple[Figure, ...]:
    """Make `out`/blip and its part of `out`/models.json from the folder of a BLIP that captions.

    Raises:
        SpecError: a checkpoint or a picture that is not as it must be; said before any long work.
        BuildError: a graph does not do what its original does.
    """
    checkpoint = read_checkpoint(source, kind="BLIP")
    tokenizer = load_tokenizer(checkpoint)
    model = BlipForConditionalGeneration.from_pretrained(source, **_SAFE).eval()
    preprocess = preprocessing(checkpoint, size=model.config.vision_config.image_size)
    pixels = _pixels(pictures, preprocess)
    with tempfile.TemporaryDirectory(dir=_made(out)) as scratch:
        full = Path(scratch)
        say("exporting BLIP")
        export_blip(model, full)
        say(f"quantizing BLIP to {precision}, its decoder to {decoder}")
        quantize(full / "vision.onnx", out / "blip/vision.onnx", precision, samples=[{"pixel_values": one} for one in pixels])
        samples = _decoder_samples(full, model, pixels) if decoder == "int8-static" else []
        quantize(full / "decoder.onnx", out / "blip/decoder.onnx", decoder, samples=samples)
        tied = find_tied(full / "decoder.onnx")
        if tied is not None:
            store_once(out / "blip/decoder.onnx", tied)
        say("proving BLIP")
        figures = _blip_figures(full, out / "blip", model, pixels, precision=precision, decoder=decoder, limits=limits)
    require_kept(figures)
    tokenizer.save(str(out / "blip/tokenizer.json"))
    _record(out, "blip", blip_section(model, preprocess, prompt=prompt), figures)
    return tuple(figures)


_SAFE: dict[str, Any] = {
    "local_files_only": True,
    "use_safetensors": True,
    "trust_remote_code": False,
    "torch_dtype": torch.float32,
    "attn_implementation": "eager",
}


def _blip_figures(
    full: Path,
    made: Path,
    model: BlipForConditionalGeneration,
    pixels: Sequence[NDArray[np.float32]],
    *,
    precision: Precision,
    decoder: Precision,
    limits: dict[str, float] | None,
) -> list[Figure]:
    """Cross-attention tensors of the picture, then logits along the original's own greedy captions, fed with the original's eyes."""
    crosses, logits = [], []
    for one in pixels:
        inputs = {"pixel_values": one}
        original, found = _run(full / "vision.onnx", inputs), _run(made / "vision.onnx", inputs)
        crosses.append([cosine(value.reshape(1, -1), found[name].reshape(1, -1)) for name, value in original.items()])
        tokens, expected = _caption(model, one)
        logits.append((expected, _along(made / "decoder.onnx", model, tokens, original)))
    before, after = (np.concatenate(rows) for rows in zip(*logits, strict=True))
    return [
        figure("blip.vision", "cosine", precision, float(np.mean(crosses)), limits),
        figure("blip.decoder", "cosine", decoder, cosine(before, after), limits),
        figure("blip.decoder", "agreement", decoder, agreement(before, after), limits),
    ]


def _caption(model: BlipForConditionalGeneration, pixel: NDArray[np.float32]) -> tuple[list[int], NDArray[np.float32]]:
    """The tokens that the original's greedy caption is made of, with the first, and its logits after each, (T, V)."""
    text = model.config.text_config
    with torch.no_grad():
        seen = model.vision_model(pixel_values=torch.from_numpy(pixel)).last_hidden_state
        tokens = [text.bos_token_id]
        for _ in range(PROOF_TOKENS):
            out = model.text_decoder(input_ids=torch.tensor([tokens]), encoder_hidden_states=seen, return_dict=True).logits[0]
            tokens.append(int(out[-1].argmax()))
            if tokens[-1] == text.sep_token_id:
                break
    return tokens[:-1], out.numpy()


def _along(graph: Path, model: BlipForConditionalGeneration, tokens: Sequence[int], cross: Inputs) -> NDArray[np.float32]:
    """Logits of the exported decoder after each of `tokens`, (T, V)."""
    return np.concatenate([row for _, row in _steps(graph, model, tokens, cross)])


def _steps(
    graph: Path, model: BlipForConditionalGeneration, tokens: Sequence[int], cross: Inputs
) -> list[tuple[Inputs, NDArray[np.float32]]]:
    """What the decoder was given for each token, and the logits (1, V) that it gave."""
    text = model.config.text_config
    session = ort.InferenceSession(str(graph))
    names = past_names(text.num_hidden_layers)
    shape = (1, text.num_attention_heads, 0, text.hidden_size // text.num_attention_heads)
    past: Inputs = {name: np.zeros(shape, np.float32) for name in names}
    steps = []
    for position, token in enumerate(tokens):
        inputs: Inputs = {
            "input_ids": np.array([[token]]),
            "position_ids": np.array([[position]]),
            "attention_mask": np.ones((1, position + 1), np.int64),
            **past,
            **{name: cross[name] for name in cross_names(text.num_hidden_layers)},
        }
        logits, *present = session.run(["logits", *(name.replace("past", "present") for name in names)], inputs)
        past = dict(zip(names, present, strict=True))
        steps.append((inputs, logits))
    return steps


def _decoder_samples(full: Path, model: BlipForConditionalGeneration, pixels: Sequence[NDArray[np.float32]]) -> list[Inputs]:
    """Inputs of the decoder along captions of the pictures, to calibrate with."""
    samples: list[Inputs] = []
    for one in pixels[:4]:
        tokens, _ = _caption(model, one)
        samples += [inputs for inputs, _ in _steps(full / "decoder.onnx", model, tokens, _run(full / "vision.onnx", {"pixel_values": one}))]
    return samples


def _text_cosine(model: CLIPModel | SiglipModel, graph: Path, context: int, pad: int) -> float:
    """Sentences of random tokens, as the original and as the graph read them."""
    size = model.config.text_config.vocab_size
    ids = np.random.default_rng(0).integers(3, size - 2, (8, context))
    ids[:, context // 2 :] = pad
    ids[:, context // 2] = min(model.config.text_config.eos_token_id or size - 1, size - 1)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    wanted = {node.name for node in ort.InferenceSession(str(graph)).get_inputs()}
    inputs = {name: value for name, value in inputs.items() if name in wanted}
    with torch.no_grad():
        original = ClipText(model)(**{name: torch.from_numpy(value) for name, value in inputs.items()}).numpy()
    return cosine(original, _run(graph, inputs)["text_embeds"])


def _run(graph: Path, inputs: Inputs) -> Inputs:
    session = ort.InferenceSession(str(graph))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _pixels(pictures: Sequence[Path], preprocess: ImagePreprocess) -> list[NDArray[np.float32]]:
    if not pictures:
        msg = "no picture to prove with: give real pictures of the inspection point, a model is proven on them"
        raise SpecError(msg)
    rows = []
    for path in pictures:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if pixels is None:
            msg = f"picture {path} cannot be read: give a PNG or JPEG"
            raise SpecError(msg)
        rows.append(pixel_values(pixels.astype(np.uint8), preprocess))
    return rows


def _record(out: Path, section: str, values: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Put one part into models.json, leaving the others as they are."""
    path = out / "models.json"
    models: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    parity = {name: value for name, value in models.get("parity", {}).items() if not name.startswith(section)}
    parity |= {f"{one.stage.replace('.', '_')}_{one.kind}_{one.precision}": round(one.value, 6) for one in figures}
    models |= {section: values, "parity": dict(sorted(parity.items()))}
    path.write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")


def _made(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out
