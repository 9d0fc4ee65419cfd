"""RA2: alignment of singular vectors, next to a network without skips.

Run it alone: `python figures/fig_ra2_alignment.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("ra2_alignment")
