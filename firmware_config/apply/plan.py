"""What must change on a root so that it is as a goal says, and which files a person has changed since `apply` wrote them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from firmware_config.apply.record import Change, Record
from firmware_config.apply.target import FileState, Target
from firmware_config.apply.tree import Tree
from firmware_config.errors import ApplyError

Owner = Callable[[str, int], tuple[int, int]]
"""Gives the user and group (numbers) of a file by its path and mode."""

Goal = Mapping[str, tuple[FileState, bytes] | None]
"""By path: what shall lie there, or that nothing shall."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`contents` are those of before and after, by sha256. `by_hand` are sentences, one for each file that a person has changed."""

    changes: tuple[Change, ...]
    contents: dict[str, bytes]
    by_hand: tuple[str, ...]
    made_folders: dict[str, int]
    removed_folders: dict[str, int]
    managed: dict[str, str]
    managed_before: dict[str, str]
    undoes: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the root is as it shall be."""
        return not (self.changes or self.made_folders or self.undoes is not None)

    def record(self, at: datetime) -> Record:
        """The plan as it is written down."""
        return Record(
            at=at,
            undoes=self.undoes,
            changes=self.changes,
            made_folders=self.made_folders,
            removed_folders=self.removed_folders,
            managed=self.managed,
            managed_before=self.managed_before,
        )


def plan_tree(tree: Tree, target: Target, managed: Mapping[str, str], *, owner: Owner) -> Plan:
    """Plan to write a tree, and to take away what an earlier one held.

    Raises:
        ApplyError: something on the root is in the way, or two paths of the tree are one file there.
    """
    _require_one_place_each(tree, target)
    goal: dict[str, tuple[FileState, bytes] | None] = dict.fromkeys(sorted(set(managed) - set(tree.files)))
    for where, wanted in tree.files.items():
        uid, gid = owner(where, wanted.mode) if target.owns else (os.geteuid(), os.getegid())
        digest = hashlib.sha256(wanted.content).hexdigest()
        goal[where] = (FileState(kind="file", mode=wanted.mode, uid=uid, gid=gid, digest=digest), wanted.content)
    changes, contents, by_hand = _compared(goal, target, managed)
    missing = {where: mode for where, mode in tree.folders.items() if not target.path(where).is_dir()}
    written = {where: state[0].digest for where, state in goal.items() if state is not None}
    return Plan(changes, contents, by_hand, missing, {}, written, dict(managed))


def plan_back(number: int, record: Record, target: Target, content: Callable[[FileState], bytes], managed: Mapping[str, str]) -> Plan:
    """Plan to take a recorded change back.

    Raises:
        ApplyError: something on the root is in the way, or the record lacks what was there before.
    """
    goal = {each.path: None if each.before is None else (each.before, content(each.before)) for each in record.changes}
    expected = {each.path: None if each.after is None else each.after.digest for each in record.changes}
    changes, contents, by_hand = _compared(goal, target, expected)
    made = {where: mode for where, mode in record.made_folders.items() if target.path(where).is_dir()}
    return Plan(changes, contents, by_hand, {}, dict(reversed(made.items())), record.managed_before, dict(managed), undoes=number)


def is_same(one: FileState | None, other: FileState | None, *, owns: bool) -> bool:
    """Whether two files are alike; owners count only for who can give them."""
    if one is None or other is None or owns:
        return one == other
    return (one.kind, one.mode, one.digest) == (other.kind, other.mode, other.digest)


def _compared(
    goal: Goal, target: Target, expected: Mapping[str, str | None]
) -> tuple[tuple[Change, ...], dict[str, bytes], tuple[str, ...]]:
    changes, contents, by_hand = [], {}, []
    for where, wanted in sorted(goal.items()):
        before, after = target.state(where), None if wanted is None else wanted[0]
        if is_same(before, after, owns=target.owns):
            continue
        changes.append(Change(path=where, before=before, after=after))
        for state, content in ((before, target.content(where)), (after, None if wanted is None else wanted[1])):
            if state is not None and content is not None:
                contents[state.digest] = content
        sentence = _changed_by_hand(where, before, expected)
        if sentence is not None:
            by_hand.append(sentence)
    return tuple(changes), contents, tuple(by_hand)


def _changed_by_hand(where: str, before: FileState | None, expected: Mapping[str, str | None]) -> str | None:
    if before is None:
        return None
    if before.kind == "link":
        return f"/{where} is a link now"
    if where in expected and expected[where] is None:
        return f"/{where} was put there by hand since"
    if where in expected and before.digest != expected[where]:
        return f"/{where} was changed by hand since it was written"
    return None


def _require_one_place_each(tree: Tree, target: Target) -> None:
    places: dict[str, str] = {}
    for where in tree.files:
        before = places.setdefault(str(target.path(where)), where)
        if before != where:
            msg = f"tree: {before} and {where} are the same file on this machine: a tree must hold each file once"
            raise ApplyError(msg)
