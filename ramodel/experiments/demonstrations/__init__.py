"""Demonstrations: what a statement says beside what a simulation finds, one module a statement.

Each module has a function ``demonstrate(*, quick=False, progress=True) -> xarray.Dataset``; `ramodel.report` draws it.
"""
