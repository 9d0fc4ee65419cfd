"""The top singular triplets of every Jacobian of an operator, with certificates."""

from typing import Literal

import torch

from ramodel.checks import LARGEST_SEED, integer, one_of, positive
from ramodel.progress import Progress
from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.precision import full_precision
from ramodel.spectra.solver.certificate import ROUNDING, relative_residuals, with_missed
from ramodel.spectra.solver.dense import dense_triplets
from ramodel.spectra.solver.krylov import KrylovBasis, random_image
from ramodel.spectra.solver.lanczos import Search, basis_size, lanczos
from ramodel.spectra.solver.ritz import scales, tidied
from ramodel.spectra.solver.scaled import ScaledOperator, power_of_two
from ramodel.spectra.solver.solved import SolvedTriplets

__all__ = ["Method", "solve", "solve_method"]

Method = Literal["auto", "dense", "lanczos"]

_DENSE_SIZE = 64
"""States up to this size are solved from the Jacobian itself. For ten triplets of 64 problems that takes 0.7 to 0.9 of
the time of a Krylov space with 48 numbers, 0.8 to 1.5 with 64, 1.3 to 3.6 with 96, 1.8 to 4.3 with 128."""

_DENSE_SHARE = 4
"""So are all where more than one value in this number of them is asked for."""


def solve_method(method: Method, rank: int, output_size: int, input_size: int) -> Literal["dense", "lanczos"]:
    """Return the method that "auto" stands for: "dense" for small states and for ranks of their order.

    Examples
    --------
    >>> solve_method("auto", 12, 64, 64), solve_method("auto", 12, 4096, 4096)
    ('dense', 'lanczos')
    """
    if method != "auto":
        return method
    size = min(output_size, input_size)
    return "dense" if size <= _DENSE_SIZE or _DENSE_SHARE * rank > size else "lanczos"


def solve(
    operator: JacobianOperator,
    rank: int,
    *,
    tolerance: float = 1e-4,
    method: Method = "auto",
    block_size: int = 1,
    seed: int = 0,
    max_passes: int = 4000,
    progress: Progress | None = None,
) -> SolvedTriplets:
    """Return the `rank` largest singular triplets of every Jacobian: ``J v_k = s_k u_k``, ``J^T u_k = s_k v_k``.

    Small states are decomposed whole, in float64. Larger ones go to a thick-restarted Golub-Kahan-Lanczos iteration on
    all problems at once (Baglama & Reichel 2005; reorthogonalisation of one side after Simon & Zha 2000), which stops
    for each problem once its free residuals are below the tolerance. Errors of values are of the order of the square
    of a residual over the distance to the next value, those of vectors of the residual over that distance. Then
    both residuals are computed from new products, and a few steps from a random vector search what the triplets leave
    of J for a value above s_K; where they find one, the iteration goes on there.

    A value to whose vector the random start is nearly orthogonal, and which is close to s_K, can still be missed: it
    was in 4 of 5,000 Gaussian matrices of size 120 (K = 10) at the default tolerance, in none of them at 1e-6 (8 % more
    products) or with blocks of two (26 % more). The order and the company of the problems change results within the
    tolerance only.

    Parameters
    ----------
    operator
        The Jacobians, N of them, m x n.
    rank
        K; min(m, n) if it is larger.
    tolerance
        Largest residual relative to ``max(s_k, 1e-3 s_1)``.
    method
        "dense", "lanczos", or what suits the size and rank.
    block_size
        Vectors that a step adds. One takes the fewest products; two find values of multiplicity two at once. One is
        taken where a basis may fill the space.
    max_passes
        Products J v and J^T u of a problem after which it is given up: its `converged` says which triplets are right.
    progress
        Told of each problem that is done.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or a product is not finite.

    Examples
    --------
    >>> from ramodel.spectra.operators import DenseOperator
    >>> jacobians = torch.diag_embed(torch.linspace(2.0, 0.0, 201, dtype=torch.float64))[None]
    >>> solved = solve(DenseOperator(jacobians), 3)
    >>> [round(value, 6) for value in solved.singular_values[0].tolist()], bool(solved.converged.all())
    ([2.0, 1.99, 1.98], True)
    """
    integer("rank", rank)
    positive("tolerance", tolerance)
    one_of("method", method, ("auto", "dense", "lanczos"))
    integer("block_size", block_size)
    integer("seed", seed, minimum=0, maximum=LARGEST_SEED)
    integer("max_passes", max_passes)
    sizes = operator.output_size, operator.input_size
    rank = min(rank, *sizes)
    with torch.no_grad(), full_precision():
        if solve_method(method, rank, *sizes) == "dense":
            solved = dense_triplets(operator, rank)
            if progress is not None:
                progress.advance(operator.problems)
            return solved
        if basis_size(rank, *sizes, block_size)[0] >= min(sizes):
            block_size = 1  # a basis that may fill the space must end exactly there
        return _iterated(operator, rank, Search(tolerance, block_size, max_passes, seed), progress)


def _iterated(operator: JacobianOperator, rank: int, search: Search, progress: Progress | None) -> SolvedTriplets:
    start = random_image(operator, search.block_size, search.seed)
    factors = power_of_two(start.abs().amax(dim=(1, 2)))
    if factors is not None:
        operator, start = ScaledOperator(operator, factors), start * factors[:, None, None]
    capacity, keep = basis_size(rank, operator.output_size, operator.input_size, search.block_size)
    basis = KrylovBasis(operator, capacity, search.block_size, search.seed)
    basis.start(start)
    found = tidied(lanczos(basis, rank, keep, search, progress), search.seed)
    del basis
    found = with_missed(operator, found, search)
    forward, adjoint = relative_residuals(operator, found.values, found.left, found.right)
    eps = torch.finfo(operator.dtype).eps
    bound = torch.clamp(ROUNDING * eps * found.values[:, :1] / scales(found.values), min=search.tolerance)
    values, following = found.values, found.following
    if isinstance(operator, ScaledOperator):
        values, operator = values / operator.factors.to(values.dtype)[:, None], operator.operator
    left, right = operator.in_output_order(found.left), operator.in_input_order(found.right)
    sign = torch.where(right.amax(dim=2, keepdim=True) < -right.amin(dim=2, keepdim=True), -1.0, 1.0).to(right.dtype)
    return SolvedTriplets(
        values,
        left * sign,
        right * sign,
        forward.to(values.dtype),
        adjoint.to(values.dtype),
        torch.where(following == 0.0, torch.inf, found.values[:, -1] / following),
        (forward <= bound) & (adjoint <= bound),
        torch.full_like(values[:, 0], torch.nan),
        found.passes + 1 + 2 * rank,
    )
