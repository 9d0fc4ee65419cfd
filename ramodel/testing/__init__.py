"""Hypothesis strategies and assertions for your own tests of the claims."""
