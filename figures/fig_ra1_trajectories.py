"""RA1: trajectories in the plane of their first two principal axes, and step lengths.

Run it alone: `python figures/fig_ra1_trajectories.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("ra1_trajectories")
