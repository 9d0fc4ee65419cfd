"""A small measured network in two stages, with its control, for tests of the portraits."""

import torch
from torch import nn

from ramodel.spectra import Spectra, measure
from tests.spectra.networks import Block, Branch


class _Staged(nn.Module):
    """Three residual blocks of width 6, two of width 4."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.wide = nn.Sequential(*(Block(Branch(6, nn.Tanh()), True) for _ in range(3)))
            self.between = nn.Linear(6, 4)
            self.narrow = nn.Sequential(*(Block(Branch(4, nn.Tanh()), True) for _ in range(2)))
        self.eval()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        narrow: torch.Tensor = self.narrow(self.between(self.wide(hidden)))
        return narrow


def spectra(seed: int = 0, **options: object) -> Spectra:
    """Return five labelled inputs measured."""
    inputs = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = [0, 1, 2, 0, 1]
    return measure(_Staged(seed), inputs, rank=3, labels=labels, progress=False, **options)  # type: ignore[arg-type]
