import pytest
import torch

from ramodel.optimise import ZERO_SCALE, Evaluation


def _evaluation(gradient, scale):
    rows = torch.tensor(gradient, dtype=torch.float64)
    return Evaluation(torch.zeros(len(rows), dtype=torch.float64), rows, torch.tensor(scale, dtype=torch.float64))


def test_relative_gradient_is_the_norm_over_the_scale():
    assert _evaluation([[3.0, 4.0]], [10.0]).relative_gradient().tolist() == [0.5]


@pytest.mark.parametrize("scale", [0.0, ZERO_SCALE])
def test_relative_gradient_is_absolute_at_a_zero_optimum(scale):
    assert _evaluation([[0.0, 5e-15]], [scale]).relative_gradient().tolist() == [5e-15]


def test_rows_and_replace_rows_address_the_same_rows():
    whole = _evaluation([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])
    index = torch.tensor([2, 0])
    part = whole.rows(index)
    assert part.gradient.tolist() == [[3.0], [1.0]]
    whole.replace_rows(index, _evaluation([[30.0], [10.0]], [30.0, 10.0]))
    assert whole.gradient.tolist() == [[10.0], [2.0], [30.0]]
    assert whole.scale.tolist() == [10.0, 2.0, 30.0]
