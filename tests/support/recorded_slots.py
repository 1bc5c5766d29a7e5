"""Run under strace by tests/edge/slots/test_power_cuts.py: the scenarios of killed_slots.py, each once, in a folder of its own.

`before/N` is what scenario N begins with and `during/N` where it happens. Making the folder `begin/N` says in the record that it begins.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from edge.slots.slots import Slots
from tests.support.killed_slots import BOTH, SCENARIOS, make_stick


def main(root: Path) -> None:
    stick = root / "stick"
    make_stick(stick)
    (root / "begin").mkdir()
    (root / "keys.json").write_text(json.dumps({key: public.hex() for key, public in BOTH.items()}))
    for number, scenario in enumerate(SCENARIOS):
        before, during = root / "before" / str(number), root / "during" / str(number)
        before.mkdir(parents=True)
        for act in scenario.before:
            act(Slots(before / "bundles"), stick)
        shutil.copytree(before, during)
        (root / "begin" / str(number)).mkdir()
        scenario.act(Slots(during / "bundles"), stick)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
