"""The bundle in a slot, checked as one that is to run."""

from __future__ import annotations

from pathlib import Path

from edge.bundle.open import Bundle, open_bundle
from edge.errors import BundleError
from edge.slots.slots import Slots
from edge.slots.state import Slot, SlotName
from firmware_config.signature import read_trusted_keys


def open_slot(slots: Slots, name: SlotName, *, keys: Path) -> tuple[Slot, Bundle]:
    """Check the bundle in a slot and open it; `keys` is the folder of trusted keys.

    Raises:
        BundleError: there is none, or it must not run.
        SignatureError: the keys cannot be read.
    """
    slot = slots.read().slot(name)
    if slot is None:
        msg = f"bundle slot {slots.path(name)} is empty: install a bundle with `kotoba-edge bundle install`"
        raise BundleError(msg)
    trusted = slots.trusted(read_trusted_keys(keys))
    bundle = open_bundle(slots.path(name), trusted=trusted, require=slots.require_not_older(name))
    if bundle.digest != slot.digest:
        msg = f"bundle slot {slots.path(name)} holds another bundle than {slot}, which was installed there: install it again"
        raise BundleError(msg)
    return slot, bundle
