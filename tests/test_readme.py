"""The README: its Python runs and prints what it says, its commands exist, its links lead somewhere."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_python_prints_what_it_says():
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, {}, "README.md", "README.md", 0)
    assert len(example.examples) >= 5
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.DocTestRunner(optionflags=flags, verbose=False).run(example).failed == 0


def test_both_commands_are_marked_and_complete():
    for name in ("main-job", "tests"):
        found = re.search(rf"^<!-- command: {name} -->\n```\n(.*)\n```$", README, re.MULTILINE)
        assert found, f"README.md lacks the command {name}"
        assert found[1].startswith("python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt ")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?://|#)([^)#]+)", README))))
def test_links_lead_to_files(target):
    assert (ROOT / target).exists()


def test_every_subcommand_of_the_table_exists():
    from ramodel.cli.application import COMMANDS

    named = set(re.findall(r"`ramodel ([\w-]+)", README))
    assert named <= set(COMMANDS)
    assert set(COMMANDS) <= named
