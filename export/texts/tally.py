"""What a text data set holds, counted, and what makes studies of it weak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from export.findings.remark import Remark
from export.texts.row import Row

MIN_DOMAIN = 10
"""Labelled pictures below which no rate of a domain means anything: ten without one error allow 26 % at 95 % (one-sided)."""


class Tally:
    """Counts of rows: of all, of errors, and by label, domain and split."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = self.errors = self.unlabelled = 0
        self.labels: Counter[str] = Counter()
        self.domains: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self._blocks: set[str] = set()
        self._labelled: Counter[str] = Counter()
        self._identities: Counter[str] = Counter()
        self._first_error = ""
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.rows += 1
        self.domains[row.domain] += 1
        self._blocks.add(row.block)
        if row.split is not None:
            self.splits[row.split] += 1
        if row.label is None:
            self.unlabelled += 1
        else:
            self.labels[row.label] += 1
        if row.error is not None:
            self.errors += 1
            self._first_error = self._first_error or row.source
            return
        self._labelled[row.domain] += row.label is not None
        self._identities[row.id or ""] += 1

    @property
    def blocks(self) -> int:
        """The number of groups of neighbours."""
        return len(self._blocks)

    def remarks(self) -> tuple[Remark, ...]:
        """What makes studies of these rows weak."""
        return tuple(self._remarks())

    def _remarks(self) -> Iterator[Remark]:
        if self.errors:
            yield Remark(code="not_described", values={"count": self.errors, "first": self._first_error})
        if not self.labels:
            yield Remark(code="no_label")
            return
        if len(self.labels) == 1:
            yield Remark(code="one_label", values={"label": next(iter(self.labels))})
        for domain in sorted(self.domains):
            count = self._labelled[domain]
            if count < MIN_DOMAIN:
                yield Remark(code="small_domain", values={"domain": domain, "count": count, "least": MIN_DOMAIN})
        if self.unlabelled:
            yield Remark(code="without_label", values={"count": self.unlabelled, "of": self.rows})
        copies = sum(count - 1 for count in self._identities.values())
        if copies:
            yield Remark(code="copies", values={"count": copies})
