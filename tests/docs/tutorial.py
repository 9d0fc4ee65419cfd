"""Runs the Python blocks of a page in docs/ one after another, as a reader would type them.

    python tests/docs/tutorial.py docs/measuring.md

writes what they print into the `text` block that follows each of them.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Return language and content of every Python and text block."""
    return BLOCK.findall(text)


def printed(text: str) -> list[str]:
    """Return what each Python block prints."""
    namespace: dict[str, object] = {"__name__": "tutorial"}
    outputs = []
    for language, content in blocks(text):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(content, "tutorial", "exec"), namespace)  # noqa: S102 - our own page
            outputs.append(output.getvalue())
    return outputs


def expected(text: str) -> list[str]:
    """Return what the page says that each Python block prints: the text block right after it, or nothing."""
    found = blocks(text)
    following = [*found[1:], ("", "")]
    return [after if kind == "text" else "" for (language, _), (kind, after) in zip(found, following, strict=True)
            if language == "python"]  # fmt: skip


def rewritten(text: str) -> str:
    """Return the page with what its blocks print."""
    outputs = iter(output for output in printed(text) if output)
    return BLOCK.sub(lambda match: match[0] if match[1] == "python" else f"```text\n{next(outputs)}```", text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(rewritten(page.read_text()))
