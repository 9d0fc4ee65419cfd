"""The optimiser of the provable model, which does not know the closed forms."""
