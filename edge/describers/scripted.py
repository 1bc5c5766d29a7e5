"""A describer with prepared descriptions: for tests of later stages, and for trying a template without models."""

from __future__ import annotations

from collections.abc import Mapping

from edge.errors import DescribeError
from edge.records import Description, Frame


class ScriptedDescriber:
    """Descriptions by the frame's source; a source without one is an error, as a broken model would be."""

    def __init__(self, descriptions: Mapping[str, Description]) -> None:
        self._descriptions = dict(descriptions)

    def describe(self, frame: Frame) -> Description:
        """Say what was scripted for `frame.source`; see `edge.interfaces.Describer`."""
        if frame.source not in self._descriptions:
            msg = f"no description is scripted for {frame.source!r}: add one"
            raise DescribeError(msg)
        return self._descriptions[frame.source]
