"""S10: effective rank of the best configuration over depth and decay.

Run it alone: `python figures/fig_s10_phase.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s10_phase")
