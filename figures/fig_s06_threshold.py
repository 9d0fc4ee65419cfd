"""S6: the rank of two-matrix blocks drops in steps.

Run it alone: `python figures/fig_s06_threshold.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s06_threshold")
