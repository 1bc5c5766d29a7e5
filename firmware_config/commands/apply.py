"""`kotoba-config apply`: write a rendered tree of system files onto this machine, or take the last one back."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from firmware_config.apply.carry_out import carry_out, recover
from firmware_config.apply.difference import difference
from firmware_config.apply.owners import Owners
from firmware_config.apply.plan import Plan, plan_back, plan_tree
from firmware_config.apply.record import KEPT, Records, opened_records
from firmware_config.apply.services import commands_after, has_unit, run_all
from firmware_config.apply.target import Target
from firmware_config.apply.tree import read_tree
from firmware_config.errors import ApplyError
from firmware_config.exit_codes import DONE, FAILED, WRONG_USAGE
from firmware_config.verbs import Verbs, add_verb

Ask = Callable[[str], bool]
"""Puts a question to a person and says whether the answer is yes."""

SYSTEM = Path("/")


def register(verbs: Verbs) -> None:
    """Add the verb."""
    apply = add_verb(
        verbs,
        "apply",
        summary="Write a rendered tree of system files onto this machine, all or nothing, after showing the difference.",
        details="The tree mirrors the file system, as `kotoba-config render` makes it. Files of an earlier tree that are not in this one "
        "are taken away. Files that were changed by hand since are named, and nothing is written without --overwrite. What was there "
        f"before is kept {KEPT} times below /var/lib/kotoba/applied. Without a terminal it writes only with --yes.",
        example="kotoba-config apply tree",
    )
    apply.add_argument("tree", nargs="?", type=Path, metavar="TREE", help="The folder that `kotoba-config render` has made.")
    apply.add_argument("--root", type=Path, default=SYSTEM, metavar="DIR", help="The root to write onto. Default: %(default)s.")
    apply.add_argument("--back", action="store_true", help="Restore what was there before the last apply, instead of writing a tree.")
    apply.add_argument("--yes", action="store_true", help="Write without asking.")
    apply.add_argument("--overwrite", action="store_true", help="Replace files that were changed by hand too.")
    apply.add_argument("--restart", action="store_true", help="Also run the commands that make the changes count. Default: print them.")
    apply.set_defaults(command=_apply)


def _apply(options: argparse.Namespace) -> int:
    try:
        return apply_tree(options, ask=_ask if sys.stdin.isatty() else None)
    except ApplyError as err:
        print(f"kotoba-config: {err}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def apply_tree(options: argparse.Namespace, *, ask: Ask | None) -> int:
    """Show the difference, ask, and write; returns the exit code. Without `ask` it writes only with --yes.

    Raises:
        ApplyError: the tree or the root is not as it must be, or cannot be written.
    """
    if (options.tree is None) != options.back:
        print("kotoba-config: apply takes a TREE, or --back without one: give one of them", file=sys.stderr)
        return WRONG_USAGE
    if options.restart and options.root.resolve() != SYSTEM:
        print(f"kotoba-config: --restart is for this machine's own root: leave it out with --root {options.root}", file=sys.stderr)
        return WRONG_USAGE
    if not options.root.is_dir():
        msg = f"root {options.root}: there is no such folder: give the root of a system"
        raise ApplyError(msg)
    target = Target(options.root)
    with opened_records(target.root) as records:
        ended = recover(target, records, overwrite=options.overwrite)
        changed = {} if ended is None else ended.changed
        if ended is not None:
            print(f"kotoba-config: {ended.sentence}", file=sys.stderr)
            if options.back and ended.went_back:
                _tell_the_system(changed, target, restart=options.restart)
                return DONE  # it is what this command was for, and not one state more
        plan = _plan_back(target, records) if options.back else _plan_tree(options.tree, target, records)
        if plan.is_empty:
            records.write_managed(plan.managed)
            print(f"{target.root} is as the tree says: nothing to write")
            _tell_the_system(changed, target, restart=options.restart)
            return DONE
        for change in plan.changes:
            print("\n".join(difference(change, plan.contents)))
        code = _refused(plan, options, ask)
        if code is not None:
            _tell_the_system(changed, target, restart=False)
            return code
        number = carry_out(plan, target, records, at=datetime.now(timezone.utc))
    kept = "the state before is restored" if number is None else f"the state before is kept as number {number}"
    print(f"{_counted(plan)} on {target.root}, and {kept}")
    changed |= {change.path: change.after is not None for change in plan.changes}
    _tell_the_system(changed, target, restart=options.restart)
    return DONE


def _plan_tree(folder: Path, target: Target, records: Records) -> Plan:
    return plan_tree(read_tree(folder), target, records.managed(), owner=Owners(target.root))


def _plan_back(target: Target, records: Records) -> Plan:
    numbers = records.numbers()
    if not numbers:
        msg = f"no earlier state is kept in {records.folder}: apply a tree instead"
        raise ApplyError(msg)
    folder = records.folder / str(numbers[-1])
    record = records.read(folder)
    return plan_back(numbers[-1], record, target, lambda state: records.content(folder, state), records.managed())


def _refused(plan: Plan, options: argparse.Namespace, ask: Ask | None) -> int | None:
    """The exit code where nothing may be written; None where a person, or an option, says that it may."""
    if plan.by_hand and not options.overwrite:
        for sentence in plan.by_hand:
            print(f"kotoba-config: {sentence}", file=sys.stderr)
        advice = "bring the changes into the settings that the tree is made from, or give --overwrite"
        print(f"kotoba-config: nothing is written, because files were changed by hand: {advice}", file=sys.stderr)
        return FAILED
    if options.yes:
        return None
    if ask is None:
        print("kotoba-config: nothing is written, because nobody can be asked without a terminal: give --yes", file=sys.stderr)
        return WRONG_USAGE
    if not ask(f"Write this onto {options.root}? [y/N] "):
        print("kotoba-config: nothing is written", file=sys.stderr)
        return FAILED
    return None


def _counted(plan: Plan) -> str:
    new = sum(change.before is None for change in plan.changes)
    gone = sum(change.after is None for change in plan.changes)
    return f"{new} new, {len(plan.changes) - new - gone} changed, {gone} removed"


def _tell_the_system(changed: Mapping[str, bool], target: Target, *, restart: bool) -> None:
    commands = commands_after(changed, is_there=lambda name: has_unit(target.root, name))
    if restart:
        run_all(commands, say=print)
    elif commands:
        print("To make it count, run (or give --restart):")
        print("\n".join(f"  {shlex.join(command)}" for command in commands))


def _ask(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
