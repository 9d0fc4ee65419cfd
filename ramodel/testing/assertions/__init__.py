"""Assertions for tests of your own network: Residual Alignment, norm preservation, balance.

Each raises a plain AssertionError whose message says which property failed, by how much, at which layer and input,
and what was allowed. With your own PyTorch model, measure first (`ramodel.measure`), then assert:

>>> import torch
>>> import ramodel
>>> from ramodel.testing import assert_residual_alignment
>>> class Block(torch.nn.Module):
...     skip = True  # forward(h) contains h
...     def __init__(self, width):
...         super().__init__()
...         self.linear = torch.nn.Linear(width, width, bias=False)
...     def forward(self, h):
...         return h + self.linear(h)
>>> model = torch.nn.Sequential(*(Block(4) for _ in range(6)))
>>> with torch.no_grad():
...     for block in model:
...         _ = block.linear.weight.copy_(torch.diag(torch.tensor([0.1, 0.1, 0.0, 0.0])))
>>> def test_my_network_is_aligned():
...     spectra = ramodel.measure(model, torch.ones(3, 4), blocks=list(model), keep_jacobians=True)
...     assert_residual_alignment(spectra.jacobian, spectra.states, classes=2)
>>> test_my_network_is_aligned()

Layers count from 1 and inputs from 0, as in the result of `ramodel.measure`.
"""

from ramodel.testing.assertions.alignment import assert_residual_alignment
from ramodel.testing.assertions.balance import assert_balanced
from ramodel.testing.assertions.norms import assert_norm_preserving

__all__ = ["assert_balanced", "assert_norm_preserving", "assert_residual_alignment"]
