"""`./dev crash [--trials N] [--seconds S] [--seed X]`: a table of trials; non-zero on any fault."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.crash.trial import run_trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev crash", description=__doc__)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="load per trial")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--keep", action="store_true", help="keep the folders of good trials too")
    given = parser.parse_args()
    print("| seed | acknowledged | kills | sent again | delivered again | drain s | result |")
    print("|---:|---:|---|---:|---:|---:|---|", flush=True)
    bad = 0
    for seed in range(given.seed, given.seed + given.trials):
        folder = Path(tempfile.mkdtemp(prefix=f"crossdock-crash-{seed}-"))
        outcome = run_trial(folder, seconds=given.seconds, seed=seed)
        kills = ", ".join(f"{n} {victim}" for victim, n in sorted(outcome.kills.items()))
        result = "; ".join(outcome.faults) or "conserved"
        print(
            f"| {seed} | {outcome.acknowledged:,} | {kills} | {outcome.retries:,} | "
            f"{outcome.repeats:,} | {outcome.drain_s:.1f} | {result} |",
            flush=True,
        )
        if outcome.faults:
            bad += 1
            print(f"the folder is kept: {folder}", file=sys.stderr)
        elif not given.keep:
            _remove(folder)
    print(f"\n{given.trials - bad} of {given.trials} trials conserved everything acknowledged")
    return 1 if bad else 0


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
