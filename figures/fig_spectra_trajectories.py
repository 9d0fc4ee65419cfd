"""RA1: trajectories of inputs through each stage of a measured network.

Run it alone: `python figures/fig_spectra_trajectories.py --spectra FILE --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("spectra_trajectories")
