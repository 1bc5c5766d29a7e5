"""The errors of the toolchain, one root.

ExportError
├── SpecError      a bundle specification that is wrong, or names something that is not there
├── LlmError       a language model or a LoRA adapter that cannot be converted
└── BuildError     a bundle that cannot be made or does not pass its proof
"""

from __future__ import annotations

MAX_REASON = 200
"""Characters of a library's message inside a sentence of ours."""


def reason_of(err: BaseException) -> str:
    """The first sentence of a library's message, to stand inside a sentence of ours."""
    line = (str(err).strip().splitlines() or [type(err).__name__])[0]
    return line.split(". ")[0][:MAX_REASON].rstrip(".: ")


class ExportError(Exception):
    """Root. The message is one sentence: what was being done, with which value, and what to do."""


class SpecError(ExportError):
    """A bundle specification that is wrong, or names something that is not there."""


class LlmError(ExportError):
    """A language model or a LoRA adapter that cannot be converted."""


class BuildError(ExportError):
    """A bundle that cannot be made or does not pass its proof."""
