"""What the papers claim and nothing here tests. What exhibits test is judged from records: `experiments.claims`.

Claims of being the first are left out: no experiment answers them. So is what a paper says of its design alone.
"""

from __future__ import annotations

from medsyn_core.experiments.ledger import claims_d2, claims_dual, claims_hifi, claims_utad
from medsyn_core.experiments.ledger.rows import Untested

UNTESTED: tuple[Untested, ...] = (
    *claims_dual.UNTESTED,
    *claims_utad.UNTESTED,
    *claims_hifi.UNTESTED,
    *claims_d2.UNTESTED,
)
