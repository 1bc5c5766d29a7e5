"""The seams of the daemon. Adapters satisfy them by shape; none inherits."""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from edge.records import (
    Capture,
    Description,
    Familiarity,
    Frame,
    Inspection,
    Measured,
    PictureFile,
    Pixels,
    Placement,
    Scores,
    Trouble,
    Words,
)
from firmware_config.measuring import Measuring
from firmware_config.station import Describe

if TYPE_CHECKING:  # an output needs no arrays
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Camera", "Describer", "Judge", "JudgedFiles", "PictureMemory", "Sink", "Trigger", "VisionModels"]


class Camera(Protocol):
    """Where pictures come from."""

    def frames(self) -> Iterator[Capture]:
        """Yield pictures, oldest first, until the source ends or `close` is called from another thread.

        A picture that cannot be read is yielded as `LostFrame`; trouble with the camera never ends the iteration by an exception.
        A camera that is out is one `LostFrame`, however long that lasts; `troubles` then says so until it is back. One that gives
        damaged or frozen pictures gives a `LostFrame` for each of them, and `troubles` says so too.
        A live camera whose iterator was closed releases the device, and may be asked again.
        """

    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now, empty while all is well; from any thread, and at once."""

    def close(self) -> None:
        """End `frames` soon, release the device; may be called twice and from any thread."""


class JudgedFiles(Protocol):
    """The files of one station whose inspections are committed, for a camera that gives each file once. Any thread may ask."""

    def find(self, name: str) -> PictureFile | None:
        """The file of this name as it was judged, None if it was not.

        Raises:
            SpoolError: it cannot be read, here and in `is_gone`.
        """

    def is_gone(self, name: str) -> bool:
        """Whether the judged file has been seen to be gone since."""

    def names(self) -> Collection[str]:
        """The names of the judged files that are not known to be gone."""

    def renew(self, file: PictureFile) -> None:
        """Say that a judged file is there with another time, the same picture.

        Raises:
            SpoolError: it cannot be written.
        """

    def note_gone(self, names: Collection[str]) -> None:
        """Say that judged files are gone; after some days they are forgotten.

        Raises:
            SpoolError: it cannot be written.
        """

    def forget(self, names: Collection[str]) -> None:
        """Say that judged files are gone for good: the box moved or deleted them.

        Raises:
            SpoolError: it cannot be written.
        """


class Trigger(Protocol):
    """When a station inspects its next picture."""

    def wait(self, stopping: threading.Event) -> bool:
        """Wait until the next picture is due; False as soon as `stopping` is set."""


class PictureMemory(Protocol):
    """What a station knows: a memory of known pictures."""

    @property
    def graph(self) -> str:
        """The `VisionModels.graph_digest` of the models that it was learned with."""

    def familiarity(self, features: NDArray[np.float32]) -> Familiarity:
        """How familiar the picture with these features, float32 (F,), is."""

    @property
    def can_measure(self) -> bool:
        """Whether `measured_words` can give words."""

    def measured_words(self, pixels: Pixels, measuring: Measuring) -> tuple[Measured, ...]:
        """How the picture, uint8 (H, W, 3) BGR, differs from the good ones of its station, in the measures of a station's settings."""


class VisionModels(Protocol):
    """What a bundle describes pictures with, loaded once on a board for all stations."""

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where the nodes of each loaded graph run."""

    @property
    def graph_digest(self) -> str:
        """`sha256:` of what `features` depends on: a memory of known pictures is valid for these only."""

    def features(self, pixels: Pixels) -> NDArray[np.float32]:
        """The features of a picture, uint8 (H, W, 3) BGR, for a memory of known pictures: float32 (F,).

        Raises:
            BundleError: the models give none.
            DescribeError: the model failed or gave numbers that are not finite.
        """

    def describer(self, settings: Describe, memory: PictureMemory | None = None) -> Describer:
        """Make a describer with a station's settings; it shares the loaded graphs. With a memory it also says how familiar a picture is.

        Raises:
            BundleError: the bundle lacks what the settings ask for.
            FamiliarityError: the memory was learned with other models, or it cannot measure what the settings ask for.
        """


class Describer(Protocol):
    """Turns a picture into words."""

    def describe(self, frame: Frame) -> Description:
        """Describe a picture, the same words for the same pixels every time.

        Raises:
            DescribeError: the model failed or gave numbers that are not finite.
        """


class Judge(Protocol):
    """Turns words into a probability for each label."""

    def score(self, words: Words) -> Scores:
        """Score every label of the station.

        Raises:
            JudgeError: the model failed or gave numbers that are not finite.
        """


class Sink(Protocol):
    """Where inspections go."""

    def connect(self) -> None:
        """Make contact where there is none; called at start and about every second while there is nothing to deliver.

        Raises:
            DeliveryError: the other side cannot be reached; the caller tries again.
        """

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        """Hand inspections over, and yield each, in their order, as soon as the other side has it. The caller closes the generator.

        `inspections` may go on for a second or so: a sink takes the next ones when it has room for them.

        Raises:
            DeliveryError: the other side does not have the next one (or nobody can tell); the caller keeps it and tries again.
        """

    def close(self) -> None:
        """Release the connection; may be called twice and from any thread."""
