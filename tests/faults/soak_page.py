"""The page of soaks: what went wrong on purpose, what was missing, doubled or passed, and how memory went.

`python -m tests.faults.soak_page soak --out docs/studies/soak.md` reads what `python -m tests.faults.soak` has written, and copies its
table and plot beside the page. Of more folders each has a column.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.faults.soak_account import BOX, CONSUMER, Account, read

HEAD = """# An hour of faults

One box of three stations, a mosquitto as it comes, and `kotoba-edge consume` with a SQLite file, each a process of its own. Two stations
get five pictures a second into folders, each tenth of them black; the third has a live RTSP camera of ten pictures a second. The models are
scripted and call every picture good, so that whatever is not OK was stopped by the gates. Everything else is the product's. The page was
made by

```
python -m tests.faults.soak --minutes 60 --out soak
python -m tests.faults.soak_page soak --out docs/studies/soak.md
```

**Missing** is a picture without a verdict in the consumer's database, or a verdict of the box's spool that is not there. **Doubled** is a
second verdict of a picture, or a second copy. **OK outside the gate** is an OK for a black picture; for a picture of the live camera after
it froze, or older than 5 s; or for one that is not, bit by bit, what the same stream gives without the fault. A witness reads that stream
beside the box, and each OK is compared.

"""
TAIL = """
- **The hours before.** The first, on 2026-11-30 with a load of 5 to 30 on two cores, found what no test had: a busy box that deletes judged
  pictures (`after = "delete"`) missed 74 that it had deleted itself, and gave a second verdict for them, FAULT (mended,
  `tests/cases/test_folder_moves.py`). One of its 24 freezes was not noticed: the box had been killed 11 s before and needed 15 s to learn
  the noise; it now knows it from before. The second, with 64,084 verdicts, lost and doubled none and passed no black picture; its
  account of the live camera was lost when it was written down (mended). The figures above are of the third, with a load of 4 to 10.
- **Memory.** A box that is killed every two minutes never ends with filling its caches (pages of SQLite, pools of the allocator), so the
  slope of the hour says little. The second column is a run without kills of box and consumer, with all other faults. Box: 110.0 MiB after
  15 minutes, +0.5 MiB/h from then to its end (asked: at most 1). Consumer: 56.7 MiB, +1.1 MiB/h, and from minute 20 on +0.5.
- **Frozen cameras.** The noise of a camera is learned in its first 15 s, and known for 15 minutes after the box ended. A camera that
  freezes before it is ever known is not noticed. The box is killed 22 s before a camera freezes.
- **Nothing was asked for again** where the row says 0: with MQTT 5 a broker says that nobody listens, and the box keeps the verdict until
  somebody does. What a broker loses that has acknowledged is the matter of `tests/system/test_consume_chain.py`.
"""


def page(folders: Sequence[Path], *, images: str) -> str:
    """The page of these soaks."""
    accounts = [read(folder) for folder in folders]
    titles = [_title(account, _date(folder)) for account, folder in zip(accounts, folders, strict=True)]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---|" * len(accounts)]
    rows = [dict(_rows(account)) for account in accounts]
    lines += ["| " + " | ".join([name, *(row[name] for row in rows)]) + " |" for name in rows[0]]
    for number, title in enumerate(titles):
        where = f"{images}{_suffix(number)}"
        lines += ["", f"![Memory, descriptors and threads: {title}]({where}.png)", "", f"Each sample: [{where}.csv]({where}.csv)."]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _suffix(number: int) -> str:
    return f"-{number + 1}" if number else ""


def _title(account: Account, date: str) -> str:
    kills = "all faults" if account.box_kills else "no kill of box and consumer"
    return f"{account.seconds / 60:.0f} minutes, {kills}, {date}"


def _date(folder: Path) -> str:
    return datetime.fromtimestamp((folder / "soak.json").stat().st_mtime, timezone.utc).strftime("%Y-%m-%d")


def _rows(account: Account) -> Iterator[tuple[str, str]]:
    yield "kill -9 of the broker", str(account.broker_kills)
    yield "kill -9 of the box", str(account.box_kills)
    yield "kill -9 of the consumer", str(account.consumer_kills)
    yield "faults of cameras", ", ".join(f"{count} {name}" for name, count in account.camera_faults.items())
    yield "pictures in folders", f"{account.fed:,}"
    yield "verdicts in the consumer's database", f"{account.verdicts:,}"
    yield "of these", ", ".join(f"{count:,} {name}" for name, count in sorted(account.by_decision.items()))
    yield "**missing**", str(account.missing)
    yield "**doubled**", str(account.doubled)
    yield "**OK outside the gate**", str(account.ok_outside_the_gate)
    yield from _live_rows(account)
    yield "verdicts that were missing for a while", ", ".join(f"{count} {state}" for state, count in account.gaps.items()) or "0"
    yield "exit codes of box and consumer at SIGTERM", f"{account.exit_code}, {account.consumer_exit_code}"
    for process in (BOX, CONSUMER):
        slope, files, threads = account.rss_slope_mib_per_h[process], account.descriptors[process], account.threads[process]
        told = "no life was long enough" if slope is None else f"{slope:+.1f} MiB/h in the second half of each life"
        yield f"memory of the {process}", told
        yield f"descriptors and threads of the {process}", f"{files[0]} to {files[1]}, {threads[0]} to {threads[1]}"


def _live_rows(account: Account) -> Iterator[tuple[str, str]]:
    live: dict[str, Any] = account.live
    if not live:
        return
    noticed, missed = live["noticed_s"], live["not_noticed"]
    yield "OK of the live camera, and compared with its stream", f"{live['ok']:,}, {live['compared']:,}"
    yield "OK though bytes were replaced (no checksum in video: [cameras.md](cameras.md))", str(account.changed_bytes_passed)
    yield "a frozen camera was noticed", f"{len(noticed)} times, after at most {max(noticed, default=0):.1f} s; missed {missed} times"
    yield "the oldest picture that was OK", f"{live['oldest_s']:.2f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, and copy what it shows."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak_page", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="What tests.faults.soak has written.")
    parser.add_argument("--out", type=Path, default=Path("docs/studies/soak.md"), help="Default: %(default)s.")
    options = parser.parse_args(arguments)
    for number, folder in enumerate(options.folders):
        for suffix in (".png", ".csv"):
            shutil.copyfile(folder / f"soak{suffix}", options.out.with_name(f"{options.out.stem}{_suffix(number)}{suffix}"))
    options.out.write_text(page(options.folders, images=options.out.stem), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
