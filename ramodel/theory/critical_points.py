"""Statements S1 and S6, backwards: critical points on any branch, made by hand."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array, integer
from ramodel.problem import Problem, ProblemVariant
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.layer_decays import LayerDecayModel, decay_of_each_layer
from ramodel.theory.model import Array, representable
from ramodel.theory.nuclear import NuclearModel

__all__ = ["CriticalPoint", "construct_critical_point"]

Model = FrobeniusModel | LayerDecayModel | NuclearModel

SPAN_TOLERANCE = 1e-8
"""Share of a direction that may stick out of the span of the inputs, by rounding."""


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A critical point with the loss gradient that makes it one (statements S1, S6; own; exact).

    Every ``J_l = V diag(e_l) V^T`` with V the right singular vectors of W. In the Frobenius model e_lk is s_k or
    -(1 + s_k), where ``rho s_k (1 + s_k) = w_k^2``; in the nuclear model it is ``w_k^2/rho - 1`` (where that is
    positive) or 0. The point is critical for every loss with

        d ell/dM = -lam_W W P_L^{-T} E^{+T},    P_L = (I + J_L) .. (I + J_1)

    (E^{+T} with an embedding only). `problem` makes such a loss from targets.

    Parameters
    ----------
    model
        Depth and decays.
    jacobians : array [L, d, d]
        J_l.
    head : array [C, d]
        W.
    embedding : array [d, d_in] or None
        E.
    eigenvalues : array [L, r]
        e_lk, r = rank W.
    vectors : array [d, r]
        v_k as columns.
    factors : (array [L, d, d], array [L, d, d]) or None
        A' and B of the nuclear model, J_l = B_l A'_l: both the symmetric root of J_l.
    end_to_end : array [C, d_in]
        W P_L [E], M of THEORY.md.
    map_gradient : array [C, d_in]
        d ell/dM = G X^T.
    """

    model: Model
    jacobians: Array
    head: Array
    embedding: Array | None
    eigenvalues: Array
    vectors: Array
    factors: tuple[Array, Array] | None
    end_to_end: Array
    map_gradient: Array

    @property
    def on_positive_branch(self) -> bool:
        """Whether every I + J_l is positive definite; always so in the nuclear model."""
        return bool((self.eigenvalues > -1.0).all())

    @property
    def decay(self) -> float:
        """Decay part of F: (lam_W/2) ||W||^2 + sum_l (lam_l/2) ||J_l||^2 [+ (lam_E/2) ||E||^2], factors apart."""
        matrices = (self.jacobians,) if self.factors is None else self.factors
        blocks = sum(np.square(matrix).sum(axis=(1, 2)) for matrix in matrices)
        twice = self.model.head_decay * np.square(self.head).sum() + (self.model.jacobian_decay * blocks).sum()
        if self.embedding is not None and self.model.embedding_decay is not None:
            twice += self.model.embedding_decay * np.square(self.embedding).sum()
        return 0.5 * float(twice)

    def loss_gradient(self, inputs: ArrayLike) -> Array:
        """Gradient of the loss in the logits that makes the point critical for these inputs: the least one.

        ``G = X (X^T X)^+ (d ell/dM)^T``, samples as rows. Adding any D with ``X^T D = 0`` gives all others.

        Parameters
        ----------
        inputs
            X, shape [N, d_in].

        Returns
        -------
        Array [N, C].

        Raises
        ------
        TypeError, ValueError
            If `inputs` has the wrong shape or a NaN, or its rows do not span the row space of d ell/dM: then the point
            is critical for no loss of these inputs.
        """
        x = finite_array("inputs", inputs, shape=(None, self.map_gradient.shape[1]))
        gradient = np.asarray(np.linalg.lstsq(x.T, self.map_gradient.T, rcond=None)[0], dtype=np.float64)
        missed = np.linalg.norm(x.T @ gradient - self.map_gradient.T)
        if missed > SPAN_TOLERANCE * np.linalg.norm(self.map_gradient):
            raise ValueError(
                f"inputs (shape {x.shape}) do not span the {self.eigenvalues.shape[1]} directions of the blocks; "
                "give more samples, or a head of lower rank."
            )
        return gradient

    def targets(self, inputs: ArrayLike) -> Array:
        """Targets Y = X M^T - N G for which the point is critical under (1/2N) ||Z - Y||_F^2.

        Parameters
        ----------
        inputs
            X, shape [N, d_in].

        Returns
        -------
        Array [N, C].

        Raises
        ------
        TypeError, ValueError
            As `loss_gradient`.
        """
        x = np.asarray(inputs, dtype=np.float64)
        gradient = self.loss_gradient(inputs)
        return x @ self.end_to_end.T - len(x) * gradient

    def problem(self, inputs: ArrayLike) -> Problem:
        """Squared-loss problem of which this is a critical point.

        Parameters
        ----------
        inputs
            X, shape [N, d_in].

        Raises
        ------
        TypeError, ValueError
            As `loss_gradient`; TypeError also for decays by layer: see `variant`.

        Examples
        --------
        >>> point = construct_critical_point(FrobeniusModel(2, 1.0, 1.0), [[2**0.5, 0.0]], [[1], [-1]])
        >>> point.problem([[1.0, 0.0], [0.0, 1.0]]).targets.round(6)
        array([[-4.242641],
               [ 0.      ]])
        """
        if isinstance(self.model, LayerDecayModel):
            raise TypeError("model has decays by layer, which a Problem does not take; use variant(inputs).")
        return self._squared_loss(inputs, self.model.jacobian_decay)

    def variant(self, inputs: ArrayLike) -> ProblemVariant:
        """Squared-loss problem of which this is a critical point, with the decays listed by layer.

        Parameters
        ----------
        inputs
            X, shape [N, d_in].

        Raises
        ------
        TypeError, ValueError
            As `loss_gradient`.

        Examples
        --------
        >>> point = construct_critical_point(LayerDecayModel([1.0, 2.0], head_decay=1.0), [[2**0.5, 0.0]])
        >>> point.variant([[1.0, 0.0], [0.0, 1.0]]).layer_decays
        array([1., 2.])
        """
        decays = decay_of_each_layer(self.model.jacobian_decay, len(self.jacobians))
        return ProblemVariant(problem=self._squared_loss(inputs, float(decays[0])), layer_decays=decays)

    def _squared_loss(self, inputs: ArrayLike, jacobian_decay: float) -> Problem:
        return Problem(
            model="frobenius" if self.factors is None else "nuclear",
            loss="squared",
            inputs=np.asarray(inputs, dtype=np.float64),
            targets=self.targets(inputs),
            depth=len(self.jacobians),
            jacobian_decay=jacobian_decay,
            head_decay=self.model.head_decay,
            embedding_decay=self.model.embedding_decay,
            width=self.head.shape[1],
        )


def construct_critical_point(
    model: Model,
    head: ArrayLike,
    branches: ArrayLike = 1,
    *,
    input_vectors: ArrayLike | None = None,
) -> CriticalPoint:
    """Make the critical point with this head and these branches (statements S1, S6; own; exact).

    Where singular values of W coincide there are others, in any basis of their space.

    Parameters
    ----------
    model
        Depth and decays: a `FrobeniusModel`, for decays by layer a `LayerDecayModel`, or a `NuclearModel`.
    head
        W, shape [C, d], not zero. r is its rank.
    branches
        [L, r] by layer and direction (largest w_k first), or anything that broadcasts to it. Frobenius model: +1 for
        the eigenvalue s_k, -1 for -(1 + s_k). Nuclear model: +1 for max(w_k^2/rho - 1, 0), 0 for 0; local minima (with
        spare hidden width) are those with +1 throughout.
    input_vectors
        Right singular vectors of the embedding as columns, shape [d_in, r], orthonormal; for a model with an embedding,
        and only there. Then ``E = V diag(w_k sqrt(lam_W/lam_E)) R^T``.

    Returns
    -------
    CriticalPoint

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or the depth is not whole.
    ValueError
        If shapes do not fit, `head` is zero, a branch is none of these, `input_vectors` are not orthonormal, or given
        (missing) for a model without (with) an embedding.
    OverflowError
        If the point leaves float64.

    Examples
    --------
    >>> point = construct_critical_point(FrobeniusModel(2, 1.0, 1.0), [[2**0.5, 0.0]], [[1], [-1]])
    >>> point.eigenvalues.round(12)
    array([[ 1.],
           [-2.]])
    >>> point.on_positive_branch
    False
    """
    weights = finite_array("head", head, shape=(None, None))
    depth = integer("depth", model.depth, hint="Layers can be listed for whole depths only.")
    u, w, vh = np.linalg.svd(weights, full_matrices=False)
    rank = int((w > max(weights.shape) * np.finfo(np.float64).eps * w[0]).sum())
    if rank == 0:
        raise ValueError("head is zero; its critical point has no branches to choose: all J_l are zero too.")
    u, w, v = u[:, :rank], w[:rank], vh[:rank].T
    eigenvalues = _eigenvalues(model, w, branches, depth)
    jacobians = (v * eigenvalues[:, np.newaxis, :]) @ v.T
    root = (v * np.sqrt(eigenvalues)[:, np.newaxis, :]) @ v.T if isinstance(model, NuclearModel) else None
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        gain = np.prod(1.0 + eigenvalues, axis=0)
        edge, embedding, start = _embedding(model, w, v, input_vectors)
        end_to_end = representable("the end-to-end map", (u * (w * gain * edge)) @ start.T)
        slope = -model.head_decay * w / (gain * edge)
        map_gradient = representable("the loss gradient", (u * slope) @ start.T)
    return CriticalPoint(
        model=model,
        jacobians=jacobians,
        head=(u * w) @ v.T,
        embedding=embedding,
        eigenvalues=eigenvalues,
        vectors=v,
        factors=None if root is None else (root, root),
        end_to_end=end_to_end,
        map_gradient=map_gradient,
    )


def _eigenvalues(model: Model, w: Array, branches: ArrayLike, depth: int) -> Array:
    """Return e_lk, [L, r]."""
    signs = finite_array("branches", branches)
    shape = (depth, w.size)
    try:
        signs = np.broadcast_to(signs, shape)
    except ValueError:
        raise ValueError(
            f"branches has shape {signs.shape}; it must broadcast to (layers, rank of head) = {shape}."
        ) from None
    other = 0.0 if isinstance(model, NuclearModel) else -1.0
    if not np.isin(signs, (other, 1.0)).all():
        meaning = "+1 (eigenvalue w^2/rho - 1) and 0" if other == 0.0 else "+1 (eigenvalue s) and -1 (-(1 + s))"
        raise ValueError(f"branches hold values other than {meaning}.")
    s = model.layers_from_head(w) if isinstance(model, LayerDecayModel) else np.tile(model.from_head(w), (depth, 1))
    return np.where(signs > 0.0, s, other * (1.0 + s))


def _embedding(model: Model, w: Array, v: Array, input_vectors: ArrayLike | None) -> tuple[Array, Array | None, Array]:
    """Return the singular values of E, E, and the frame that the inputs meet; ones, None and V without embedding."""
    if model.embedding_decay is None:
        if input_vectors is not None:
            raise ValueError("input_vectors are given, but embedding_decay is None; give the model a decay for it.")
        return np.ones_like(w), None, v
    if input_vectors is None:
        raise ValueError("input_vectors is None, but the model has an embedding; give its right singular vectors.")
    frame = finite_array("input_vectors", input_vectors, shape=(None, w.size))
    if not np.allclose(frame.T @ frame, np.eye(w.size), rtol=0.0, atol=1e-6):
        raise ValueError(f"input_vectors (shape {frame.shape}) has columns that are not orthonormal.")
    edge = w * math.sqrt(model.head_decay / model.embedding_decay)
    return edge, (v * edge) @ frame.T, frame
