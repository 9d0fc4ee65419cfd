"""Lengths of time on the command line: 90s, 9m, 1h, 1h30m, or plain seconds."""

import re

from ramodel.checks import positive

__all__ = ["seconds_in"]

_PARTS = re.compile(r"(?:(?P<hours>\d+(?:\.\d+)?)h)?(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s?)?")
_LENGTHS = {"hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


def seconds_in(name: str, text: str) -> float:
    """Return the seconds in `text`, which the option `name` was given.

    Raises
    ------
    ValueError
        If it is no length of time, or is zero.

    Examples
    --------
    >>> [seconds_in("stop_after", text) for text in ("90s", "9m", "1h", "1h30m", "2.5")]
    [90.0, 540.0, 3600.0, 5400.0, 2.5]
    """
    found = _PARTS.fullmatch(text.strip().lower())
    if found is None or not found.group():
        raise ValueError(f"{name} is {text!r}; it must be a length of time, such as 90s, 9m, 1h30m or plain seconds.")
    given = {unit: number for unit, number in found.groupdict().items() if number is not None}
    return positive(name, sum(float(number) * _LENGTHS[unit] for unit, number in given.items()))
