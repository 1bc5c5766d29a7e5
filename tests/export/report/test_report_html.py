"""A report as one HTML file: what stands in it, and that nothing outside it is needed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from export.findings.findings import Findings
from export.report.embedded import embedded
from export.report.errors import ReportError
from export.report.fonts import font_files, known_characters, shown
from export.report.html import html
from export.report.overall import of_protocol, overall, rivals
from export.report.wording import Language
from tests.support.piloted import bare_findings, findings, write_parts

LOADING = {"src", "href", "data", "action", "poster", "srcset", "xlink:href"}


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in LOADING]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pilot")
    write_parts(folder)
    return folder


@pytest.fixture(scope="module")
def no_go(folder: Path) -> str:
    return html(findings("no_go"), folder, language="en", cost=None)


def test_a_report_loads_nothing_and_runs_nothing(no_go: str) -> None:
    page = _Page(no_go)
    assert "script" not in page.tags
    assert page.loads
    assert [one[:30] for one in page.loads if not one.startswith(("data:image/", "#"))] == []
    assert re.findall(r"url\((?!\"data:)", no_go) == []
    assert "@import" not in no_go


def test_texts_of_others_are_shown_and_not_run(no_go: str) -> None:
    assert "<script>alert(1)</script> nothing else" in _Page(no_go).text
    assert "<b>No markup</b> & no [U+1F600]." in _Page(no_go).text


def test_each_escaped_part_is_a_picture_with_its_words(no_go: str) -> None:
    escaped = no_go.split('id="escaped"')[1].split('id="overkilled"', maxsplit=1)[0]
    assert escaped.count('<div class="part">') == len(findings("no_go").escaped) == 6
    assert escaped.count("data:image/jpeg;base64,") == 5  # one of the six names a picture that is not there
    assert escaped.count("the picture cannot be shown") == 1
    assert escaped.count("a thin dark line at the edge") == 6


def test_a_control_that_beats_the_language_model_stands_in_the_first_part(no_go: str) -> None:
    first = _Page(no_go.split('<section class="contents">', maxsplit=1)[0]).text
    assert "A simpler method does better than the language model: linear probe on CLIP" in first
    assert "This does not work for you, because" in first


def test_rivals_are_the_controls_that_are_ahead_or_not_shown_to_be_behind() -> None:
    found = rivals(overall(of_protocol(findings("no_go"), "leave_one_domain_out")))
    standings = {one.scorer: one.standing for one in found}
    assert standings["vision_probe"] == "better"
    assert standings["text_regression"] == "open"
    assert "darkness" not in standings
    assert "tuned" not in standings


@pytest.mark.parametrize(("outcome", "badge"), [("go", "採用可"), ("not_enough", "判断できない")])
def test_only_a_no_go_has_the_page_that_says_why_not(outcome: str, badge: str, folder: Path) -> None:
    made = findings("go") if outcome == "go" else findings("not_enough")
    page = html(made, folder, language="ja", cost=None)
    assert f'<span class="badge">{badge}</span>' in page
    assert "この製品には使えません" not in page
    assert "printed" not in page.split('id="attack"')[0]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_findings_with_nothing_in_them_make_a_report(language: Language, tmp_path: Path) -> None:
    page = _Page(html(bare_findings(), tmp_path, language=language, cost=None)).text
    assert ("Only one kind of part was seen." if language == "en" else "良品か不良品の一方しか見ていません。") in page


def test_the_same_findings_give_the_same_text(no_go: str, folder: Path) -> None:
    again = Findings.model_validate_json(findings("no_go").model_dump_json(by_alias=True))
    assert html(again, folder, language="en", cost=None) == no_go


def test_a_picture_outside_the_folder_is_not_taken_in(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes((folder / "parts" / "0001.jpg").read_bytes())
    (folder / "link.jpg").symlink_to(secret)
    (folder / "words.jpg").write_text("no picture", encoding="utf-8")
    names = (str(secret), f"../{tmp_path.name}/secret.jpg", "link.jpg", "words.jpg", "parts", "parts/none.jpg", None)
    assert [embedded(folder, name) for name in names] == [None] * len(names)
    assert (embedded(folder, "parts/0001.jpg") or "").startswith("data:image/jpeg;base64,")


def test_a_character_without_a_glyph_is_shown_by_its_code() -> None:
    known = known_characters(font_files()[400])
    assert shown("見逃し率 ≤ 2 % ▲ \U0001f600\n", known) == "見逃し率 ≤ 2 % ▲ [U+1F600]\n"


def test_a_font_that_is_not_installed_is_named() -> None:
    with pytest.raises(ReportError, match=r"pip install no-such-font, or the extra kotoba-edge\[export\]"):
        font_files({400: ("no_such_font", "No.otf")})
