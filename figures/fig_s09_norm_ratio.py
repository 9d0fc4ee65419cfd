"""S9: blocks preserve the norm of gradients.

Run it alone: `python figures/fig_s09_norm_ratio.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s09_norm_ratio")
