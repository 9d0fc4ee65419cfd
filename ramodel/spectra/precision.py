"""Products of float32 numbers as what they say they are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["full_precision"]


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply and convolve float32 numbers in float32 inside the body, whatever the caller allows otherwise.

    By default convolutions on a GPU round to TF32, and `torch.set_float32_matmul_precision` may round products to TF32
    or bfloat16: 3 digits, and residuals that would never come down.

    Examples
    --------
    >>> torch.set_float32_matmul_precision("medium")
    >>> with full_precision():
    ...     torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision
    ('ieee', 'ieee')
    >>> torch.get_float32_matmul_precision()
    'medium'
    >>> torch.set_float32_matmul_precision("highest")
    """
    backends = torch.backends
    onednn = backends.mkldnn
    settings = (backends.cuda.matmul, backends.cudnn.conv, onednn.matmul, onednn.conv)  # type: ignore[attr-defined]
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        yield
    finally:
        for setting, precision in zip(settings, before, strict=True):
            setting.fp32_precision = precision
