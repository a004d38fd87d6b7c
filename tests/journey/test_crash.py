"""A short crash trial; `./dev crash` runs longer ones."""

import secrets
from pathlib import Path

from tests.crash.trial import VICTIMS, run_trial

SECONDS = 40.0


def test_nothing_acknowledged_is_lost_whoever_dies(tmp_path: Path) -> None:
    """Collector, worker and warehouse load are killed at random under load; afterwards everything
    acknowledged is at the receiver and once in each table, and the ledger balances."""
    outcome = run_trial(tmp_path, seconds=SECONDS, seed=secrets.randbelow(1_000_000))
    assert outcome.faults == [], f"seed {outcome.seed}, {dict(outcome.kills)}"
    assert outcome.acknowledged > 1000
    assert set(outcome.kills) == set(VICTIMS), "each kind was killed at least once"
