"""Certified numbers: enclosures in ball arithmetic (extra `certified`, python-flint)."""
