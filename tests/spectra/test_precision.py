"""float32 means float32, inside a measurement and nowhere else."""

import pytest
import torch
from torch import nn

from ramodel.spectra import measure
from ramodel.spectra.precision import full_precision


class Watched(nn.Linear):
    """Notes the precision that products have while it runs."""

    seen = ()

    def forward(self, hidden):
        backends = torch.backends
        self.seen = (*self.seen, backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision)
        return hidden + super().forward(hidden)


def test_a_measurement_multiplies_in_full_precision():
    network = nn.Sequential(Watched(5, 5), Watched(5, 5))
    before = torch.backends.cudnn.conv.fp32_precision
    measure(network, torch.ones(2, 5), dtype="float32", progress=False)
    assert set(network[0].seen) == {"ieee"}
    assert torch.backends.cudnn.conv.fp32_precision == before


def test_settings_come_back_after_an_error():
    before = torch.backends.cudnn.conv.fp32_precision
    assert before != "ieee"
    with pytest.raises(RuntimeError, match="inside"), full_precision():
        raise RuntimeError("inside")
    assert torch.backends.cudnn.conv.fp32_precision == before
