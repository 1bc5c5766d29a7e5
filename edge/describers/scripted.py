"""A describer that returns prepared descriptions, for tests of later stages and for trying a template without models."""

from __future__ import annotations

from collections.abc import Mapping

from edge.errors import DescribeError
from edge.records import Description, Frame


class ScriptedDescriber:
    """Returns the description that was prepared for `frame.source`."""

    def __init__(self, descriptions: Mapping[str, Description]) -> None:
        self._descriptions = dict(descriptions)

    def describe(self, frame: Frame) -> Description:
        """Return the prepared description; see `edge.interfaces.Describer`.

        Raises:
            DescribeError: none was prepared for `frame.source`.
        """
        if frame.source not in self._descriptions:
            known = ", ".join(map(repr, self._descriptions)) or "none"
            msg = f"describing {frame.source!r}: no description is scripted for it, only for {known}: add one"
            raise DescribeError(msg)
        return self._descriptions[frame.source]
