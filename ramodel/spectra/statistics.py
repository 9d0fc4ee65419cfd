"""Traces, norms and symmetry of Jacobians that are known through products: exact where small, else estimated."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ramodel.checks import integer, one_of
from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.state_order import StateOrder

__all__ = ["EXACT_SIZE", "jacobian_statistics", "leading_eigenvalues"]

EXACT_SIZE = 512
"""Jacobians up to this size are formed, and their statistics are exact."""

_CHUNK = 2**23
"""Numbers in the probes of one product, and in the Jacobians formed at once."""


def jacobian_statistics(
    operator: JacobianOperator,
    names: Sequence[str],
    *,
    known: Tensor | None = None,
    jacobians: Tensor | None = None,
    eigenvalues: int = 0,
    probes: int = 32,
    seed: int = 0,
    streams: Sequence[int] | None = None,
) -> dict[str, Tensor]:
    """Return trace, Frobenius norm, asymmetry, departure from normality and eigenvalues of every Jacobian.

    Exact up to `EXACT_SIZE`; above that ``|B|_F^2 = sum_i |B q_i|^2 + E |B z|^2`` for B any of J, J - J^T and
    J J^T - J^T J, and ``tr J = sum_i q_i^T J q_i + E z^T J z``, where the q_i are an orthonormal basis of the vectors
    known and z is what a vector of random signs has outside their span. With the top singular vectors known, only the
    tail is left to chance: Hutch++ with a subspace that the solver has paid for already. Estimates of the squares are
    without bias however well the vectors are known.

    Parameters
    ----------
    operator
        N problems, square Jacobians.
    names
        Of "trace", "frobenius", "asymmetry", "normality", "eigenvalues".
    known
        [N, k, n], in state order: left and right singular vectors, one after another; they need not be orthogonal.
    jacobians
        [N, n, n], in state order, where they have been formed already.
    eigenvalues
        How many to keep: see `leading_eigenvalues`.
    probes
        Random vectors for each problem. The standard error falls with the square root of their number.
    seed, streams
        The random vectors of a problem depend on the seed and on its own number in `streams` (0, 1, ... if None), not
        on the other problems.

    Returns
    -------
    dict
        float64 [N] each: `trace` (tr J), `frobenius` (``|J|_F``), `asymmetry_error` (``|J - J^T|_F / |J|_F``),
        `normality_error` (``|J J^T - J^T J|_F / |J|_F^2``); beside them the standard errors `trace_error`,
        `frobenius_error`, `asymmetry_standard_error`, `normality_standard_error`, 0 where exact; `eigenvalues_real` and
        `eigenvalues_imag` [N, min(eigenvalues + 1, n)]. A zero Jacobian is symmetric and normal.

    Raises
    ------
    ValueError
        If a name is unknown, the Jacobians are not square, or eigenvalues are asked of large ones.

    References
    ----------
    M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix", Comm. Statist. Simulation
    Comput. 19 (1990) 433-450. R. A. Meyer, C. Musco, C. Musco and D. P. Woodruff, "Hutch++: optimal stochastic trace
    estimation", SOSA 2021, 142-155.

    Examples
    --------
    >>> from ramodel.spectra.operators import DenseOperator
    >>> shear = DenseOperator(torch.tensor([[[1.0, 1.0], [0.0, 1.0]]]))
    >>> found = jacobian_statistics(shear, ["trace", "frobenius"])
    >>> found["trace"].item(), round(found["frobenius"].item(), 4), found["trace_error"].item()
    (2.0, 1.7321, 0.0)
    """
    for name in names:
        one_of("names", name, ["trace", "frobenius", "asymmetry", "normality", "eigenvalues"])
    size = operator.input_size
    if size != operator.output_size:
        raise ValueError(f"operator has Jacobians {operator.output_size} x {size}; these statistics need square ones.")
    if jacobians is None and size > EXACT_SIZE:
        if "eigenvalues" in names:
            raise ValueError(
                f"names has 'eigenvalues', which take the Jacobians themselves, up to size {EXACT_SIZE}; these have "
                f"size {size}. Leave them out, or measure single tokens."
            )
        forms, random = _products(operator, names, known, integer("probes", probes, minimum=2), seed, streams)
        return _finished(names, forms[..., :-random].sum(-1) + forms[..., -random:].mean(-1), forms[..., -random:])
    parts = []
    for matrices in _formed(operator, jacobians):
        totals = _exact(matrices, names)
        parts.append(_finished(names, totals, totals[..., None]))
        if "eigenvalues" in names:
            values = leading_eigenvalues(matrices, eigenvalues)
            parts[-1] |= {"eigenvalues_real": values.real, "eigenvalues_imag": values.imag}
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def leading_eigenvalues(jacobians: Tensor, count: int) -> Tensor:
    """Return the `count` eigenvalues of largest modulus, or one more where that would part a conjugate pair.

    Parameters
    ----------
    jacobians
        [N, n, n], real.
    count
        All n of them if it is larger.

    Returns
    -------
    Tensor
        complex128 [N, min(count + 1, n)], by decreasing modulus, of a pair that with positive imaginary part first; NaN
        in the last place where no pair would be parted.

    Examples
    --------
    >>> rotation = torch.tensor([[[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    >>> leading_eigenvalues(rotation, 1).imag.round().tolist()
    [[2.0, -2.0]]
    >>> leading_eigenvalues(rotation, 2)[0, 2:].tolist()
    [(nan+nanj)]
    """
    size = jacobians.shape[-1]
    integer("count", count)
    values = torch.linalg.eigvals(jacobians.detach().cpu().to(torch.float64))
    # LAPACK puts the two of a pair side by side, exactly conjugate: a stable order leaves them there.
    order = values.abs().sort(dim=-1, descending=True, stable=True).indices
    values = values.gather(-1, order)
    kept: Tensor = values[:, : count + 1].clone()
    if size > count:
        parted = (values[:, count - 1].imag > 0.0) & (values[:, count] == values[:, count - 1].conj())
        kept[:, count] = torch.where(parted, kept[:, count], math.nan * (1.0 + 1.0j))
    return kept


def _formed(operator: JacobianOperator, jacobians: Tensor | None) -> Iterator[Tensor]:
    """Give the Jacobians themselves, a few problems at a time."""
    step = max(1, _CHUNK // operator.input_size**2)
    if jacobians is not None:
        yield from torch.split(jacobians.to(torch.float64), step)
    elif step >= operator.problems:
        yield operator.dense().to(torch.float64)
    else:
        for problems in torch.split(torch.arange(operator.problems, device=operator.device), step):
            yield operator.select(problems).dense().to(torch.float64)


def _exact(matrices: Tensor, names: Sequence[str]) -> Tensor:
    """Return tr J and the squared Frobenius norms of J, J - J^T and J J^T - J^T J, [4, N]."""
    transposed = matrices.mT
    commutator = matrices @ transposed - transposed @ matrices if "normality" in names else torch.zeros_like(matrices)
    squares = [part.square().sum((-2, -1)) for part in (matrices, matrices - transposed, commutator)]
    return torch.stack([matrices.diagonal(dim1=-2, dim2=-1).sum(-1), *squares])


def _products(
    operator: JacobianOperator,
    names: Sequence[str],
    known: Tensor | None,
    probes: int,
    seed: int,
    streams: Sequence[int] | None,
) -> tuple[Tensor, int]:
    """Return what `_exact` sums, row by row [4, N, rows]; the last `probes` rows are random ones."""
    problems, size = operator.problems, operator.input_size
    signs = _signs(problems, probes, size, seed, streams).to(operator.device, operator.dtype)
    if known is None:
        rows = signs
    else:
        basis = torch.linalg.qr(known.to(operator.device, operator.dtype).mT).Q.mT
        rows = torch.cat([basis, signs - (signs @ basis.mT) @ basis], dim=1)
    products = StateOrder(operator)
    parts = []
    for part in torch.split(rows, max(1, _CHUNK // (problems * size)), dim=1):
        image = products.matvec(part)
        difference, commutator = torch.zeros_like(part), torch.zeros_like(part)
        if "asymmetry" in names or "normality" in names:
            adjoint = products.rmatvec(part)
            difference = image - adjoint
            if "normality" in names:
                commutator = products.matvec(adjoint) - products.rmatvec(image)
        squares = [one.to(torch.float64).square().sum(-1) for one in (image, difference, commutator)]
        parts.append(torch.stack([(part * image).to(torch.float64).sum(-1), *squares]))
    return torch.cat(parts, dim=-1), probes


def _signs(problems: int, probes: int, size: int, seed: int, streams: Sequence[int] | None) -> Tensor:
    """Return random signs [N, p, n], each problem's from a generator of its own."""
    numbers = range(problems) if streams is None else streams
    if len(numbers) != problems:
        raise ValueError(f"streams has {len(numbers)} numbers; there must be one for each of {problems} problems.")
    bits = np.stack(
        [np.frombuffer(np.random.default_rng([seed, one]).bytes(-(-probes * size // 8)), np.uint8) for one in numbers]
    )
    signs = np.unpackbits(bits, axis=1, count=probes * size).reshape(problems, probes, size)
    return torch.from_numpy(signs.astype(np.int8) * 2 - 1)


def _finished(names: Sequence[str], totals: Tensor, samples: Tensor) -> dict[str, Tensor]:
    """Return the statistics and their standard errors, from the spread [4, N, p] of what each random row gives."""
    trace, square, asymmetric, commutator = totals
    along_trace, along_square, along_asymmetric, along_commutator = samples
    norm = square.sqrt()
    asymmetry = _ratio(asymmetric, square).sqrt()
    normality = _ratio(commutator.sqrt(), square)
    # To first order a function of the totals varies as its differential does along the rows.
    relative = _ratio(along_square, square[:, None])
    varying = {
        "trace": ("trace", trace, "trace_error", along_trace),
        "frobenius": ("frobenius", norm, "frobenius_error", norm[:, None] * relative / 2.0),
        "asymmetry": (
            "asymmetry_error",
            asymmetry,
            "asymmetry_standard_error",
            asymmetry[:, None] * (_ratio(along_asymmetric, asymmetric[:, None]) - relative) / 2.0,
        ),
        "normality": (
            "normality_error",
            normality,
            "normality_standard_error",
            normality[:, None] * (_ratio(along_commutator, commutator[:, None]) / 2.0 - relative),
        ),
    }
    found = {}
    for statistic, (name, value, error_name, spread) in varying.items():
        if statistic in names:
            found[name] = value.cpu()
            count = spread.shape[-1]
            error = spread.std(-1) / count**0.5 if count > 1 else torch.zeros_like(value)
            found[error_name] = error.cpu()
    return found


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole, and 0 where the whole is 0."""
    return torch.where(whole > 0.0, part / torch.where(whole > 0.0, whole, 1.0), 0.0)
