"""S8: the gauge orbit of a plain net, and what a skip makes of it.

Run it alone: `python figures/fig_s08_orbit.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s08_orbit")
