"""S10: pictures of logit configurations and their singular values.

Run it alone: `python figures/fig_s10_configurations.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s10_configurations")
