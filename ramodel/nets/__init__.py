"""Residual networks, data and training."""
