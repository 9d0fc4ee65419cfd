"""RA4: 1/s against the layer within one network.

Run it alone: `python figures/fig_ra4_layers.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("ra4_layers")
