"""How captions are likely to go on: pictures of one line are told in few sentences, so most of a caption can be guessed and then checked.

A decoder reads a dozen tokens in less than twice the time of one, because its weights are what has to be fetched. So the tokens that
captions of the bundle went on with are given to it along with the last one, and those count that it says itself (speculative decoding,
arXiv 2211.17192; looked up, arXiv 2304.04487, where that has a second model). Drafts come from the bundle alone: a picture's words never
hang on the pictures before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.errors import BundleError
from firmware_config.board import Board

LONGEST = 8
"""Tokens of a caption's end that are looked up, at most."""

EDGE = -1
"""Stands before the first token and after the last."""


class Drafts:
    """What stood most often after the same tokens; the more tokens are the same, the more they count."""

    def __init__(self, captions: Iterable[Sequence[int]]) -> None:
        """`captions` are sentences as tokens, without prompt and end; one that is there twice counts twice."""
        counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for caption in captions:
            tokens = (EDGE, *caption, EDGE)
            for end in range(1, len(tokens)):
                for start in range(max(0, end - LONGEST), end):
                    counts[tokens[start:end]][tokens[end]] += 1
        self._next = {context: found.most_common(1)[0][0] for context, found in counts.items()}

    def after(self, tokens: Sequence[int], *, most: int) -> list[int]:
        """At most `most` tokens with which a caption that begins with `tokens` may go on; none where nothing is known, or its end is."""
        known, draft = (EDGE, *tokens), list[int]()
        while len(draft) < most:
            contexts = (known[start:] for start in range(max(0, len(known) - LONGEST), len(known)))
            token = next((self._next[context] for context in contexts if context in self._next), EDGE)
            if token == EDGE:
                break
            draft.append(token)
            known = (*known, token)
        return draft


def open_drafts(bundle: Bundle, path: str | None, tokenizer: Tokenizer, *, board: Board) -> Drafts:
    """The drafts of a bundle. None on TensorRT, which compiles an engine anew, for minutes, when it meets more tokens than before.

    Raises:
        BundleError: they are no UTF-8 text.
    """
    if path is None or board.providers[0] == "tensorrt":
        return Drafts([])
    try:
        captions = bundle.path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as err:
        msg = f"bundle {bundle.manifest.name}: {path} is no UTF-8 text ({err}): build the bundle anew"
        raise BundleError(msg) from err
    return Drafts(one.ids for one in tokenizer.encode_batch(captions, add_special_tokens=False))
