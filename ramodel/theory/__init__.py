"""Closed forms of the provable model (NumPy and SciPy; never torch)."""
