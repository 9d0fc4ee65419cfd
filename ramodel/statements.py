"""The registry of statements: S1-S19 of the provable model and the four properties RA1-RA4.

Ids are permanent: code, proofs, tests, figures and documents cite them. The table in README.md is made from here.
"""

from typing import Literal

import msgspec

from ramodel.checks import one_of

__all__ = ["STATEMENTS", "Provenance", "Statement", "markdown_table", "statement"]

Provenance = Literal["own", "known", "own + known", "paper"]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement.

    Parameters
    ----------
    id
        "S1" to "S19" or "RA1" to "RA4".
    title
        A few words.
    claim
        The statement in one line; symbols as in the glossary of the README.
    assumptions
        What it needs.
    provenance
        `own` (derived for this project), `known` (a standard result), `paper` (a property announced by Li & Papyan).
    status
        `proved` or `proved within <family>` (by machine, in proofs_check), `checked numerically` (by the tests),
        `observed` (an empirical property: claimed of trained networks, measured here).
    sources
        Keys in refs.bib.
    code
        Where it lives.
    """

    id: str
    title: str
    claim: str
    assumptions: str
    provenance: Provenance
    status: str
    sources: tuple[str, ...] = ()
    code: str = ""


_ALL = (
    Statement(
        id="S1",
        title="Every critical point is aligned",
        claim="J_l = J_l^T and J_l (I + J_l) = W^T W / rho for every l; all J_l equal on the positive branch",
        assumptions="Frobenius model, lam_J, lam_W > 0, any differentiable loss",
        provenance="own",
        status="proved",
        sources=("HornJohnson2013",),
        code="ramodel.theory.FrobeniusModel.from_head, ramodel.theory.construct_critical_point",
    ),
    Statement(
        id="S2",
        title="Balance",
        claim="m^2 = rho s (1 + s)^(2L+1), with exactly one s >= 0 for every m >= 0",
        assumptions="Frobenius model, positive branch",
        provenance="own",
        status="proved",
        code="ramodel.theory.FrobeniusModel.jacobian_singular_value",
    ),
    Statement(
        id="S3",
        title="Representation cost and the reduced problem",
        claim="the least decay that realises M is sum_k lam_J (s_k + (L+1) s_k^2)",
        assumptions="Frobenius model",
        provenance="own",
        status="proved",
        sources=("HornJohnson1991", "MarshallOlkin2011"),
        code="ramodel.theory.FrobeniusModel.cost, ramodel.theory.optimum.solve",
    ),
    Statement(
        id="S4",
        title="Depth law",
        claim="exp(2 asinh(omega/2)) - 1 <= s <= exp(omega) - 1 with omega = W0(nu T)/nu, nu = 2L + 3/2",
        assumptions="Frobenius model, T = m^2/rho",
        provenance="own",
        status="proved",
        sources=("CorlessEtAl1996",),
        code="ramodel.theory.FrobeniusModel.bounds",
    ),
    Statement(
        id="S5",
        title="Trajectories",
        claim="h_l = x + sum_k ((1 + s_k)^l - 1) v_k v_k^T x; step CV^2 = L tanh(a/2L) coth(a/2) - 1",
        assumptions="equal symmetric Jacobians; CV on a line, a = L ln(1 + s)",
        provenance="own",
        status="proved",
        code="ramodel.theory.trajectory, ramodel.theory.step_cv",
    ),
    Statement(
        id="S6",
        title="Two-matrix blocks: hard rank and an exact depth law",
        claim="(1 + s)^(2L+1) = m^2/rho above the threshold m = sqrt(rho), s = 0 below it",
        assumptions="nuclear model, global minimum",
        provenance="own",
        status="proved",
        code="ramodel.theory.NuclearModel, ramodel.theory.threshold_rank",
        sources=("HornJohnson1991", "MarshallOlkin2011"),
    ),
    Statement(
        id="S7",
        title="Transport cost: RA1 and RA4 within a network",
        claim="equal steps on a line, P_l = I + (l/L)(P - I), and 1/eig(J_l) = (l - 1) + L/t",
        assumptions="kinetic model, critical point with P_1 .. P_(L-1) invertible, as at the global minimum",
        provenance="own",
        status="proved",
        sources=("GaiZhang2021",),
        code="ramodel.theory.KineticModel, ramodel.theory.equal_step_jacobians",
    ),
    Statement(
        id="S8",
        title="Without skips there is nothing to align",
        claim="F is invariant under A_l -> Q_l A_l Q_(l-1)^T; only neighbours align: A_(l+1)^T A_(l+1) = A_l A_l^T",
        assumptions="plain linear net with decay on A_l",
        provenance="own + known",
        status="proved",
        sources=("AroraEtAl2018",),
        code="ramodel.theory.PlainModel, ramodel.theory.rotate_gauge",
    ),
    Statement(
        id="S9",
        title="Norm preservation",
        claim="1 + s_min <= |g_(l-1)|/|g_l| <= 1 + s_1, s_1 <= c ln(2L)/L with least c = max(1/2, s(L=1)/ln 2)",
        assumptions="Frobenius model, positive branch (nuclear: at its optimum, s_1 = O(1/L))",
        provenance="own",
        status="proved",
        sources=("ZaeemzadehEtAl2020",),
        code="ramodel.theory.gradient_ratio_bounds, ramodel.metrics.gradient_norm_ratio",
    ),
    Statement(
        id="S10",
        title="Low rank beats the simplex",
        claim="beyond a threshold depth the pair family has lower objective than Neural Collapse's simplex",
        assumptions="cross-entropy, orthonormal class inputs, Frobenius model; that nothing lies lower is by search",
        provenance="own",
        status="proved within the circulant family",
        sources=("GarrodKeating2024", "SukenikEtAl2024", "SukenikEtAl2025", "BoixAdsera2025"),
        code="ramodel.theory.configurations.best_configuration, ramodel.theory.configurations.threshold_depth",
    ),
    Statement(
        id="S11",
        title="Binary case",
        claim="J_l = j_l v v^T, every trajectory is a line, its steps equal iff 1/s_(l+1) = 1/s_l + 1",
        assumptions="Frobenius model, critical point, one logit or two-class softmax",
        provenance="own",
        status="proved",
        code="ramodel.theory.equal_step_profile, ramodel.theory.rank_one_trajectory",
    ),
    Statement(
        id="S12",
        title="Gradient flow",
        claim="A_l A_l^T - A_(l+1)^T A_(l+1) is conserved without decay, and decays at a known rate with it",
        assumptions="Frobenius model, gradient flow, lam_J, lam_W >= 0",
        provenance="own + known",
        status="proved",
        sources=("AroraEtAl2018",),
        code="ramodel.theory.imbalance_rate, ramodel.theory.alignment_rate, ramodel.simulate.gradient_flow",
    ),
    Statement(
        id="S13",
        title="Stochastic depth",
        claim="the variance of the kept blocks penalises s in closed form",
        assumptions="aligned blocks with equal s, kept independently with probability q",
        provenance="own",
        status="proved within the family of aligned blocks with equal s",
        code="ramodel.theory.expected_squared_loss",
    ),
    Statement(
        id="S14",
        title="From a measured Jacobian to a verdict",
        claim="|sigma_k(J_l) - s_k| <= |E_l|, and subspaces turn by at most |E_l| / mixed gap",
        assumptions="J_l = J + E_l, mixed gap sigma_k(J) - sigma_(k+1)(J_l) > 0",
        provenance="known",
        status="proved",
        sources=("HornJohnson1991", "Wedin1972", "DavisKahan1970"),
        code="ramodel.theory.singular_value_interval, ramodel.theory.subspace_angle_bound",
    ),
    Statement(
        id="S15",
        title="No bad local minima with spare width",
        claim="with rank W < d every critical point off the positive branch is a strict saddle",
        assumptions="Frobenius model; nuclear model where the J_l are symmetric with ranges in the row space of W",
        provenance="own",
        status="proved",
        code="ramodel.theory.descent_path",
    ),
    Statement(
        id="S16",
        title="Energy identities",
        claim="lam_W |W|^2 = -<dell/dZ, Z> = lam_J (tr J_l + |J_l|^2) for every l",
        assumptions="Frobenius model, every critical point",
        provenance="own",
        status="proved",
        code="ramodel.theory.energies, ramodel.metrics.energy_identity_error",
    ),
    Statement(
        id="S17",
        title="Coupling",
        claim="m_K = 0 at S1(d), m_K <= 2 |J_1 - J_2|/|S_1|, E m_K^2 = 1 + (K^2/d^2) |J_1|^2/|S_1|^2 for Haar frames",
        assumptions="Frobenius, nuclear or white kinetic model for the zero; any pair for the bound",
        provenance="own",
        status="proved",
        sources=("AubryEtAl2024", "CollinsSniady2006", "HornJohnson2013"),
        code="ramodel.metrics.coupling_error, ramodel.theory.independent_coupling_error, ramodel.nets.coupling_penalty",
    ),
    Statement(
        id="S18",
        title="Reduced problem with an embedding",
        claim="m = (lam_J / sqrt(lam_W lam_E)) s (1 + s)^(L+1), cost lam_J (2 s + (L+2) s^2)",
        assumptions="trained input embedding with decay lam_E",
        provenance="own",
        status="proved",
        sources=("HornJohnson1991", "MarshallOlkin2011"),
        code="ramodel.theory.FrobeniusModel(embedding_decay=...)",
    ),
    Statement(
        id="S19",
        title="Work and energy in any trained residual network",
        claim="lam_J |B_l|^2 = -<g_l, f_l(h_(l-1))>: a block's weight energy is its work against the loss",
        assumptions="stationary point (BatchNorm: in training mode); the branch ends linearly in its decayed B_l",
        provenance="own",
        status="proved",
        code="ramodel.theory.gain_from_energy, ramodel.spectra.work_and_energy, ramodel.experiments.measurement",
    ),
    Statement(
        id="RA1",
        title="Equispaced on a line",
        claim="the representations h_0, ..., h_L of an input are equispaced on a line",
        assumptions="trained residual network",
        provenance="paper",
        status="observed",
        sources=("LiPapyan2023", "GaiZhang2021"),
        code="ramodel.metrics.line_shape_ratio, ramodel.metrics.step_cv, ramodel.metrics.geodesic_ratio",
    ),
    Statement(
        id="RA2",
        title="Alignment of singular vectors",
        claim="top left and right singular vectors of the Residual Jacobians align, with each other and across depth",
        assumptions="trained residual network",
        provenance="paper",
        status="observed",
        sources=("LiPapyan2023",),
        code="ramodel.metrics.subspace_affinity_score, ramodel.metrics.signed_grid, ramodel.metrics.asymmetry_error",
    ),
    Statement(
        id="RA3",
        title="Rank at most C",
        claim="Residual Jacobians have rank at most C, the number of classes",
        assumptions="trained fully connected residual network",
        provenance="paper",
        status="observed",
        sources=("LiPapyan2023", "RoyVetterli2007"),
        code="ramodel.metrics.stable_rank, ramodel.metrics.energy_outside_error, ramodel.metrics.gap",
    ),
    Statement(
        id="RA4",
        title="Singular values scale inversely with depth",
        claim="top singular values behave as 1/L across networks and as 1/(l + c) within one",
        assumptions="trained residual network",
        provenance="paper",
        status="observed",
        sources=("LiPapyan2023", "Sen1968", "EfronTibshirani1993"),
        code="ramodel.metrics.resampled_depth_exponent, ramodel.metrics.resampled_inverse_line",
    ),
)

STATEMENTS: dict[str, Statement] = {entry.id: entry for entry in _ALL}
"""All statements by id, in order."""


def statement(id: str) -> Statement:
    """Return the statement with this id, in any case.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> statement("s2").title
    'Balance'
    """
    return STATEMENTS[one_of("statement", id.strip().upper(), STATEMENTS)]


def markdown_table() -> str:
    """Return all statements as a Markdown table: id, title, claim, provenance, status."""
    rows = ["| id | statement | claim | provenance | status |", "|---|---|---|---|---|"]
    for entry in _ALL:
        claim = entry.claim.replace("|", "\\|")
        rows.append(f"| {entry.id} | {entry.title} | {claim} | {entry.provenance} | {entry.status} |")
    return "\n".join(rows)
