"""The slot between a camera and the models. Of a live camera the newest picture wins; a finite source waits, and nothing is dropped."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FrameSlot(Generic[Item]):
    """Holds at most one item. `live` says that a new one replaces the one that is still there; else `put` waits."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many were replaced before anybody took them."""
        return self._dropped

    @property
    def waiting(self) -> bool:
        """Tell whether there is an item to take."""
        return self._item is not None

    def put(self, item: Item) -> bool:
        """Put an item in; False if the slot was closed."""
        with self._changed:
            if not self._live:
                self._changed.wait_for(lambda: self._item is None or self._closed)
            if self._closed:
                return False
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify_all()
            return True

    def take(self) -> Item | None:
        """Take the item, or None if there is none."""
        with self._changed:
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Refuse more; who waits in `put` goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
