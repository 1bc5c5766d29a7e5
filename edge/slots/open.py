"""The bundle that a box runs: the one in the running slot, or a plain folder where a box has no slots or KOTOBA_BUNDLE names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.bundle.open import Bundle, open_bundle
from edge.slots.slots import Slots
from firmware_config.accepted_bundles import AcceptedBundles
from firmware_config.bundle import Manifest
from firmware_config.settings import BoxSettings
from firmware_config.signature import read_trusted_keys


def slots_of(settings: BoxSettings) -> Slots:
    """The slots of a box, whether it uses them or not."""
    return Slots(settings.bundles, accepted=AcceptedBundles.beside(settings.spool))


def runs_slots(settings: BoxSettings) -> bool:
    """Whether the box runs what is in its slots: KOTOBA_BUNDLE names no folder, and a bundle was activated or there is no plain folder.

    Raises:
        BundleError: the state of the slots cannot be read.
    """
    if "bundle" in settings.model_fields_set:
        return False
    slots = slots_of(settings)
    return slots.exist and (slots.read().running is not None or not settings.bundle.exists())


def bundle_folder(settings: BoxSettings) -> Path:
    """The folder of the bundle that the box runs.

    Raises:
        BundleError: no slot runs, or the state of the slots cannot be read.
    """
    return slots_of(settings).running_bundle() if runs_slots(settings) else settings.bundle


def trusted_keys(settings: BoxSettings) -> dict[str, bytes]:
    """The keys that a box trusts: id -> 32 raw bytes, or `REVOKED`.

    Raises:
        BundleError: the state of the slots cannot be read.
        SignatureError: the keys cannot be read.
    """
    return slots_of(settings).trusted(read_trusted_keys(settings.keys))


def open_running_bundle(settings: BoxSettings) -> Bundle:
    """Check the bundle that the box runs and open it, however old it is.

    Raises:
        BundleError: there is none, or a check fails.
        SignatureError: the keys cannot be read.
    """
    return open_bundle(bundle_folder(settings), trusted=trusted_keys(settings))


def open_newest_bundle(settings: BoxSettings) -> Bundle:
    """As `open_running_bundle`, and refuse one that is older than what the box has run, unless a person allowed it.

    Raises:
        BundleError: there is none, or a check fails.
        SignatureError: the keys cannot be read.
    """
    require: Callable[[Manifest], None] = AcceptedBundles.beside(settings.spool).require_not_older
    if runs_slots(settings):
        slots = slots_of(settings)
        running = slots.read().running
        require = require if running is None else slots.require_not_older(running)
    return open_bundle(bundle_folder(settings), trusted=trusted_keys(settings), require=require)
