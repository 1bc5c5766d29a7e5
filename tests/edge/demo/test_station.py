from __future__ import annotations

from pathlib import Path

from edge.bundle.open import open_trusted_bundle
from edge.demo.run import demo_station
from tests.support.signed_bundles import write_calibrated_bundle


def test_the_station_of_the_demo_has_the_calibration_of_its_bundle_and_the_broker_as_its_output(tmp_path: Path) -> None:
    root = write_calibrated_bundle(tmp_path)
    station = demo_station(open_trusted_bundle(root, keys=tmp_path / "keys"), tmp_path, 1883, forever=False)
    assert station.judge.calibration == root / "stations/cell.json"
    assert station.outputs.mqtt is not None
    assert station.outputs.mqtt.port == 1883
