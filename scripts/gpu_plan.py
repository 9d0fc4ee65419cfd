"""Print the sweeps that `gpu_job.sh` is to carry out, in order: python scripts/gpu_plan.py CONFIGS RESULTS.

Sweeps that are complete in RESULTS are left out; a network that failed for want of its data counts as to be done. First
come the sweeps whose data are at hand, so that the others cannot keep them from their turn.
"""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from ramodel.experiments.sweeps import sweep_status

_NO_FILES = ("digits", "python-text")
"""Data sets that need no data folder."""

_NOT_FOUND = ("FileNotFoundError", "NotADirectoryError")
"""How the error of a network begins whose data are not found."""


def main() -> int:
    """Write a name a line on standard output, and what is lacking on standard error."""
    configs, results = map(Path, sys.argv[1:])
    waiting = [path for path in sorted(configs.glob("*.toml")) if not is_complete(results / f"{path.stem}.nc")]
    for path in sorted(waiting, key=lambda path: bool(absent(path))):
        lacking = ", ".join(absent(path))
        if lacking:
            sys.stderr.write(f"gpu_job: {path.stem} needs {lacking} in RAMODEL_DATA; it goes last.\n")
        sys.stdout.write(f"{path.stem}\n")
    return 0


def is_complete(packed: Path) -> bool:
    """Tell whether nothing is left to do; a damaged file is as none."""
    try:
        status = sweep_status(packed)
    except (OSError, ValueError):
        return False
    return status.complete and not any(error.startswith(_NOT_FOUND) for error in status.failures.values())


def absent(config: Path) -> list[str]:
    """Return the data sets of a sweep that are not at hand; none of a file that cannot be read: the sweep says why."""
    try:
        content = tomllib.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        return []
    folder = os.environ.get("RAMODEL_DATA")
    names = {name for name in _named(content) if name not in _NO_FILES}
    there = {name for name in names if folder and Path(folder, name.removesuffix("-jpeg")).exists()}
    return sorted(names - there)  # "cifar10-jpeg" lies in cifar10


def _named(content: dict[str, Any]) -> set[str]:
    """Return the data sets that a sweep names, in its table [data], its arms and its axes."""
    found = {content.get("data", {}).get("dataset", "digits"), *content.get("axes", {}).get("data.dataset", ())}
    for arm in content.get("arms", ()):
        found |= {arm.get("set", {}).get("data.dataset", "digits"), *arm.get("axes", {}).get("data.dataset", ())}
    return found


if __name__ == "__main__":
    sys.exit(main())
