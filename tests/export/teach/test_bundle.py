from __future__ import annotations

from pathlib import Path

import pytest

from export.teach.bundle import station_text
from export.teach.plan import Plan, check
from export.teach.spec import read_teach_spec
from firmware_config.station import parse_station
from tests.support.teaching import SPEC, write_teaching


def plan_of(folder: Path, more: str = "") -> Plan:
    path = write_teaching(folder, spec=SPEC.replace("version = 1\n", f"version = 1\n{more}\n"))
    return check(*read_teach_spec(path), near=folder, report=lambda _: None)


@pytest.mark.parametrize(("more", "confidence"), [("", 0.5), ("min_confidence = 0.7", 0.7)])
def test_stations_of_a_bundle_need_the_confidence_of_the_specification_and_golden_verdicts_do_not(
    tmp_path: Path, more: str, confidence: float
) -> None:
    plan = plan_of(tmp_path, more)
    template, golden = (station_text(plan, limits={}, with_memory=with_memory) for with_memory in (True, False))
    assert parse_station(template.encode(), source="template").judge.min_confidence == confidence
    assert parse_station(golden.encode(), source="golden").judge.min_confidence == 0.5
