"""The tokenizer of a checkpoint beside tokenizer.json, which the box reads: both must make the same tokens of every phrase."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from export.checkpoint.folder import Checkpoint, load_tokenizer
from export.errors import SpecError, reason_of

ANY_TOKEN = 0
"""The padding of a CLIP whose tokenizer has none. A CLIP reads nothing after its end token."""


@dataclass(frozen=True, slots=True)
class TextReader:
    """How phrases become tokens: the checkpoint's own tokenizer, and its parts as the box has them."""

    own: Any
    tokenizer: Tokenizer
    context_tokens: int
    pad_token_id: int

    def tokens(self, phrase: str) -> dict[str, Any]:
        """Tensors of a phrase as the checkpoint's own tokenizer makes them, padded if it can pad."""
        padding = "max_length" if self.own.pad_token_id is not None else False
        return dict(self.own([phrase], padding=padding, max_length=self.context_tokens, return_tensors="pt"))


def own_tokenizer(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 -- a tokenizer of transformers
    """The tokenizer that transformers makes of a checkpoint's files.

    Raises:
        SpecError: it cannot be made.
    """
    try:
        return AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except Exception as err:  # transformers raises what its parsers raise
        msg = f"the tokenizer of {checkpoint.folder} cannot be read by transformers ({reason_of(err)}): save it with save_pretrained"
        raise SpecError(msg) from err


def read_text_reader(checkpoint: Checkpoint, *, positions: int, vocabulary: int) -> TextReader:
    """Read the tokenizer of a text tower with `positions` places and embeddings of `vocabulary` tokens.

    Raises:
        SpecError: the files are missing, or the tower cannot read what they make.
    """
    tokenizer, own = load_tokenizer(checkpoint), own_tokenizer(checkpoint)
    title = f"the tokenizer of {checkpoint.folder}"
    padding = own.pad_token_id
    if padding is None and checkpoint.model_type == "siglip":
        msg = f"{title} has no padding token, and a SigLIP reads its padding: set pad_token in tokenizer_config.json"
        raise SpecError(msg)
    if padding is not None and own.padding_side != "right":
        msg = f"{title} pads on the {own.padding_side} (padding_side), a box on the right: give a checkpoint that was trained so"
        raise SpecError(msg)
    largest = max(tokenizer.get_vocab_size() - 1, padding or 0)
    if largest >= vocabulary:
        msg = f"{title} has tokens up to {largest}, the text tower knows {vocabulary}: give the tokenizer that belongs to the weights"
        raise SpecError(msg)
    context = min(positions, int(own.model_max_length))
    if context < 2:
        msg = f"{title} takes {context} tokens (model_max_length), expected at least 2: correct tokenizer_config.json"
        raise SpecError(msg)
    return TextReader(own, tokenizer, context, ANY_TOKEN if padding is None else padding)


def check_phrases(reader: TextReader, phrases: Iterable[str], *, folder: object) -> None:
    """Check that tokenizer.json makes of every phrase the tokens that the checkpoint's own tokenizer makes.

    Raises:
        SpecError: it does not.
    """
    for phrase in phrases:
        found, wanted = reader.tokenizer.encode(phrase).ids, reader.own(phrase).input_ids
        if found != wanted:
            what = f"its own tokenizer ({type(reader.own).__name__}) makes other tokens of {phrase!r} than its tokenizer.json"
            msg = f"checkpoint {folder}: {what}, which a box reads: save one that does the same with save_pretrained"
            raise SpecError(msg)
