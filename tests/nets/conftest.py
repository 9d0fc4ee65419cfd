import pytest

from ramodel.nets import NetworkConfig, ResidualNetwork, load_dataset


@pytest.fixture(scope="session")
def three_digits():
    """Three classes of the digits: 150 training and 60 test samples."""
    return load_dataset("digits", classes=[0, 1, 7], train_size=150, test_size=60)


@pytest.fixture
def new_network(three_digits):
    """Return a function that makes a small network for `three_digits`."""

    def make(kind="linear", **options):
        sizes = {"inputs": three_digits.inputs, "classes": three_digits.classes, "width": 8, "depth": 4}
        return ResidualNetwork(NetworkConfig(kind=kind, **(sizes | options)))

    return make
