"""The ledgers of the built site: every exhibit and equation has its permanent place."""

from __future__ import annotations

import re

import pytest

from medsyn_core.experiments import ledger
from medsyn_core.figures import places

pytestmark = pytest.mark.site


@pytest.mark.parametrize(("page", "rows"), [("exhibits", ledger.EXHIBITS), ("equations", ledger.EQUATIONS)])
def test_every_line_has_a_permanent_anchor(site, page, rows):
    text = (site / "book" / "appendix" / f"{page}.html").read_text(encoding="utf-8")
    found = re.findall(r'<span id="((?:dual|utad|hifi|d2)-[^"]+)"></span>', text)
    assert sorted(found) == sorted(places.place(row.id) for row in rows)


def test_the_page_of_claims_lists_what_is_not_tested(site):
    text = (site / "book" / "appendix" / "claims.html").read_text(encoding="utf-8")
    assert text.count("exhibits.html#") > len(ledger.EXHIBITS)
    for kind in ("not decided", "not tested here"):
        assert kind in text
