import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.nets.training.augmentation import Augmenter, Changes
from ramodel.nets.training.batches import MiniBatches, epoch_rows
from ramodel.nets.training.config import TrainingConfig
from tests.reference.nets import shifted_image


def numbered(samples, shape):
    size = samples * int(np.prod(shape))
    return torch.arange(1.0, size + 1).view(samples, -1)


@settings(max_examples=30)
@given(
    shape=st.sampled_from([(4, 6), (5, 3, 1), (3, 4, 3)]),
    down=st.integers(-3, 3),
    right=st.integers(-3, 3),
    mirrored=st.booleans(),
)
def test_images_equal_the_slow_reference(shape, down, right, mirrored):
    inputs = numbered(3, shape)
    changes = Changes(torch.tensor([0, down, 1]), torch.tensor([0, right, 0]), torch.tensor([False, mirrored, False]))
    found = Augmenter(inputs, shape, "crop-flip", seed=0).images(torch.tensor([1, 0]), changes)
    expected = shifted_image(inputs[1].numpy().reshape(shape), down, right, mirrored=mirrored)
    assert np.array_equal(found[0].numpy(), expected.ravel())
    assert torch.equal(found[1], inputs[0])


@pytest.mark.parametrize(("kind", "shifts", "mirrors"), [("flip", 0, True), ("crop", 2, False), ("crop-flip", 2, True)])
def test_changes_depend_on_seed_and_epoch_alone(kind, shifts, mirrors):
    augmenter = Augmenter(torch.zeros(400, 256), (16, 16), kind, seed=3)
    first, again, other = augmenter.drawn(5), augmenter.drawn(5), augmenter.drawn(6)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert set(first.down.tolist()) == set(range(-shifts, shifts + 1))
    assert set(first.right.tolist()) == set(range(-shifts, shifts + 1))
    assert (150 < int(first.mirrored.sum()) < 250) == mirrors


def test_only_images_are_augmented():
    with pytest.raises(ValueError, match="augmentation is 'flip'; the samples are no images"):
        Augmenter(torch.zeros(3, 4), (4,), "flip", seed=0)
    with pytest.raises(ValueError, match="no images"):
        Augmenter(torch.zeros(3, 4, dtype=torch.int64), (2, 2), "crop", seed=0)


@settings(max_examples=30)
@given(samples=st.integers(2, 40), size=st.integers(2, 20), epoch=st.integers(0, 5))
def test_batches_hold_every_sample_once_and_none_alone(samples, size, epoch):
    config = TrainingConfig(optimiser="sgd", batch_size=size)
    batches = epoch_rows(config, samples, epoch, at_least=2)
    rows = [np.arange(samples)[batch] for batch in batches]
    assert sorted(np.concatenate(rows).tolist()) == list(range(samples))
    assert all(2 <= len(batch) <= size + 1 for batch in rows)


def test_batches_are_augmented_in_their_order():
    config = TrainingConfig(optimiser="sgd", batch_size=4, augmentation="flip")
    inputs = numbered(10, (1, 2))
    batches = MiniBatches(inputs, torch.arange(10), (1, 2), config, at_least=1)
    for images, labels in batches.of_epoch(2):
        straight = inputs[labels]
        assert bool(((images == straight) | (images == straight.flip(1))).all())
