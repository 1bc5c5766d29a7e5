"""BLIP: sentences about a picture. The picture is read once; all captions share its cross-attention keys and values at batch 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.describers.decoding.drafts import open_drafts
from edge.errors import BundleError, DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels
from edge.runtime.onnx import Graph, Tensor, on_host
from firmware_config.board import Board
from firmware_config.describers import Blip
from firmware_config.station import Describe

Array = NDArray[np.float32]
Ids = NDArray[np.int64]
Wide = NDArray[np.float64]
Tensors = Mapping[str, Tensor]
"""Inputs of a graph by name."""

DRAFTED = 24
"""Tokens of a draft at most: a processor reads so many in little more than twice the time of one."""


@dataclass(slots=True)
class _State:
    """Self-attention keys and values of the tokens so far, (B, heads, past, head_dim) each, and which of them count, (past,) of 1 and 0."""

    keys_values: Tensors
    counts: Ids

    def strike(self, last: int) -> None:
        """Let the `last` tokens be as if never said."""
        self.counts[len(self.counts) - last :] = 0

    def pick(self, rows: list[int]) -> None:
        """Go on with these rows of the batch."""
        self.keys_values = {name: on_host(value)[rows] for name, value in self.keys_values.items()}


class BlipCaptioner:
    """Greedy or beam caption, then sampled captions, the same for the same picture every time."""

    stage = "blip"

    def __init__(self, bundle: Bundle, blip: Blip, *, board: Board) -> None:
        self._blip = blip
        self._vision = Graph(bundle.path(blip.vision), board)
        self._decoder = Graph(bundle.path(blip.decoder), board)
        self._tokenizer = Tokenizer.from_file(str(bundle.path(blip.tokenizer)))
        self._prompt = (
            [blip.bos_token_id, *self._tokenizer.encode(blip.prompt, add_special_tokens=False).ids] if blip.prompt else [blip.bos_token_id]
        )
        if blip.drafts and len(self._decoder.outputs["logits"]) != 3:  # (B, T, V)
            msg = f"bundle {bundle.manifest.name} has {blip.drafts}, and a decoder that cannot check drafts: build the bundle anew"
            raise BundleError(msg)
        self._drafts = open_drafts(bundle, blip.drafts, self._tokenizer, board=board)
        self._outputs = [f"present_{kind}.{layer}" for layer in range(blip.layers) for kind in ("key", "value")]

    def captions(self, pixels: Pixels, settings: Describe) -> tuple[str, ...]:
        """The greedy (or beam) caption first, then the samples; repeats are kept, they are votes.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """
        try:
            cross = self._read(pixels)
            rows = self._said(cross, settings)
        except DescribeError:
            raise
        except Exception as err:
            msg = f"BLIP failed on a picture of {pixels.shape[1]}x{pixels.shape[0]}: {str(err).splitlines()[0][:200]}"
            raise DescribeError(msg) from err
        return tuple(self._tokenizer.decode(row, skip_special_tokens=True) for row in rows)

    def _read(self, pixels: Pixels) -> Tensors:
        names = list(self._vision.outputs)
        _, values = self._vision.run({"pixel_values": pixel_values(pixels, self._blip.preprocess)}, keep=names)
        if not all(np.isfinite(on_host(value)).all() for value in values):
            msg = f"BLIP's vision gave numbers that are not finite for a picture of {pixels.shape[1]}x{pixels.shape[0]}: verify the bundle"
            raise DescribeError(msg)
        return dict(zip(names, values, strict=True))

    def _start(self, batch: int) -> _State:
        shape = (batch, self._blip.heads, 0, self._blip.head_dim)
        return _State({name.replace("present", "past"): np.zeros(shape, np.float32) for name in self._outputs}, np.zeros(0, np.int64))

    def _step(self, cross: Tensors, tokens: Ids, state: _State) -> Array:
        """Feed `tokens` (B, T); returns the logits after each, float32 (B, T, V), or after the last alone, (B, 1, V), and moves `state`."""
        batch, count = tokens.shape
        counts = np.append(state.counts, np.ones(count, np.int64))
        inputs = {
            "input_ids": tokens,
            "position_ids": np.tile(counts.cumsum()[-count:] - 1, (batch, 1)),
            "attention_mask": np.tile(counts, (batch, 1)),
            **state.keys_values,
            **cross,
        }
        (logits,), present = self._decoder.run(inputs, keep=self._outputs, read=["logits"])
        if not np.isfinite(logits).all():
            msg = f"BLIP's decoder gave numbers that are not finite at token {counts.sum()}: verify the bundle"
            raise DescribeError(msg)
        state.keys_values = {name.replace("present", "past"): value for name, value in zip(self._outputs, present, strict=True)}
        state.counts = counts
        return np.asarray(logits).reshape(batch, -1, logits.shape[-1])

    def _said(self, cross: Tensors, settings: Describe) -> list[list[int]]:
        samples = settings.samples
        if settings.beams > 1:
            return [self._beam(cross, settings), *self._say(cross, settings, samples=samples)]
        if self._decoder.on_card and samples:
            return self._say(cross, settings, greedy=True, samples=samples)
        # A row more costs a processor time, and dynamic int8 scales a whole batch alike: the greedy caption would hang on the others.
        return [self._likeliest(cross, settings), *self._say(cross, settings, samples=samples)]

    def _likeliest(self, cross: Tensors, settings: Describe) -> list[int]:
        """The greedy caption. What the drafts foresee is fed along, and holds as far as it is what is said."""
        state, given, row, most = self._start(1), self._prompt, list[int](), DRAFTED
        while len(row) < settings.max_tokens:
            draft = self._drafts.after(row, most=min(most, settings.max_tokens - len(row) - 1))
            logits = self._step(cross, np.array([[*given, *draft]], np.int64), state)
            said = logits[0, -1 - len(draft) :].argmax(-1).tolist()
            ends = (guess != token or token == self._blip.eos_token_id for guess, token in zip(draft, said, strict=False))
            right = next((place for place, end in enumerate(ends) if end), len(draft))
            state.strike(len(draft) - right)
            most = DRAFTED if right else most // 2  # where nothing can be foreseen, drafts are in vain
            given = said[right : right + 1]
            if given == [self._blip.eos_token_id]:
                return [*row, *said[:right]]
            row += said[: right + 1]
        return row

    def _say(self, cross: Tensors, settings: Describe, *, greedy: bool = False, samples: int = 0) -> list[list[int]]:
        """The greedy caption and the sampled ones, in one batch.

        The generator is seeded by the station alone, so a picture always gets the same captions.
        """
        count = greedy + samples
        rng = np.random.default_rng(settings.seed)
        state, feed = self._start(count), np.repeat(np.array([self._prompt], np.int64), count, axis=0)
        rows: list[list[int]] = [[] for _ in range(count)]
        alive = np.ones(count, bool)
        for _ in range(settings.max_tokens if count else 0):
            logits = self._step(cross, feed, state)[:, -1]
            # A draw for each row and step, also for captions that have ended: no draw hangs on how long the others are.
            sampled = drawn(logits[greedy:], rng.random(samples), top_k=settings.top_k, temperature=settings.temperature)
            tokens = np.concatenate([logits[:greedy].argmax(-1), sampled])
            alive &= tokens != self._blip.eos_token_id
            if not alive.any():
                break
            for row in np.flatnonzero(alive):
                rows[row].append(int(tokens[row]))
            feed = np.where(alive, tokens, self._blip.pad_token_id).astype(np.int64)[:, None]
        return rows

    def _beam(self, cross: Tensors, settings: Describe) -> list[int]:
        """Beam search with transformers' default length penalty of 1: the score of a sentence is its mean log-probability."""
        beams, eos = settings.beams, self._blip.eos_token_id
        state = self._start(1)
        first = _log_softmax(self._step(cross, np.array([self._prompt], np.int64), state)[:, -1])[0]
        state.pick([0] * beams)
        totals = np.full(beams, -np.inf)
        totals[0] = 0.0
        log_probabilities = np.repeat(first[None], beams, axis=0)
        rows: list[list[int]] = [[] for _ in range(beams)]
        done: list[tuple[float, list[int]]] = []
        length = len(self._prompt)
        for step in range(1, settings.max_tokens + 1):
            flat = (totals[:, None] + log_probabilities).ravel()
            vocabulary = log_probabilities.shape[-1]
            candidates = likeliest(flat, 2 * beams)
            kept: list[tuple[float, int, int]] = []
            for rank, candidate in enumerate(candidates):
                beam, token = divmod(int(candidate), vocabulary)
                if token == eos:
                    if rank < beams:
                        done.append((float(flat[candidate]) / (length + step - 1), rows[beam]))
                elif len(kept) < beams:
                    kept.append((float(flat[candidate]), beam, token))
            done = sorted(done, key=lambda item: -item[0])[:beams]
            rows = [[*rows[beam], token] for _, beam, token in kept]
            totals = np.array([total for total, _, _ in kept])
            if step == settings.max_tokens or (len(done) == beams and done[-1][0] >= totals.max() / (length + step - 1)):
                break
            state.pick([beam for _, beam, _ in kept])
            log_probabilities = _log_softmax(self._step(cross, np.array([[token] for _, _, token in kept], np.int64), state)[:, -1])
        done += (
            [(float(total) / (length + settings.max_tokens - 1), row) for total, row in zip(totals, rows, strict=True)]
            if len(done) < beams
            else []
        )
        return max(done, key=lambda item: item[0])[1]


def _log_softmax(logits: Array) -> Wide:
    """Log-probabilities, float64 (B, V)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(-1, keepdims=True)))


def drawn(logits: Array, draws: Wide, *, top_k: int, temperature: float) -> Ids:
    """A token for each row of (N, V) by its draw (N,) from [0, 1), among the `top_k` likeliest.

    Chances are added up in the order of the tokens' ids: in that of likelihood, any two that are equal but for the last bit would trade
    places from one processor to another, and captions would change.
    """
    chosen = np.empty(len(logits), np.int64)
    for row, (some, draw) in enumerate(zip(logits, draws, strict=True)):
        able = np.sort(likeliest(some, top_k))
        wide = some[able].astype(np.float64)
        reached = np.cumsum(np.exp((wide - wide.max()) / temperature))
        chosen[row] = able[min(np.searchsorted(reached, draw * reached[-1], side="right"), len(able) - 1)]
    return chosen


def likeliest(row: Array | Wide, count: int) -> Ids:
    """Places of the `count` largest of `row` (V,), largest first, of equal ones the first; sorting all takes far longer."""
    count = min(count, len(row))
    able = np.flatnonzero(row >= np.partition(row, -count)[-count])
    return able[np.argsort(-row[able], kind="stable")[:count]]
