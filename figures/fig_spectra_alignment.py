"""RA2: alignment of singular vectors between the blocks of a measured network.

Run it alone: `python figures/fig_spectra_alignment.py --spectra FILE --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("spectra_alignment")
