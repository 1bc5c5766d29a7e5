"""Drafts: guesses of how a caption goes on, which the decoder then checks several tokens at a time.

The pictures of one line are described in few sentences, so most of a caption can be guessed. A decoder reads a dozen tokens in less than
twice the time of one, because most of a step is fetching weights. So the tokens that followed in captions of the bundle are fed along with
the last token, and those count that the decoder gives itself (speculative decoding, arXiv 2211.17192, with a lookup table as in arXiv
2304.04487 instead of a second model). Drafts come from the bundle alone: the words of a picture never depend on earlier pictures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.errors import BundleError
from firmware_config.board import Board

CONTEXT_TOKENS = 8
"""At most so many of a caption's last tokens are looked up."""

EDGE = -1
"""Stands before the first token of a caption and after its last; no tokenizer has this id."""


class Drafts:
    """The most frequent next token after up to 8 last tokens; the longest run of last tokens that is known decides.

    `captions` are tokens without prompt and end; a caption that is there twice counts twice.
    """

    def __init__(self, captions: Iterable[Sequence[int]]) -> None:
        counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for caption in captions:
            tokens = (EDGE, *caption, EDGE)
            for end in range(1, len(tokens)):
                for start in range(max(0, end - CONTEXT_TOKENS), end):
                    counts[tokens[start:end]][tokens[end]] += 1
        self._next = {context: followers.most_common(1)[0][0] for context, followers in counts.items()}

    def after(self, tokens: Sequence[int], *, most: int) -> list[int]:
        """Guess at most `most` tokens that follow `tokens` in a caption; empty where nothing is known to follow, or the end."""
        known, draft = (EDGE, *tokens), list[int]()
        while len(draft) < most:
            contexts = (known[start:] for start in range(max(0, len(known) - CONTEXT_TOKENS), len(known)))
            token = next((self._next[context] for context in contexts if context in self._next), EDGE)
            if token == EDGE:
                break
            draft.append(token)
            known = (*known, token)
        return draft


def open_drafts(bundle: Bundle, path: str | None, tokenizer: Tokenizer, *, board: Board) -> Drafts:
    """Read the drafts of a bundle, if `path` names some.

    On TensorRT there are none: it compiles an engine again, for minutes, when a step has more tokens than any before.

    Raises:
        BundleError: the file is no UTF-8 text.
    """
    if path is None or board.providers[0] == "tensorrt":
        return Drafts([])
    try:
        captions = bundle.path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as err:
        msg = f"bundle {bundle.manifest.name}: {path} is no UTF-8 text ({err}): build the bundle again"
        raise BundleError(msg) from err
    return Drafts(encoding.ids for encoding in tokenizer.encode_batch(captions, add_special_tokens=False))
