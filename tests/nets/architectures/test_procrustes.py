import numpy as np
import pytest
import torch

from ramodel.nets import ProcrustesConfig, ProcrustesNetwork
from ramodel.nets.architectures.procrustes import ProcrustesTransition, nearest_orthogonal, polar_factor
from tests import tolerances
from tests.reference.nets import circular_convolution_matrix


def random_matrices(*shape, seed=0, dtype=torch.complex128):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_kernel(outputs, inputs, size, seed=0):
    return random_matrices(outputs, inputs, size, size, seed=seed, dtype=torch.float64)


def network(**options):
    sizes = {"image_shape": (8, 8), "classes": 3, "width": 2, "depth": 8}
    return ProcrustesNetwork(ProcrustesConfig(**(sizes | options)))


@pytest.mark.parametrize("shape", [(5, 3, 3), (5, 6, 2), (5, 2, 6), (1, 1)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_polar_factor_against_the_svd(shape, scale):
    matrices = scale * random_matrices(*shape)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    torch.testing.assert_close(polar_factor(matrices), left @ right, rtol=0.0, atol=tolerances.DENSE_FLOAT64)


def test_polar_factor_of_ill_conditioned_matrices():
    left, _, right = torch.linalg.svd(random_matrices(4, 4))
    matrix = (left * torch.tensor([1.0, 1e-2, 1e-4, 1e-6], dtype=torch.float64)) @ right
    # A factor moves by the change of the matrix over its smallest singular value: 1e-16 / 1e-6.
    torch.testing.assert_close(polar_factor(matrix), left @ right, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("spoilt", [torch.zeros(2, 2), torch.ones(2, 2), torch.full((2, 2), torch.nan)])
def test_what_has_no_polar_factor_is_refused(spoilt):
    with pytest.raises(FloatingPointError, match=r"a matrix is singular or not finite, .* Lower learning_rate"):
        polar_factor(spoilt.double())


@pytest.mark.parametrize(("outputs", "inputs"), [(4, 2), (3, 3), (2, 4)])
def test_a_kernel_as_large_as_the_image_becomes_orthogonal(outputs, inputs):
    """Nothing is cut off: all singular values of the dense operator are sqrt(n_out / n_in), and it is the nearest."""
    kernel = random_kernel(outputs, inputs, 4)
    dense = circular_convolution_matrix(nearest_orthogonal(kernel, (4, 4)).numpy(), (4, 4))
    scale = np.sqrt(outputs / inputs)
    np.testing.assert_allclose(np.linalg.svd(dense, compute_uv=False), scale, rtol=tolerances.DENSE_FLOAT64)
    left, _, right = np.linalg.svd(circular_convolution_matrix(kernel.numpy(), (4, 4)), full_matrices=False)
    np.testing.assert_allclose(dense, scale * left @ right, rtol=0, atol=tolerances.DENSE_FLOAT64)


def test_a_kernel_of_one_pixel_is_projected_exactly():
    dense = circular_convolution_matrix(nearest_orthogonal(random_kernel(4, 2, 1), (4, 4)).numpy(), (4, 4))
    np.testing.assert_allclose(np.linalg.svd(dense, compute_uv=False), np.sqrt(2.0), rtol=tolerances.DENSE_FLOAT64)


def test_what_truncation_costs():
    """The docstring's numbers: a spread of 0.21 after one projection of random 3 x 3 kernels, 0.06 after ten."""
    kernel, spread = random_kernel(32, 16, 3) / 12.0, []
    for _ in range(10):
        kernel = nearest_orthogonal(kernel, (8, 8))
        values = torch.linalg.svdvals(torch.fft.fft2(kernel, s=(8, 8)).permute(2, 3, 0, 1)) / 2.0**0.5
        spread.append(float(values.std()))
    assert spread == sorted(spread, reverse=True)
    assert spread[0] == pytest.approx(0.21, abs=0.02)
    assert spread[-1] == pytest.approx(0.06, abs=0.01)


def test_the_operator_of_a_transition_is_that_of_torch():
    layer = network().blocks[1]
    assert isinstance(layer, ProcrustesTransition)
    image = random_matrices(1, 2, 8, 8, dtype=torch.float64)
    expected = circular_convolution_matrix(layer.convolution.weight.detach().double().numpy(), (8, 8))
    found = layer.double().convolution(image).detach().flatten()
    np.testing.assert_allclose(found, expected @ image.flatten().numpy(), rtol=0, atol=tolerances.DENSE_FLOAT64)


def test_transitions_keep_the_norm_of_gradients_on_average():
    """Isometric pooling behind sqrt(2) times orthonormal columns: a random gradient keeps its norm on its way back."""
    layer = network(width=8, transition_size=1).blocks[1].double()
    image = torch.zeros(200, 8, 8, 8, dtype=torch.float64, requires_grad=True)
    gradient = random_matrices(200, 16, 4, 4, dtype=torch.float64)
    (back,) = torch.autograd.grad(layer(image), image, gradient)
    ratio = back.flatten(1).square().sum(1) / gradient.flatten(1).square().sum(1)
    # A ratio has a standard deviation of about sqrt(2 / 256); the mean of 200 is within a few of 0.006.
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.03)


def test_transitions_are_projected_half_of_the_time_and_repeatably():
    def steps(seed):
        net, generator = network(), torch.Generator().manual_seed(seed)
        layers = [block for block in net.blocks if isinstance(block, ProcrustesTransition)]
        projected = []
        for _ in range(40):
            for layer in layers:
                with torch.no_grad():
                    layer.convolution.weight.mul_(1.5)
            before = [float(layer.convolution.weight.detach().norm()) for layer in layers]
            net.after_step(generator)
            projected += [
                float(layer.convolution.weight.detach().norm()) < b for layer, b in zip(layers, before, strict=True)
            ]
        return projected

    first = steps(0)
    assert first == steps(0) != steps(1)
    assert np.mean(first) == pytest.approx(0.5, abs=tolerances.ERROR_BARS * 0.5 / np.sqrt(80))


def test_nothing_else_is_touched_by_a_step():
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for _ in range(5):
        net.after_step(torch.Generator().manual_seed(1))
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed <= {"blocks.1.convolution.weight", "blocks.3.convolution.weight"}
