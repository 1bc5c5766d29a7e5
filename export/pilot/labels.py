"""Which labels are good and which are defective, and what each domain holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from export.errors import SpecError
from export.findings.findings import Domain
from export.pilot.spec import Data
from export.texts.row import Row
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Labelling:
    """The labels of good and of defective pictures that the data has, sorted."""

    good: tuple[str, ...]
    bad: tuple[str, ...]

    def is_bad(self, label: str) -> bool:
        """Whether a label of the data is one of defective pictures."""
        return label in self.bad


def labelling(data: Data, labels: Collection[str], station: Iterable[Label]) -> Labelling:
    """Sort the labels that the pictures have; `station` gives the good ones where the specification names none.

    Raises:
        SpecError: a label is named that no picture has, is in neither list, or all labels are of one class.
    """
    there = ", ".join(sorted(labels)) or "none"
    for key in ("good_labels", "bad_labels"):
        missing = sorted(set(getattr(data, key)) - set(labels))
        if missing:
            msg = f"data.{key} names {missing[0]!r}, which no picture has (their labels are {there}): correct it"
            raise SpecError(msg)
    good = set(data.good_labels) or {label.name for label in station if label.decision == "ok"} & set(labels)
    others = sorted(set(labels) - good - set(data.bad_labels))
    if data.bad_labels and others:
        msg = f"pictures are labelled {others[0]!r}, which is neither in data.good_labels nor in data.bad_labels: add it to one of them"
        raise SpecError(msg)
    bad = set(labels) - good
    if not good or not bad:
        which, key = ("good", "good_labels") if not good else ("defective", "bad_labels")
        msg = f"no picture is {which} (their labels are {there}): a pilot needs both classes, so add pictures or correct data.{key}"
        raise SpecError(msg)
    return Labelling(tuple(sorted(good)), tuple(sorted(bad)))


def domains_of(rows: Iterable[Row], labels: Labelling, *, seen: Collection[str]) -> tuple[Domain, ...]:
    """What each domain holds, sorted by name. Counts of good and bad pictures, and blocks, are of those that could be described."""
    by_domain: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_domain[row.domain].append(row)
    return tuple(_domain(name, by_domain[name], labels, is_seen=name in seen) for name in sorted(by_domain))


def _domain(name: str, rows: list[Row], labels: Labelling, *, is_seen: bool) -> Domain:
    readable = [row for row in rows if row.error is None]
    counted = Counter(row.label for row in readable if row.label is not None)
    return Domain(
        name=name,
        seen=is_seen,
        good=sum(count for label, count in counted.items() if not labels.is_bad(label)),
        bad=sum(count for label, count in counted.items() if labels.is_bad(label)),
        unlabelled=sum(row.label is None for row in rows),
        unreadable=len(rows) - len(readable),
        blocks=len({row.block for row in readable if row.label is not None}),
        labels=dict(sorted(counted.items())),
    )


def groups_of(data: Data, domains: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The domains of each group; each domain is one of its own where the specification names no groups.

    Raises:
        SpecError: a domain is named that the data does not have.
    """
    there = ", ".join(sorted(domains))
    members = [domain for some in data.groups.values() for domain in some]
    for key, names in (("data.seen", data.seen), ("data.groups", members)):
        missing = sorted(set(names) - set(domains))
        if missing:
            msg = f"{key} names the domain {missing[0]!r}, which no picture has (they have {there}): correct it"
            raise SpecError(msg)
    return dict(data.groups) or {domain: (domain,) for domain in sorted(domains)}


def require_groups(data: Data, labelled: Collection[str]) -> None:
    """Refuse groups that cannot be left out; `labelled` are the domains that have a labelled picture.

    Raises:
        SpecError: a group names a domain without a labelled picture, or leaves none of them beside it.
    """
    for name, members in data.groups.items():
        without = sorted(set(members) - set(labelled))
        if without:
            msg = f"the group {name!r} names the domain {without[0]!r}, which has no labelled picture that can be read: take it out of it"
            raise SpecError(msg)
        if set(labelled) <= set(members):
            msg = f"the group {name!r} holds every domain with labelled pictures, so that none is left beside it: take a domain out of it"
            raise SpecError(msg)
