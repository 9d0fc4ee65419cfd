"""RA3: singular values of the Residual Jacobians and the gap after the C-th.

Run it alone: `python figures/fig_ra3_spectrum.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("ra3_spectrum")
