"""Commits inspections to the spool, however long that takes: a verdict that had to wait is a FAULT."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from edge.errors import MessageError, SpoolError, SpoolFullError
from edge.inspection.ids import OrderedIds
from edge.inspection.policy import uncommitted, unencodable
from edge.records import Inspection, PictureFile
from edge.spool.store import Spool

log = logging.getLogger(__name__)

RETRY_COMMIT_S = 0.5
"""Pause before a verdict that could not be committed is tried again."""


class Committing:
    """Commits for several threads, until `stopping` is set. `trouble` says why a verdict cannot be committed now."""

    def __init__(self, spool: Spool, *, stopping: threading.Event) -> None:
        self._spool = spool
        self._stopping = stopping
        self._new_id, self._in_order = OrderedIds(after=spool.last_id()), threading.Lock()
        self.trouble: str | None = None

    def commit(
        self,
        inspection: Inspection,
        file: PictureFile | None,
        *,
        named: Callable[[Inspection], Inspection],
        moved: Callable[[], None],
    ) -> Inspection | None:
        """Commit an inspection; None if the daemon is stopped first.

        Several threads commit, and ids grow with the sequence numbers: so the id is made here, where the turn of each is known, and made
        again when another one had a turn while this one is surely not committed. Else it stays: the same verdict may be there already.

        `named` adds the name of the picture that is kept. `moved` is called while it is tried again: that is no standstill.
        """
        needs_id = was_encodable = True
        while True:
            moved()
            try:
                with self._in_order:
                    if needs_id:
                        inspection, needs_id = replace(inspection, id=self._new_id()), False
                    committed = self._spool.commit(named(inspection), file=file)
            except MessageError as err:
                log.exception("encoding failed id=%s station=%s source=%r", inspection.id, inspection.station, inspection.source)
                if not was_encodable:  # nothing is left that could be left out
                    return None
                needs_id, was_encodable = True, False
                inspection = unencodable(inspection, str(err))
            except SpoolError as err:
                needs_id, self.trouble = isinstance(err, SpoolFullError), str(err)
                inspection = uncommitted(inspection, str(err))
                if self._stopping.wait(RETRY_COMMIT_S):
                    what = (inspection.id, inspection.station, inspection.source)
                    # Without a trace: the status has shown what the spool says.
                    log.error("verdict not given, the spool takes nothing id=%s station=%s source=%s", *what)  # noqa: TRY400
                    return None
            else:
                self.trouble = None
                return committed
