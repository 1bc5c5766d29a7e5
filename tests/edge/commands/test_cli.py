from __future__ import annotations

import subprocess
import sys

TALKATIVE = """
import argparse, sys
from edge import cli

def talk(options, settings):
    for number in range(100_000):
        print(number)
    return 0

def parser():
    made = argparse.ArgumentParser()
    made.set_defaults(command=talk, quiet=True)
    return made

cli._parser = parser
sys.exit(cli.main([]))
"""


def test_a_reader_who_has_had_enough_is_no_mistake() -> None:
    with subprocess.Popen([sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
