"""What the three commands have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

import pytest

import edge.cli
import export.cli
import firmware_config.cli

COMMANDS = {"kotoba-edge": edge.cli.main, "kotoba-export": export.cli.main, "kotoba-config": firmware_config.cli.main}


@pytest.mark.parametrize(("name", "main"), COMMANDS.items(), ids=COMMANDS)
def test_a_command_prints_its_version(name: str, main: Callable[[Sequence[str] | None], int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{name} {version('kotoba-edge')}\n"
