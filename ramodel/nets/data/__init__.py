"""Labelled images and other inputs: found, decoded, split, normalised."""
