"""SECURITY.md names what is there, says which version gets fixes, and stays one page."""

from __future__ import annotations

import re

from firmware_config.toml import read_toml
from tests.support.pages import code_spans, links
from tests.support.repository import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ONE_PAGE_LINES = 80


def test_it_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= ONE_PAGE_LINES


def test_every_place_in_the_code_is_there() -> None:
    places = {span for span in code_spans(PAGE) if re.fullmatch(r"(edge|export|firmware_config|packaging|systemd|tests)/[\w./-]*", span)}
    assert len(places) > 20
    assert sorted(place for place in places if not (ROOT / place).exists()) == []


def test_links_lead_somewhere() -> None:
    assert sorted(target for target in links(PAGE) if not (ROOT / target).exists()) == []


def test_the_version_of_today_gets_fixes() -> None:
    major, minor, _ = read_toml(ROOT / "pyproject.toml")["project"]["version"].split(".")
    assert re.search(rf"^\| {major}\.{minor} \| yes", PAGE, re.MULTILINE)
