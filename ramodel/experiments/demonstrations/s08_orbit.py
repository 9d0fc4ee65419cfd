"""S8: a plain net can be rotated layer against layer at no cost, a net with skips cannot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import expm

from ramodel.metrics import subspace_affinity_score
from ramodel.problem import Model, random_problem
from ramodel.progress import progress_bar
from ramodel.theory import haar_rotations, rotate_gauge
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "classes": 4,
    "width": 8,
    "samples": 60,
    "depth": 6,
    "jacobian_decay": 1e-2,
    "head_decay": 1e-2,
    "angles": 9,
    "draws": 24,
    "haar_draws": 200,
    "seed": 1,
}
QUICK: dict[str, Any] = {"depth": 3, "samples": 12, "classes": 3, "width": 4, "angles": 3, "draws": 3, "haar_draws": 9}
USED = 1e-6
"""Share of the largest singular value of a layer above which another counts as used."""

MODELS: tuple[Model, ...] = ("plain", "frobenius")
GREATEST_ANGLE = 2.0
"""Root-mean-square angle of the last rotation, in radians: about as far as a random rotation is."""


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Walk along gauge orbits from optima of a plain net and of a Frobenius net for the same problem.

    Layers A_l (I + J_l with skips) become ``Q_l A_l Q_{l-1}^T`` and W ``W Q_L^T``, with ``Q_l = exp(angle K_l)``, K_l
    random and skew. The plain walk starts where all A_l are symmetric and aligned, which costs no more.

    Returns
    -------
    Dataset
        ``objective`` [angle, model, draw]: F over F of the optimum. ``haar_objective`` [model]: its mean over Haar
        rotations by theory. ``own`` and ``neighbour`` [angle, draw], of the plain net: mean squared cosine of the
        principal angles between the leading left singular vectors of a layer and its own right ones, or those of the
        next layer. ``squared_cosine`` [sample]: of single left and right vectors of a layer, after Haar rotations of
        the plain net. ``affinity`` [picture, left, right]: squared cosines of subspaces, layer against layer. The
        attribute ``rank`` is the number of leading vectors of the plain net.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    angles = np.linspace(0.0, GREATEST_ANGLE, chosen["angles"])
    skew = _skew_matrices(chosen)
    nets = {model: _Net(model, chosen) for model in MODELS}
    plain = nets["plain"]
    walks: list[xr.Dataset] = []
    with progress_bar("gauge orbits", angles.size, show=progress) as bar:
        for angle in angles:
            turns = [expm(angle * turn) for turn in skew]
            orbits = {
                model: [rotate_gauge(net.layers, net.head, turn) for turn in turns] for model, net in nets.items()
            }
            affinities = np.array([plain.affinity(layers) for layers, _ in orbits["plain"]])
            own, neighbour = (np.diagonal(affinities, step, axis1=1, axis2=2).mean(axis=1) for step in (0, 1))
            objective = np.array([net.relative_objective(orbits[model]) for model, net in nets.items()])
            step = {"objective": (("model", "draw"), objective), "own": ("draw", own), "neighbour": ("draw", neighbour)}
            walks.append(xr.Dataset(step))
            bar.advance(status=f"angle {angle:.2f}")
    rotated = plain.haar_orbit(chosen["haar_draws"], chosen["seed"])
    pictures = {
        "plain, symmetric gauge": plain.affinity(plain.layers),
        "plain, rotated": plain.affinity(rotated[0]),
        "frobenius": nets["frobenius"].affinity(nets["frobenius"].layers),
    }
    return (
        xr.concat(walks, dim="angle")
        .assign(
            haar_objective=("model", np.array([net.haar_objective() for net in nets.values()])),
            squared_cosine=("sample", plain.squared_cosines(rotated)),
            affinity=(("picture", "left", "right"), np.array(list(pictures.values()))),
        )
        .assign_coords(model=list(nets), angle=angles, picture=list(pictures))
        .assign_attrs(chosen | {"rank": plain.rank})
    )


class _Net:
    """An optimum: its layers A_l or I + J_l, its head, and F of others like it."""

    def __init__(self, model: Model, chosen: dict[str, Any]) -> None:
        import torch

        from ramodel.simulate import UnreducedObjective, minimise

        names = ("classes", "width", "samples", "depth", "jacobian_decay", "head_decay", "seed")
        self.problem = random_problem(model=model, loss="cross-entropy", **{name: chosen[name] for name in names})
        self.optimum = minimise(self.problem, seed=chosen["seed"], progress=False)
        self._objective = UnreducedObjective(self.problem, torch.device("cpu"))
        self._skip = np.zeros(()) if model == "plain" else np.eye(chosen["width"])
        sizes = np.linalg.svd(self.optimum.jacobians[0], compute_uv=False)
        self.rank = int(np.count_nonzero(sizes > USED * sizes[0]))
        self.layers, self.head = self.optimum.jacobians + self._skip, self.optimum.head
        if model == "plain":
            self.layers, self.head = rotate_gauge(self.layers, self.head, _aligning_rotations(self.layers))

    def affinity(self, layers: Array) -> Array:
        """Return the mean squared cosines between left vectors of each layer and right ones of each; [L, L]."""
        left, _, right = np.linalg.svd(layers - self._skip)
        outputs, inputs = left[:, :, : self.rank].swapaxes(1, 2), right[:, : self.rank]
        scores: Array = subspace_affinity_score(outputs[:, np.newaxis], inputs[np.newaxis])
        return scores

    def haar_orbit(self, count: int, seed: int) -> Array:
        """Return layers [count, L, d, d] after random rotations."""
        depth, width, _ = self.layers.shape
        turns = haar_rotations(count * depth, width, seed).reshape(count, depth, width, width)
        return np.array([rotate_gauge(self.layers, self.head, turn)[0] for turn in turns])

    def squared_cosines(self, nets: Array) -> Array:
        """Return the squared cosines between left and right singular vectors of the same layer, all in one array."""
        left, _, right = np.linalg.svd(nets - self._skip)
        cosines = np.einsum("nldk,nlkd->nlk", left[..., : self.rank], right[..., : self.rank, :])
        return np.asarray(np.square(cosines)).ravel()

    def haar_objective(self) -> float:
        """Return the mean of F over Haar rotations, over F: with skips ||Q A Q'^T - I||^2 is ||A||^2 + d on average."""
        if self.problem.model == "plain":
            return 1.0
        before = np.square(self.optimum.jacobians).sum()
        after = np.square(self.layers).sum() + self.layers.shape[0] * self.layers.shape[1]
        return float(1.0 + 0.5 * self.problem.jacobian_decay * (after - before) / self.optimum.objective)

    def relative_objective(self, nets: Sequence[tuple[Array, Array]]) -> Array:
        """Return F of each net over F of the optimum."""
        import torch

        from ramodel.simulate.objective import Variables

        blocks = torch.from_numpy(np.array([layers for layers, _ in nets]) - self._skip)
        heads = torch.from_numpy(np.array([head for _, head in nets]))
        points = self._objective.join(Variables(blocks.swapaxes(0, 1)[None], heads, None))
        values: Array = self._objective(points).value.numpy()
        return values / self.optimum.objective


def _aligning_rotations(layers: Array) -> Array:
    """Return rotations that make every layer symmetric and positive semidefinite, one after the other."""
    rotations, before = [], np.eye(layers.shape[1])
    for layer in layers:
        left, _, right = np.linalg.svd(layer @ before.T)
        before = (left @ right).T
        rotations.append(before)
    return np.array(rotations)


def _skew_matrices(chosen: dict[str, Any]) -> Array:
    """Return random skew matrices [draws, L, d, d] of root-mean-square angle 1."""
    shape = (chosen["draws"], chosen["depth"], chosen["width"], chosen["width"])
    draws = np.random.default_rng(chosen["seed"]).standard_normal(shape)
    skew = draws - draws.swapaxes(2, 3)
    return np.asarray(skew * np.sqrt(chosen["width"]) / np.linalg.norm(skew, axis=(2, 3), keepdims=True))
