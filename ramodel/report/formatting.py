"""How numbers are written, in one place: tables, panels and READMEs agree."""

import math

__all__ = ["bound", "duration", "measured", "number"]

_MISSING = "-"


def number(value: float | None, *, decimals: int | None = None) -> str:
    """Write a number so that it can be read at a glance: two significant digits where small, two decimals else.

    Parameters
    ----------
    value
        None, NaN and infinities are written as a dash.
    decimals
        Fixed number of decimals; by default chosen from the size.

    Examples
    --------
    >>> [number(x) for x in (0.0, 2.1e-4, 0.01234, 0.7, -12.34, 123.4, 2.5e7)]
    ['0', '2.1e-04', '0.012', '0.70', '-12.3', '123', '2.5e+07']
    >>> number(float("nan")), number(None)
    ('-', '-')
    """
    if value is None or not math.isfinite(value):
        return _MISSING
    if decimals is not None:
        return f"{round(value, decimals) + 0.0:.{decimals}f}"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-2 or size >= 1e5:
        return f"{value:.1e}"
    return f"{value:.{3 if size < 0.1 else 2 if size < 10 else 1 if size < 100 else 0}f}"


def measured(value: float | None, interval: tuple[float, float] | None = None, *, decimals: int | None = None) -> str:
    """Write a measured number with its interval, all with the same decimals, as many as the interval is worth.

    Parameters
    ----------
    value, interval
        None, NaN and infinities: as in `number`; an interval of them is left out.
    decimals
        Fixed number of decimals; by default chosen from the width of the interval.

    Examples
    --------
    >>> measured(0.858, (0.8149, 0.9011))
    '0.86 [0.81, 0.90]'
    >>> measured(2.14e-4, (1e-4, 3e-4))
    '2.1e-04 [1.0e-04, 3.0e-04]'
    >>> measured(0.36)
    '0.36'
    """
    if value is None or not math.isfinite(value):
        return _MISSING
    if interval is None or not all(map(math.isfinite, interval)):
        return number(value, decimals=decimals)
    low, high = interval
    half = (high - low) / 2
    if decimals is not None:
        places = decimals
    elif max(abs(value), abs(low), abs(high)) < 1e-2 or half <= 0:
        return f"{number(value)} [{number(low)}, {number(high)}]"
    else:
        places = min(max(2, -math.floor(math.log10(half))), 4)
    return f"{number(value, decimals=places)} [{number(low, decimals=places)}, {number(high, decimals=places)}]"


def bound(low: float | None, high: float | None) -> str:
    """Write an accepted range, open at the ends that are None.

    Examples
    --------
    >>> bound(0.6, None), bound(None, 1.5), bound(0.5, 1.5)
    ('>= 0.6', '<= 1.5', '0.5 .. 1.5')
    """
    if low is not None and high is not None:
        return f"{low:g} .. {high:g}"
    if low is not None:
        return f">= {low:g}"
    return f"<= {high:g}" if high is not None else _MISSING


def duration(seconds: float) -> str:
    """Write a time in the units a person would use.

    Examples
    --------
    >>> duration(0.042), duration(9.3), duration(154.0), duration(7261.0)
    ('42 ms', '9.3 s', '2 min 34 s', '2 h 1 min')
    """
    if not math.isfinite(seconds):
        return _MISSING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
