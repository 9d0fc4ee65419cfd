"""S12: weight decay aligns the blocks, at a predicted rate.

Run it alone: `python figures/fig_s12_time_course.py --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s12_time_course")
