"""A complaint is found wherever it stands in what native code prints, however much that is."""

from __future__ import annotations

import subprocess
import sys

import pytest

HARMLESS_LINE = "[OPENCV:FFMPEG:48] nal_unit_type: 1(Coded slice), nal_ref_idc: 2\\n"
PROGRAM = """
import os
answer = os.dup(1)
from edge.cameras.damage import complaint_in
from edge.cameras.native_output import NativeOutput
output = NativeOutput()
line = b"{line}"
for _ in range({count}):
    os.write(1, line * 1000)
os.write(1, b"{last}")
said = complaint_in(output.take())
os.write(answer, repr((said, complaint_in(output.take()))).encode())
"""


@pytest.mark.parametrize(
    ("count", "last", "complaint"),
    [
        (1, "", None),
        (10, "[OPENCV:FFMPEG:16] error while decoding MB 5 7\\n", "error while decoding MB 5 7"),
        (300, "", "it says more than can be looked at"),
    ],
)
def test_a_complaint_behind_much_output_is_found(count: int, last: str, complaint: str | None) -> None:
    program = PROGRAM.format(line=HARMLESS_LINE, count=count, last=last)

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert told == repr((complaint, None)), "and the next picture begins anew"
