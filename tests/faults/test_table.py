"""The table of what a box survives finds its figures on the pages that have them."""

from __future__ import annotations

import pytest

from tests.faults.table_rows import ROWS
from tests.support.repository import ROOT

WITH_STUDY = sorted(name for name, row in ROWS.items() if row.study is not None)


@pytest.mark.parametrize("name", WITH_STUDY)
def test_a_row_finds_its_figures_on_its_page(name: str) -> None:
    study = ROWS[name].study
    assert study is not None
    *figures, address = study.told()
    assert len(figures) == len(study.lines) >= 1
    assert address == f"[{study.page}]({study.page})"


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_tests_that_exist_or_a_page(name: str) -> None:
    row = ROWS[name]
    assert row.tests or row.study is not None
    assert all((ROOT / test.split("::")[0]).is_file() for test in row.tests)
