"""Which device can be computed on here?"""

import torch

__all__ = ["usable_device"]


def usable_device(device: str | torch.device) -> torch.device:
    """Return `device` as torch knows it; raise ValueError where torch cannot use it.

    Examples
    --------
    >>> usable_device("cpu")
    device(type='cpu')
    """
    try:
        usable = torch.device(device)
        torch.empty(0, device=usable)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {str(device)!r}; torch cannot use it here ({reason}). Use 'cpu'.") from error
    return usable
