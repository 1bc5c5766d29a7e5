"""The page as PDF, with WeasyPrint. It needs the system's library Pango; nothing else of a report does."""

from __future__ import annotations

import logging
import warnings
from types import ModuleType

from export.errors import reason_of
from export.report.errors import ReportError

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def missing_pango() -> str | None:
    """Why no PDF can be made on this machine, in one sentence; None if one can."""
    try:
        _weasyprint()
    except (ImportError, OSError) as err:
        return (
            f"no PDF of the report: the library Pango cannot be loaded ({reason_of(err)}): "
            f"install it with apt install {PACKAGES}; the HTML file is whole without it"
        )
    return None


def pdf(page: str) -> bytes:
    """The PDF of an HTML page, A4, its fonts inside. The same page gives the same bytes.

    Raises:
        ReportError: the machine has no Pango.
    """
    why = missing_pango()
    if why is not None:
        raise ReportError(why)
    # The fonts of the page hold only what it shows. Cut once more, they would carry the time of day.
    from weasyprint.urls import URLFetcher

    return _weasyprint().HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=["data"])).write_pdf(full_fonts=True)


def _weasyprint() -> ModuleType:
    with warnings.catch_warnings():
        # Without HarfBuzz's subsetting library it warns; it is not asked to cut fonts.
        warnings.simplefilter("ignore", DeprecationWarning)
        import weasyprint
    # A property of CSS that it does not know is none of the reader's business.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    return weasyprint
