"""Open the memory of known pictures that a station names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.errors import BundleError
from edge.familiarity.file import read_memory

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from edge.familiarity.memory import Memory
    from firmware_config.station import Station


def open_memory(bundle: Bundle, station: Station) -> Memory | None:
    """The memory of a station: its own file, else the one of the bundle that it names, else None.

    Raises:
        BundleError: the bundle has no memory of this name.
        FamiliarityError: the memory cannot be read, or was learned with another region of interest.
    """
    settings, roi = station.familiarity, station.picture.roi
    if settings.memory_file is not None:
        return read_memory(settings.memory_file, roi=roi)
    if settings.memory is None:
        return None
    memories = bundle.manifest.memories
    if settings.memory not in memories:
        available = ", ".join(sorted(memories)) or "none"
        msg = (
            f"station {station.station.name} needs memory {settings.memory!r}, bundle {bundle.manifest.name} has {available}: "
            "correct [familiarity] memory or make one with `kotoba-edge measure`"
        )
        raise BundleError(msg)
    return read_memory(bundle.file(memories[settings.memory]), roi=roi)
