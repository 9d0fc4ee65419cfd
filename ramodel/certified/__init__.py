"""Certified numbers: enclosures proven by ball arithmetic (extra `certified`: python-flint).

Independent of `ramodel.theory`: closed forms are written down anew, roots are proven to exist and to be the only ones
close by with Krawczyk's method, and every number comes with bounds that hold whatever was rounded.

Examples
--------
>>> from ramodel.certified import CertifiedModel
>>> s = CertifiedModel(depth=8, jacobian_decay=0.01, head_decay=0.01).jacobian_singular_value(13.94885)
>>> print(s)
0.4324158822948992 +/- 4.4e-15
>>> s.error_of(0.432416) < 1.2e-7
True
"""

try:
    import flint as _flint  # noqa: F401 - named here so that its absence gets an answer
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "bounds that are proven need python-flint; install the extra: pip install 'ramodel[certified]'.", name="flint"
    ) from error

from ramodel.certified.configurations import CertifiedConfigurations, Configuration, Threshold
from ramodel.certified.enclosure import Enclosure
from ramodel.certified.models import CertifiedModel

__all__ = ["CertifiedConfigurations", "CertifiedModel", "Configuration", "Enclosure", "Threshold"]
