"""RA4: inverse of the top singular value, block by block, of a measured network.

Run it alone: `python figures/fig_spectra_scaling.py --spectra FILE --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("spectra_scaling")
