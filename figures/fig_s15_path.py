"""S15: a path leads down from every point off the branch.

Run it alone: `python figures/fig_s15_path.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s15_path")
