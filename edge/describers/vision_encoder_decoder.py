"""Tags and attributes from CLIP, captions from a vision encoder and a text decoder, such as ViT and GPT-2."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle
from edge.describers.clip import ClipTagger
from edge.describers.clip_and_captioner import ClipAndCaptioner
from edge.describers.decoding.decoder import Ids, Logits, SpecialTokens
from edge.describers.decoding.drafts import Drafts
from edge.describers.decoding.generate import generate
from edge.describers.tokenizer import read_tokenizer
from edge.errors import DescribeError
from edge.picture.preprocess import pixel_values
from edge.records import Pixels, Placement
from edge.runtime.onnx import Graph
from firmware_config.board import Board
from firmware_config.describers import VisionEncoderDecoder
from firmware_config.station import Describe

NO_DRAFTS = Drafts([])


def open_vision_encoder_decoder(bundle: Bundle, section: VisionEncoderDecoder, *, board: Board) -> ClipAndCaptioner:
    """Load the models.

    Raises:
        BundleError: a graph cannot be loaded on this board, or files of the bundle do not fit together.
    """
    captioner = VisionEncoderDecoderCaptioner(bundle, section, board=board)
    return ClipAndCaptioner(ClipTagger(bundle, section.clip, board=board), captioner)


class VisionEncoderDecoderCaptioner:
    """See `edge.describers.clip_and_captioner.Captioner`. The same picture and settings give the same captions every time."""

    stage = "vision_encoder_decoder"

    def __init__(self, bundle: Bundle, section: VisionEncoderDecoder, *, board: Board) -> None:
        self._preprocess = section.preprocess
        self._encoder = Graph(bundle.file(section.encoder), board)
        self._decoder = Graph(bundle.file(section.decoder), board)
        self._tokenizer = read_tokenizer(bundle, section.tokenizer)
        self._special = SpecialTokens((section.decoder_start_token_id,), end=section.eos_token_id, pad=section.pad_token_id)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """See `edge.describers.clip_and_captioner.Captioner`."""
        return self._encoder.placement("captions encoder"), self._decoder.placement("captions decoder")

    def captions(self, pixels: Pixels, settings: Describe) -> tuple[str, ...]:
        """Caption a picture, uint8 (H, W, 3) BGR: the greedy or beam caption first, then the sampled ones. Equal captions are all kept.

        Raises:
            DescribeError: a graph failed or gave numbers that are not finite.
        """
        try:
            (hidden,), _ = self._encoder.run({"pixel_values": pixel_values(pixels, self._preprocess)}, read=["last_hidden_state"])
            start = partial(_Decoder, self._decoder, np.asarray(hidden, np.float32))
            rows = generate(start, self._special, settings=settings, drafts=NO_DRAFTS, one_batch=self._decoder.on_gpu)
        except DescribeError:
            raise
        except Exception as err:
            msg = f"the captioner failed on a picture of {pixels.shape[1]}x{pixels.shape[0]} px: {str(err).splitlines()[0][:200]}"
            raise DescribeError(msg) from err
        return tuple(self._tokenizer.decode(row, skip_special_tokens=True) for row in rows)


class _Decoder:
    """See `edge.describers.decoding.decoder.Decoder`. The graph has no cache: every step computes all tokens again."""

    def __init__(self, graph: Graph, hidden: NDArray[np.float32], rows: int) -> None:
        self._graph = graph
        self._hidden = np.repeat(hidden, rows, axis=0)
        self._tokens = np.zeros((rows, 0), np.int64)

    def step(self, tokens: Ids) -> Logits:
        """Feed the next tokens, int64 (B, T); returns logits, float32 (B, T, V).

        Raises:
            DescribeError: the logits are not finite.
        """
        self._tokens = np.concatenate([self._tokens, tokens], axis=1)
        inputs = {"input_ids": self._tokens, "encoder_hidden_states": self._hidden}
        (logits,), _ = self._graph.run(inputs, read=["logits"])
        if not np.isfinite(logits).all():
            msg = f"logits of the captioner's decoder after token {self._tokens.shape[1]} of a caption are not finite: verify the bundle"
            raise DescribeError(msg)
        return np.asarray(logits[:, -tokens.shape[1] :], np.float32)

    def drop(self, count: int) -> None:
        """Remove the last `count` tokens."""
        self._tokens = self._tokens[:, : self._tokens.shape[1] - count]

    def reorder(self, rows: Sequence[int]) -> None:
        """Continue with these rows of the batch; a row may be given several times."""
        self._tokens, self._hidden = self._tokens[list(rows)], self._hidden[list(rows)]
