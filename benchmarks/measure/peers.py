"""What people use today for the leading singular triplets of Jacobians, one function each."""

import importlib.util
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from measure.cases import RANK, Case
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["PEERS", "Answer", "Method", "ProblemProducts", "dense_jacobians", "scipy_triplets"]

CHUNK = 512
"""Rows of a Jacobian that jacrev forms at once where there are thousands."""


class Answer(NamedTuple):
    """Leading triplets of P problems."""

    values: Tensor
    """[P, K], decreasing."""
    right: Tensor
    """[P, K, n], rows."""
    passes: float | None = None
    """Products with J or J^T per problem, where that is what the method does."""


class Method(NamedTuple):
    """A way to the leading triplets: its name, what it does, and for which cases it is meant."""

    name: str
    solve: Callable[[Case, int], Answer | None]
    """Takes the number of problems, the first of the case; None where it only forms the Jacobians."""
    suits: Callable[[Case], bool] = lambda case: True
    limit: Callable[[Case], int] = lambda case: len(case.points)
    """How many problems it is timed with: a few where it takes them one by one."""
    module: str | None = None
    """What must be installed."""
    install: str = ""
    blocks: Callable[[Case], int] = lambda case: 1
    """Blocks that are measured at once."""

    @property
    def missing(self) -> bool:
        """Whether a module that it needs is not installed."""
        return self.module is not None and importlib.util.find_spec(self.module) is None


def differentiable_attention() -> AbstractContextManager[None]:
    """Return a context in which attention can be differentiated forwards: fused kernels cannot."""
    return sdpa_kernel(SDPBackend.MATH)


def dense_jacobians(case: Case, first: int, last: int) -> Tensor:
    """Return ``vmap(jacrev)`` of some problems, [P, n, n]."""
    chunk = CHUNK if case.size > 1024 else None
    rows = torch.func.jacrev(case.function, chunk_size=chunk)
    chosen = tuple(part[first:last] for part in case.problems())
    found: Tensor
    with differentiable_attention():
        if chunk is None:
            found = torch.func.vmap(rows)(*chosen)
        else:
            found = torch.stack([rows(*problem) for problem in zip(*chosen, strict=True)])
    return found.reshape(last - first, case.size, case.size)


def _by_svd(jacobians: Tensor) -> Answer:
    _, values, rows = torch.linalg.svd(jacobians, full_matrices=False)
    return Answer(values[:, :RANK], rows[:, :RANK])


def _by_gram(jacobians: Tensor) -> Answer:
    squares, vectors = torch.linalg.eigh(jacobians.mT @ jacobians)
    return Answer(squares[:, -RANK:].flip(-1).clamp(min=0).sqrt(), vectors[..., -RANK:].flip(-1).mT)


def _by_sketch(jacobians: Tensor) -> Answer:
    torch.manual_seed(0)
    _, values, columns = torch.svd_lowrank(jacobians, q=2 * RANK, niter=10)
    return Answer(values[:, :RANK], columns.mT[:, :RANK])


def _by_lobpcg(jacobians: Tensor) -> Answer:
    torch.manual_seed(0)
    squares, vectors = torch.lobpcg(jacobians.mT @ jacobians, k=RANK)
    return Answer(squares.clamp(min=0).sqrt(), vectors.mT)


def _by_svds(jacobians: Tensor) -> Answer:
    found = [_scipy(jacobian.cpu().numpy(), solver="arpack") for jacobian in jacobians]
    return _joined(found)


def _formed(decompose: Callable[[Tensor], Answer]) -> Callable[[Case, int], Answer]:
    return lambda case, count: decompose(dense_jacobians(case, 0, count))


def _form_alone(case: Case, count: int) -> None:
    dense_jacobians(case, 0, count)


def _diagonal_blocks(case: Case, count: int) -> Answer:
    """Form the Jacobian of the whole sequence and decompose the blocks on its diagonal."""
    _, tokens, width = case.state.shape
    with differentiable_attention():
        whole = [torch.func.jacrev(case.residual, chunk_size=CHUNK)(state) for state in case.state[: count // tokens]]
    blocks = torch.stack(whole).diagonal(dim1=1, dim2=3).movedim(-1, 1)
    return _by_svd(blocks.reshape(-1, width, width))


def _by_hand(decompose: Callable[[Tensor], Answer]) -> Callable[[Case, int], Answer]:
    """Write the Jacobian down, with pencil and paper, and decompose it."""
    return lambda case, count: decompose(_perceptron(case, count) if not case.per_token else _token_blocks(case, count))


def _perceptron(case: Case, count: int) -> Tensor:
    layers: Any = case.module
    first, _, second = layers
    active = (first(case.state[:count]) > 0).to(case.state.dtype)
    return (second.weight * active[:, None]) @ first.weight  # type: ignore[no-any-return]


def _token_blocks(case: Case, count: int) -> Tensor:
    """J_tt = (I + M_t)(I + A_tt) - I: the perceptron's Jacobian after attention's, both with their norms."""
    block: Any = case.module
    state = case.state[: count // case.state.shape[1]]
    heads, size = block.heads, state.shape[2] // block.heads
    normed = block.norm1(state)
    query, key, value = (
        part.unflatten(-1, (heads, size)).transpose(1, 2) for part in block.qkv(normed).chunk(3, dim=-1)
    )
    weight = torch.softmax(query @ key.mT / size**0.5, -1)  # [N, heads, to, from]
    mean = weight @ value
    own = weight.diagonal(dim1=-2, dim2=-1)[..., None]
    of_query, of_key, of_value = block.qkv.weight.unflatten(0, (3, heads, size))
    # d mean_t = sum_s p_ts (v_s - mean_t) (k_s . dq_t + [s = t] q_t . dk_t) / sqrt(size) + p_tt dv_t
    spread = torch.einsum("nhts,nhsi,nhsj->nhtij", weight, value, key) - mean[..., None] * (weight @ key)[..., None, :]
    through_key = (own * (value - mean))[..., None] * query[..., None, :]
    mixed = (spread @ of_query[:, None] + through_key @ of_key[:, None]) / size**0.5
    mixed = mixed + own[..., None] * of_value[:, None]
    mixed = mixed.permute(0, 2, 1, 3, 4).flatten(2, 3)  # [N, tokens, heads * size, width]
    attention = block.out.weight @ mixed @ _norm_jacobian(block.norm1, state)
    after = state + block.out(mean.transpose(1, 2).flatten(2))
    inner, _, outer = block.mlp
    slope = _gelu_slope(inner(block.norm2(after)))
    perceptron = (outer.weight * slope[..., None, :]) @ inner.weight @ _norm_jacobian(block.norm2, after)
    return (attention + perceptron + perceptron @ attention).flatten(0, 1)  # type: ignore[no-any-return]


def _norm_jacobian(norm: nn.LayerNorm, state: Tensor) -> Tensor:
    centred = state - state.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    unit = centred / deviation
    width = state.shape[-1]
    projector = torch.eye(width, dtype=state.dtype, device=state.device) - 1 / width
    jacobian: Tensor = (
        norm.weight[:, None] * (projector - unit[..., None] * unit[..., None, :] / width) / deviation[..., None]
    )
    return jacobian


def _gelu_slope(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


class _Triplets(NamedTuple):
    values: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]


def _scipy(matrix: Any, rank: int = RANK, **options: Any) -> _Triplets:
    _, values, rows = svds(matrix, k=rank, return_singular_vectors="vh", rng=np.random.default_rng(0), **options)
    order = np.argsort(-values)
    return _Triplets(values[order], rows[order])


def _joined(found: list[_Triplets], passes: float | None = None) -> Answer:
    values, right = (torch.from_numpy(np.stack(parts)) for parts in zip(*found, strict=True))
    return Answer(values, right, passes)


class ProblemProducts:
    """Products with the Jacobian of one problem by torch.func.jvp and vjp, counted."""

    def __init__(self, case: Case, problem: int) -> None:
        self.point, *context = (part[problem] for part in case.problems())
        self.function: Callable[[Tensor], Tensor] = lambda point: case.function(point, *context)
        with differentiable_attention():
            self.pull = torch.func.vjp(self.function, self.point)[1]
        self.passes = 0

    def _vector(self, numbers: np.ndarray[Any, Any]) -> Tensor:
        self.passes += 1
        return torch.from_numpy(numbers.reshape(self.point.shape)).to(self.point)

    def forwards(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return J v."""
        with differentiable_attention():
            image = torch.func.jvp(self.function, (self.point,), (self._vector(numbers),))[1]
        return image.flatten().cpu().numpy()  # type: ignore[no-any-return]

    def backwards(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return J^T u."""
        (image,) = self.pull(self._vector(numbers))
        return image.flatten().cpu().numpy()  # type: ignore[no-any-return]

    def linear_operator(self) -> LinearOperator:
        """Return them as SciPy wants them."""
        size = self.point.numel()
        dtype = np.dtype(str(self.point.dtype).removeprefix("torch."))
        return LinearOperator((size, size), matvec=self.forwards, rmatvec=self.backwards, dtype=dtype)


def scipy_triplets(case: Case, count: int, *, rank: int = RANK, **options: Any) -> Answer:
    """SciPy's svds on products by torch.func.jvp and vjp, one problem after another."""
    found, passes = [], 0
    for problem in range(count):
        products = ProblemProducts(case, problem)
        found.append(_scipy(products.linear_operator(), rank, **options))
        passes += products.passes
    return _joined(found, passes / count)


class _OfItsPoint(nn.Module):
    """The block as a function of a parameter: what curvlinops differentiates."""

    def __init__(self, case: Case, problem: int) -> None:
        super().__init__()
        point, *self.context = (part[problem] for part in case.problems())
        self.point = nn.Parameter(point.clone())
        self.case = (case,)

    def forward(self, _: Tensor) -> Tensor:
        """Return the flattened image of the parameter, with a batch axis."""
        return self.case[0].function(self.point, *self.context).flatten()[None]


def _curvlinops(case: Case, count: int) -> Answer:
    from curvlinops import JacobianLinearOperator  # type: ignore[import-untyped]

    found = []
    with differentiable_attention():
        for problem in range(count):
            module = _OfItsPoint(case, problem)
            dummy = torch.zeros(1, 1, dtype=case.state.dtype, device=case.state.device)
            operator = JacobianLinearOperator(module, [module.point], [(dummy, dummy)], check_deterministic=False)
            dtype = np.dtype(str(case.state.dtype).removeprefix("torch."))
            found.append(_scipy(operator.to_scipy(dtype=dtype), solver="arpack"))
    return _joined(found)


def _small(case: Case) -> bool:
    return case.size <= 1024


def _up_to_sequences(case: Case) -> bool:
    return case.size <= 4096


def _large(case: Case) -> bool:
    return case.size > 1024


def _written_down(case: Case) -> bool:
    return case.per_token or case.state.ndim == 2


def _one(case: Case) -> int:
    return 1


def _few(case: Case) -> int:
    return min(4, len(case.points)) if case.size != 4096 else 2


def _one_sequence(case: Case) -> int:
    """Forming the Jacobian of a sequence takes seconds; for tokens, one sequence gives many problems."""
    return case.state.shape[1] if case.per_token else len(case.points) if case.size <= 1024 else 1


PEERS = (
    Method("jacrev + svd", _formed(_by_svd), _up_to_sequences, _one_sequence),
    Method("jacrev + eigh(J'J)", _formed(_by_gram), _up_to_sequences, _one_sequence),
    Method("jacrev + svd_lowrank", _formed(_by_sketch), _up_to_sequences, _one_sequence),
    Method("jacrev + lobpcg", _formed(_by_lobpcg), _small, _few),
    Method("jacrev + svds arpack", _formed(_by_svds), _up_to_sequences, _one_sequence),
    Method("jacrev alone", _form_alone, _large, _one),
    Method("whole jacrev, blocks + svd", _diagonal_blocks, lambda case: case.per_token, _one_sequence),
    Method("J by hand + svd", _by_hand(_by_svd), _written_down),
    Method("J by hand + eigh(J'J)", _by_hand(_by_gram), _written_down),
    Method("jvp/vjp + svds arpack", lambda case, count: scipy_triplets(case, count, solver="arpack"), limit=_few),
    Method("jvp/vjp + svds propack", lambda case, count: scipy_triplets(case, count, solver="propack"), limit=_few),
    Method(
        "curvlinops + svds arpack",
        _curvlinops,
        limit=_few,
        module="curvlinops",
        install="pip install --no-deps curvlinops-for-pytorch backpack-for-pytorch einconv linear_operator opt-einsum; "
        "pip install einops tqdm",
    ),
)
