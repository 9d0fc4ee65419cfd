"""S13: stochastic depth penalises large blocks.

Run it alone: `python figures/fig_s13_stochastic_depth.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s13_stochastic_depth")
