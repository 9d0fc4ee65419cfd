"""Proofs of the statements by machine: `python -m proofs_check`. Never imports ramodel."""
