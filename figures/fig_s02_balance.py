"""S2: closed form, optimiser and trained networks on one curve.

Run it alone: `python figures/fig_s02_balance.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s02_balance")
