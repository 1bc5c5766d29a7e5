from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from firmware_config.settings import BoxSettings


def test_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_SPOOL", "/data/spool.sqlite")
    monkeypatch.setenv("KOTOBA_METRICS_PORT", "9100")
    settings = BoxSettings()
    assert settings.spool == Path("/data/spool.sqlite")
    assert settings.metrics_port == 9100


def test_a_wrong_value_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTOBA_BOX", "a/b")
    with pytest.raises(ValidationError, match="box"):
        BoxSettings()
