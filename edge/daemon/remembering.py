"""Remembers which bundle a box runs, also on a disk that is full when it starts: a line must not stand still for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from firmware_config.accepted_bundles import AcceptedBundles, NotRememberedError
from firmware_config.bundle import Manifest
from firmware_config.errors import ManifestError

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""Pause before a list that cannot be written is tried again."""


class Remembering:
    """Remembers the bundle when it is made, or as soon as the disk takes it. `clock` gives seconds that only grow.

    Raises:
        ManifestError: the list of accepted bundles is damaged.
    """

    def __init__(self, accepted: AcceptedBundles, manifest: Manifest, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._accepted = accepted
        self._manifest = manifest
        self._clock = clock
        self._trouble: str | None = None
        self._remember()

    def trouble(self) -> str | None:
        """Why the bundle is not remembered, None once it is; tries again now and then."""
        if self._trouble is not None and self._clock() >= self._again_s:
            try:
                self._remember()
            except ManifestError as err:  # damaged meanwhile: the next start is refused
                self._trouble = str(err)
        return self._trouble

    def _remember(self) -> None:
        self._again_s = self._clock() + AGAIN_S
        try:
            is_newer = self._accepted.accept(self._manifest)
        except NotRememberedError as err:
            if self._trouble is None:
                log.error("bundle not remembered name=%s error=%r", self._manifest.name, str(err))  # noqa: TRY400 -- the error says it all
            self._trouble = str(err)
            return
        self._trouble = None
        if is_newer:
            log.info("bundle accepted name=%s version=%d, older ones are refused", self._manifest.name, self._manifest.bundle_version)
