"""S19: energy of every block against its work.

Run it alone: `python figures/fig_s19_work_energy.py --from RUN_FOLDER --out FOLDER`.
"""

from ramodel.report.script import main

if __name__ == "__main__":
    main("s19_work_energy")
