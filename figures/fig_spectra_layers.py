"""RA3: top singular values of every block of a measured network.

Run it alone: `python figures/fig_spectra_layers.py --spectra FILE --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("spectra_layers")
