"""Batches from arrays and mappings."""

import numpy as np
import pytest
import torch
from torch import nn

from ramodel.spectra.network import Batch

TABLE, LAYER = nn.Embedding(9, 2), nn.Linear(2, 2)


def test_whole_numbers_stay_whole_where_they_are_looked_up():
    for given in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], dtype=np.uint16), torch.tensor([[1, 2], [3, 4]])):
        (looked_up,) = Batch.of(given).on(TABLE, torch.float64).arguments
        (floats,) = Batch.of(given).on(LAYER, torch.float32).arguments
        assert looked_up.dtype == torch.int64
        assert floats.dtype == torch.float32
        assert looked_up.tolist() == floats.tolist() == [[1, 2], [3, 4]]


def test_mappings_keep_every_kind():
    batch = Batch.of(
        {"ids": [[1, 2], [3, 4]], "mask": np.array([True, False]), "values": np.ones((2, 3), dtype=np.float32)}
    )
    moved = batch.on(LAYER, torch.float64)
    assert {name: tensor.dtype for name, tensor in moved.keywords.items()} == {
        "ids": torch.int64,
        "mask": torch.bool,
        "values": torch.float64,
    }
    assert len(batch) == 2
    assert batch.rows(torch.tensor([1])).keywords["ids"].tolist() == [[3, 4]]
    assert Batch.of(batch) is batch


def test_the_users_tensor_is_never_the_batch():
    given = torch.ones(2, 3, dtype=torch.float64)
    (copy,) = Batch.of(given).on(LAYER, torch.float64).arguments
    assert copy.data_ptr() != given.data_ptr()


@pytest.mark.parametrize(
    ("given", "error", "rule"),
    [
        (np.ones(5), ValueError, r"inputs has .*must be a batch \[N, \.\.\.\]"),
        (torch.ones(0, 5), ValueError, r"inputs has .*must be a batch \[N, \.\.\.\]"),
        (torch.ones(2, 5) * 1j, TypeError, "inputs has .*real numbers"),
        (torch.ones(2, 5) > 0, TypeError, "inputs has .*real numbers"),
        ([["a"]], TypeError, "inputs has .*real numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "inputs is not a rectangular array"),
        (torch.tensor([[0.0], [torch.inf]]), ValueError, r"inputs\[1, 0\] is not finite"),
        ([[0.0], [np.nan]], ValueError, r"inputs\[1, 0\] is nan"),
        ({}, ValueError, "inputs is an empty mapping"),
        (
            {"a": torch.ones(2, 3), "b": torch.ones(3, 3)},
            ValueError,
            r"inputs\['b'\] has shape \(3, 3\) and inputs\['a'\]",
        ),
        (torch.ones(2, 3).to_sparse(), TypeError, r"inputs is a sparse tensor.*inputs\.to_dense\(\)"),
        (torch.ones(2, 3, device="meta"), TypeError, "inputs is a meta tensor"),
        ({"a": torch.tensor(1.0)}, ValueError, r"inputs\['a'\] has shape \(\)"),
        ({"a": torch.tensor([[torch.nan]])}, ValueError, r"inputs\['a'\]\[0, 0\] is not finite"),
    ],
)
def test_bad_inputs_are_refused(given, error, rule):
    with pytest.raises(error, match=f"^{rule}"):
        Batch.of(given)
