"""S7: blocks from layer to layer: lines of slope 1 with transport cost, constant without.

Run it alone: `python figures/fig_s07_layers.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s07_layers")
