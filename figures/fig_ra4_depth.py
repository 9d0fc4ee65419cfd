"""RA4: top singular value across depth, with the depth law and the local exponent.

Run it alone: `python figures/fig_ra4_depth.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("ra4_depth")
