"""Describing in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export.texts.describe import Batches
from export.texts.describer import Recipe, TextDescriber
from export.texts.pace import Pace
from export.texts.row import Row


class OneProcess:
    """Describes one shard after the other; loads the models when the first one comes."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def describe(self, shards: Batches, described: Pace) -> Iterator[tuple[int, Sequence[Row]]]:
        """See `export.texts.describe.Workers`."""
        describer = TextDescriber(self._recipe)
        for number, pictures in shards.items():
            rows = []
            for picture in pictures:
                rows.append(describer.row(picture))
                described.add()
            yield number, rows
