"""Sweeps: many cells from one configuration file, kept, continued, merged."""
