"""Proves a kit on a bare machine without a network, and writes the page: `python -m tests.support.prove_kit KIT OLDER-KIT --out PAGE`.

It needs root and the programs of tests/support/booted_machine.py, Debian's registry for the bare machine (or its tar with --machine), and
some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from edge.demo.cells import sample_cells
from tests.support.booted_machine import INCLUDED, BootedMachine, Ran, bootstrap
from tests.support.proved_kit import Chapter, ProvedKit
from tests.support.repository import ROOT

MAX_LINES = 12
HEAD = """# Carried in

A kit on a bare Debian 12 without a network: installed, its first verdict, removed, upgraded, refused. The machine is a container with a
systemd of its own (`mmdebstrap --variant=minbase --include={included}`, `systemd-nspawn --boot --private-network`): no Python, no broker,
and no interface but the loopback. The verdict of a picture that is saved into the camera's folder comes from the broker on the same
machine. This page was made by

```
make kit && make kit KIT='--release 0.0.9'
python -m tests.support.prove_kit dist/{kit} dist/kotoba-edge-0.0.9-amd64.kit --out docs/studies/install.md
```

{measured}

The disk's figures hold the kits that were carried in, packed and unpacked. What is checked and not shown: after an upgrade stations and
keys are the same bytes, and the spool has its epoch and one verdict more; a refused kit leaves no copy.

| | commands typed | seconds, until a verdict came | of these for the installation | a running box stood still, seconds | disk, MB |
|---|---|---|---|---|---|
"""


def prove(kit: Path, older: Path, *, archive: Path, work: Path, key: Path) -> tuple[list[Chapter], int]:
    """All chapters on one machine; returns them and the MB of its bare disk."""
    version, before = _version(kit), _version(older)
    with BootedMachine(archive, work / "root") as machine:
        proved = ProvedKit(machine, pictures=[cell.path for cell in sample_cells(5)], key=key)
        chapters = [
            proved.first(kit, title=f"From nothing to the first verdict: version {version}"),
            proved.away(),
            proved.first(older, title=f"The version before: {before}"),
            proved.upgrade(kit, before=before, after=version),
            proved.refused(older),
            proved.back(older, version=before),
            proved.from_one_file(kit),
        ]
    return chapters, proved.empty_mb


def page(chapters: Sequence[Chapter], *, kit: Path, empty_mb: int) -> str:
    """The study as Markdown."""
    head = HEAD.format(included=INCLUDED, kit=kit.name, measured=_measured(kit, empty_mb))
    rows = "".join(
        f"| {chapter.title} | {len(chapter.typed)} | {chapter.seconds:.0f} | {_installing(chapter)} | {chapter.disk_mb:,} |\n"
        for chapter in chapters
    )
    return head + rows + "".join(map(_chapter, chapters))


def _measured(kit: Path, empty_mb: int) -> str:
    today = datetime.now(timezone.utc).date()
    cores = len(os.sched_getaffinity(0))
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = names[0] if names else platform.machine()
    sizes = f"The kit has {kit.stat().st_size / 1e6:.0f} MB, the bare machine {empty_mb} MB"
    load = f"beside other work (load average {os.getloadavg()[2]:.0f} on them)"
    return f"Measured on {today}, {cores} cores of {processor}, {load}. {sizes}."


def _installing(chapter: Chapter) -> str:
    installs = [ran.seconds for ran in chapter.typed if "install" in ran.command]
    return f"{sum(installs):.0f}" if installs else ""


def _chapter(chapter: Chapter) -> str:
    parts = [f"\n## {chapter.title}\n\n```\n"]
    parts += [_ran(ran, "$") for ran in chapter.typed]
    parts += ["# what looked on, and what it saw\n", *(_ran(ran, "+") for ran in chapter.looked)] if chapter.looked else []
    parts += [f"plant/line1/cell-01/verdict {_verdict(verdict)}\n" for verdict in chapter.verdicts]
    return "".join([*parts, "```\n"])


def _ran(ran: Ran, prompt: str) -> str:
    lines = ran.output.splitlines()
    shown = (
        lines
        if len(lines) <= MAX_LINES
        else [*lines[: MAX_LINES // 2], f"... {len(lines) - MAX_LINES} lines ...", *lines[-MAX_LINES // 2 :]]
    )
    return f"{prompt} {ran.command}    # {ran.seconds:.1f} s, exit {ran.code}\n" + "".join(f"{line}\n" for line in shown)


def _verdict(verdict: dict[str, object]) -> str:
    names = ("source", "decision", "label", "confidence", "reasons", "seq")
    return json.dumps({name: verdict[name] for name in names}, ensure_ascii=False)


def _version(kit: Path) -> str:
    return kit.name.removeprefix("kotoba-edge-").rsplit("-", 1)[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, prove, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.prove_kit", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kit", type=Path, help="The kit.")
    parser.add_argument("older", type=Path, help="A kit of an older version.")
    parser.add_argument("--out", type=Path, required=True, help="The page to write.")
    parser.add_argument(
        "--machine", type=Path, metavar="TAR", help="The bare machine, made earlier; it is made and kept here where it is missing."
    )
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="Where the machine's disk lies meanwhile. Default: the folder of temporary files."
    )
    parser.add_argument(
        "--key", type=Path, default=ROOT / ".kotoba/keys/builder.key", help="The key that signed the kits. Default: %(default)s."
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kotoba-machine-", dir=options.work) as name:
        archive = options.machine or Path(name) / "machine.tar"
        if not archive.exists():
            bootstrap(archive)
        chapters, empty_mb = prove(options.kit, options.older, archive=archive, work=Path(name), key=options.key)
    options.out.write_text(page(chapters, kit=options.kit, empty_mb=empty_mb), encoding="utf-8")
    for chapter in chapters:
        sys.stdout.write(f"{chapter.title}: {len(chapter.typed)} commands, {chapter.seconds:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
