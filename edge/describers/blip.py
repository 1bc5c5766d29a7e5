"""BLIP: captions of a picture. The vision graph runs once; all captions share its cross-attention keys and values at batch 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from edge.bundle.open import Bundle
from edge.describers.decoding.decoder import Ids, Logits, SpecialTokens
from edge.describers.decoding.drafts import open_drafts
from edge.describers.decoding.generate import generate
from edge.describers.tokenizer import read_tokenizer
from edge.errors import BundleError, DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels, Placement
from edge.runtime.onnx import Graph, Tensor, on_host
from firmware_config.board import Board
from firmware_config.describers import Blip
from firmware_config.station import Describe

Tensors = Mapping[str, Tensor]
"""Inputs of a graph by name."""


class BlipCaptioner:
    """See `edge.describers.clip_and_captioner.Captioner`. The same picture and settings give the same captions every time."""

    stage = "blip"

    def __init__(self, bundle: Bundle, blip: Blip, *, board: Board) -> None:
        self._blip = blip
        self._vision = Graph(bundle.file(blip.vision), board)
        self._decoder = Graph(bundle.file(blip.decoder), board)
        if blip.drafts and len(self._decoder.outputs["logits"]) != 3:  # (B, T, V)
            msg = f"bundle {bundle.manifest.name} has drafts, {blip.drafts}, and a decoder that cannot check drafts: build the bundle again"
            raise BundleError(msg)
        self._tokenizer = read_tokenizer(bundle, blip.tokenizer)
        self._drafts = open_drafts(bundle, blip.drafts, self._tokenizer, board=board)
        prompt = self._tokenizer.encode(blip.prompt, add_special_tokens=False).ids if blip.prompt else []
        self._special = SpecialTokens((blip.bos_token_id, *prompt), end=blip.eos_token_id, pad=blip.pad_token_id)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """See `edge.describers.clip_and_captioner.Captioner`."""
        return self._vision.placement("blip vision"), self._decoder.placement("blip decoder")

    def captions(self, pixels: Pixels, settings: Describe) -> tuple[str, ...]:
        """Caption a picture, uint8 (H, W, 3) BGR: the greedy or beam caption first, then the sampled ones. Equal captions are all kept.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """
        try:
            start = partial(_BlipDecoder, self._decoder, self._blip, self._cross_attention(pixels))
            rows = generate(start, self._special, settings=settings, drafts=self._drafts, one_batch=self._decoder.on_gpu)
        except DescribeError:
            raise
        except Exception as err:
            msg = f"BLIP failed on a picture of {pixels.shape[1]}x{pixels.shape[0]} px: {str(err).splitlines()[0][:200]}"
            raise DescribeError(msg) from err
        return tuple(self._tokenizer.decode(row, skip_special_tokens=True) for row in rows)

    def _cross_attention(self, pixels: Pixels) -> Tensors:
        """Run the vision graph; returns cross_key.i and cross_value.i of every layer, float32 (1, heads, patches, head_dim).

        Raises:
            DescribeError: a value is not finite.
        """
        names = list(self._vision.outputs)
        _, values = self._vision.run({"pixel_values": pixel_values(pixels, self._blip.preprocess)}, keep=names)
        if not all(np.isfinite(on_host(value)).all() for value in values):
            msg = f"BLIP's vision output for a picture of {pixels.shape[1]}x{pixels.shape[0]} px is not finite: verify the bundle"
            raise DescribeError(msg)
        return dict(zip(names, values, strict=True))


class _BlipDecoder:
    """See `edge.describers.decoding.decoder.Decoder`.

    `_past` holds the self-attention keys and values of the tokens that were fed, float32 (B, heads, past, head_dim) each. `_mask`, int64
    (past,), is 1 for a token that counts and 0 for one that was dropped.
    """

    def __init__(self, graph: Graph, blip: Blip, cross: Tensors, rows: int) -> None:
        self._graph, self._cross = graph, cross
        self._names = [f"{kind}.{layer}" for layer in range(blip.layers) for kind in ("key", "value")]
        self._past: Tensors = {f"past_{name}": np.zeros((rows, blip.heads, 0, blip.head_dim), np.float32) for name in self._names}
        self._mask = np.zeros(0, np.int64)

    def step(self, tokens: Ids) -> Logits:
        """Feed the next tokens, int64 (B, T); returns logits, float32 (B, T, V) or (B, 1, V).

        Raises:
            DescribeError: the logits are not finite.
        """
        batch, count = tokens.shape
        mask = np.append(self._mask, np.ones(count, np.int64))
        inputs = {
            "input_ids": tokens,
            "position_ids": np.tile(mask.cumsum()[-count:] - 1, (batch, 1)),
            "attention_mask": np.tile(mask, (batch, 1)),
            **self._past,
            **self._cross,
        }
        (logits,), present = self._graph.run(inputs, keep=[f"present_{name}" for name in self._names], read=["logits"])
        if not np.isfinite(logits).all():
            msg = f"logits of BLIP's decoder after token {mask.sum()} of a caption are not finite: verify the bundle"
            raise DescribeError(msg)
        self._past = {f"past_{name}": value for name, value in zip(self._names, present, strict=True)}
        self._mask = mask
        return np.asarray(logits).reshape(batch, -1, logits.shape[-1])

    def drop(self, count: int) -> None:
        """Mask the last `count` tokens. Their keys and values stay, because removing them would copy all others."""
        self._mask[len(self._mask) - count :] = 0

    def reorder(self, rows: Sequence[int]) -> None:
        """Continue with these rows of the batch; a row may be given several times."""
        self._past = {name: on_host(value)[list(rows)] for name, value in self._past.items()}
