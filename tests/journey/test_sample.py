"""`./dev run`'s own program shows events flowing soon after its start, and stops when told."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN_S = 60


def test_the_sample_shop_shows_events_flowing(tmp_path: Path) -> None:
    """Within a minute it prints where to look, a ledger that balances, a trace of one event and
    the rows in DuckDB; a second run goes on with the same folder."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "sample", "--data", str(tmp_path / "data"), "--seconds", "2"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SHOWN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for shown in (
            "Crossdock runs.",
            "ledger",
            "balance",
            "delivered",
            "Product Viewed",
            "/owner/",
        ):
            assert shown in done.stdout, done.stdout
