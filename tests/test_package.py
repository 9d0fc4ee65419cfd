"""The package itself: public names load when used, importing it is free, versions agree."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ramodel

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in (ramodel, ramodel.report) for name in package.__all__]
)
def test_every_public_name_loads(package, name):
    assert getattr(package, name) is not None
    assert name in dir(package)


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'minimize'"):
        ramodel.minimize  # noqa: B018
    with pytest.raises(AttributeError, match=r"'ramodel\.report' has no attribute 'draws'"):
        ramodel.report.draws  # noqa: B018


def test_import_brings_nothing_heavy():
    code = "import sys, ramodel; sys.exit(bool({'numpy', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ramodel.__version__
    assert f"version: {ramodel.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_closed_forms_do_not_bring_torch():
    code = "import sys, ramodel.theory; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
