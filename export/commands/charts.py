"""The chart of a proof, also of a failed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.proof.figures import Figure


@contextmanager
def charted(picture: Path | None) -> Iterator[Callable[[Sequence[Figure]], None]]:
    """Return a function that draws figures into `picture`; a proof that breaks a limit is drawn too. Without `picture` nothing is drawn.

    Raises:
        ProofError: a figure broke its limit, after it was drawn.
    """
    from export.proof.chart import draw
    from export.proof.figures import ProofError

    try:
        yield lambda figures: None if picture is None else draw(figures, (), picture)
    except ProofError as err:
        if picture is not None:
            draw(err.figures, err.suspects, picture)
        raise
