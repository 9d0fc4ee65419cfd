"""Runs the blocks of a page in docs/ one after another, as a reader would type them, in an empty folder.

    python -m tests.docs.tutorial docs/measuring.md

writes what they print into the page: of a `python` block into the `text` block that follows it, of a `console` block
below its command, and fills tables that are made from the code (`tests/docs/tables.py`). Blocks that begin with the
comment `# NAME.py` or `# NAME.toml` are saved under that name too.
"""

import contextlib
import io
import re
import shlex
import sys
import tempfile
from pathlib import Path

from ramodel.cli import main
from tests.docs.tables import with_tables

BLOCK = re.compile(r"^```(python|text|console|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.(?:py|toml))\n")
PROMPT = "$ ramodel "


def blocks(text: str) -> list[tuple[str, str]]:
    """Return language and content of every block that is run, saved, or printed."""
    return BLOCK.findall(text)


def printed(text: str) -> list[str]:
    """Return what each Python and console block prints; of a command whose output the page does not show, nothing."""
    namespace: dict[str, object] = {"__name__": "tutorial"}
    outputs = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for language, content in blocks(text):
            if named := FILE.match(content):
                Path(named[1]).write_text(content)
            with contextlib.redirect_stdout(io.StringIO()) as output:
                if language == "python":
                    exec(compile(content, "tutorial", "exec"), namespace)  # noqa: S102 - our own page
                    outputs.append(output.getvalue())
                elif language == "console":
                    command, shown = _command(content)
                    assert main(shlex.split(command)) == 0, command
                    outputs.append(output.getvalue() if shown else "")
    return [re.sub(r"[ \t]+$", "", output, flags=re.MULTILINE) for output in outputs]


def expected(text: str) -> list[str]:
    """Return what the page says that each block prints: the text block after a Python one, or nothing."""
    found = blocks(text)
    following = [*found[1:], ("", "")]
    said = []
    for (language, content), (kind, after) in zip(found, following, strict=True):
        if language == "python":
            said.append(after if kind == "text" else "")
        elif language == "console":
            said.append(_command(content)[1])
    return said


def rewritten(text: str) -> str:
    """Return the page with what its blocks print, and with its tables."""
    outputs = iter(output for output in printed(text) if output)

    def anew(block: re.Match[str]) -> str:
        language, content = block.groups()
        if language == "text":
            return f"```text\n{next(outputs)}```"
        if language == "console" and _command(content)[1]:
            return f"```console\n{content.splitlines()[0]}\n{next(outputs)}```"
        return block[0]

    return with_tables(BLOCK.sub(anew, text))


def _command(content: str) -> tuple[str, str]:
    """Return the command of a console block without its prompt, and the output that is shown."""
    command, _, shown = content.partition("\n")
    assert command.startswith(PROMPT), command
    return command.removeprefix(PROMPT), shown


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(rewritten(page.read_text()))
