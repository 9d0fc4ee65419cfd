"""One synthetic run for all tests of the report."""

import pytest
import xarray as xr

from tests.report.synthetic import measurements


@pytest.fixture(scope="session")
def run() -> xr.DataTree:
    return measurements()
