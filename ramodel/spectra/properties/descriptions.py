"""What each number of `residual_alignment` is called, what it is, and where it stands if the property holds."""

from typing import NamedTuple

__all__ = ["DESCRIPTIONS", "Description"]


class Description(NamedTuple):
    """One metric in words."""

    property: str
    """RA1 to RA4, NC1 to NC4, or the statement that it belongs to."""
    label: str
    """A few plain words."""
    formula: str
    ideal: str
    """Its value if the property holds; ``C`` is the number of classes."""


DESCRIPTIONS = {
    "line_deviation_error": Description("RA1", "distance from a line", "rms distance to the best line / spread", "0"),
    "line_shape_ratio": Description("RA1", "line-shape ratio", "L / |sum of unit steps| (Gai & Zhang)", "1"),
    "step_cv": Description("RA1", "unevenness of the steps", "standard deviation / mean of |h_l - h_(l-1)|", "0"),
    "geodesic_ratio": Description(
        "RA1", "energy over that of a geodesic", "L sum |h_l - h_(l-1)|^2 / |h_L - h_0|^2", "1"
    ),
    "asymmetry_error": Description("RA2", "asymmetry", "|J - J^T| / |J|", "0"),
    "normality_error": Description("RA2", "departure from normality", "|J J^T - J^T J| / |J|^2", "0"),
    "symmetry_score": Description("RA2", "|u_k . v_k|, left against right vector", "|u_k . v_k|", "1"),
    "symmetry_cosine": Description("RA2", "u_k . v_k with its sign", "u_k . v_k", "1"),
    "left_right_angle": Description(
        "RA2", "largest angle between left and right subspace", "largest principal angle of U_l and V_l, radians", "0"
    ),
    "left_right_affinity_score": Description(
        "RA2", "affinity of left with right subspace", "mean squared cosine of U_i and V_j", "1"
    ),
    "left_affinity_score": Description("RA2", "affinity of left subspaces", "mean squared cosine of U_i and U_j", "1"),
    "right_affinity_score": Description(
        "RA2", "affinity of right subspaces", "mean squared cosine of V_i and V_j", "1"
    ),
    "jacobian_cosine": Description("RA2", "cosine between Jacobians", "<J_i, J_j> / (|J_i| |J_j|)", "1"),
    "diagonal_energy_score": Description(
        "RA2", "U^T J V: share on its diagonal", "diagonal energy of U_i^T J_j V_i", "1"
    ),
    "exchanged_diagonal_energy_score": Description(
        "RA2", "V^T J U: share on its diagonal", "diagonal energy of V_i^T J_j U_i", "1"
    ),
    "sign_consistency_score": Description(
        "RA2", "U^T J V: positive share of the diagonal", "sum of max(g_kk, 0) / sum of |g_kk|, g = U_i^T J_j V_i", "1"
    ),
    "exchanged_sign_consistency_score": Description(
        "RA2", "V^T J U: positive share of the diagonal", "sum of max(g_kk, 0) / sum of |g_kk|, g = V_i^T J_j U_i", "1"
    ),
    "coupling_error": Description("S17", "coupling m_K", "|U_i^T J_j V_i - S_j| / |S_j|", "0"),
    "exchanged_coupling_error": Description(
        "S17", "coupling m_K, left and right exchanged", "|V_i^T J_j U_i - S_j| / |S_j|", "0"
    ),
    "stable_rank": Description("RA3", "stable rank", "|J|_F^2 / s_1^2", "<= C"),
    "numerical_rank": Description("RA3", "singular values above s_1 / 1000", "#{k : s_k > 1e-3 s_1}", "<= C"),
    "effective_rank": Description("RA3", "effective rank of the top K", "exp(entropy of s_k / sum s)", "<= C"),
    "energy_outside_error": Description("RA3", "share of energy outside the top C", "sum_(k>C) s_k^2 / |J|_F^2", "0"),
    "gap": Description("RA3", "gap after the C-th value", "s_C / s_(C+1)", "large"),
    "cumulative_effective_rank": Description(
        "RA3", "effective rank of (I + J_l) ... (I + J_1)", "exp(entropy of s_k / sum s) of the product", "low"
    ),
    "branch_effective_rank": Description(
        "RA3", "effective rank of J_l ... J_1", "exp(entropy of s_k / sum s) of the product", "<= C"
    ),
    "largest_singular_value": Description("RA4", "largest singular value", "s_1", "~ 1/L"),
    "inverse_slope": Description("RA4", "slope of 1/s_1 against the layer, each input", "least squares", "1"),
    "inverse_slope_least_squares": Description(
        "RA4", "slope of 1/s_1 against the layer, means", "least squares, means over inputs", "1"
    ),
    "inverse_slope_theil_sen": Description(
        "RA4", "slope of 1/s_1 against the layer, medians", "Theil-Sen, medians over inputs", "1"
    ),
    "state_norm_ratio": Description("S9", "growth of the state in a block", "|h_l| / |h_(l-1)|", "1 .. 1 + s_1"),
    "norm_growth_cv": Description("S9", "unevenness of that growth", "CV of ln(|h_l| / |h_(l-1)|)", "0"),
    "energy_identity_error": Description(
        "S16", "energy of a block against their mean", "|E_l - mean E| / mean E, E_l = tr J_l + |J_l|_F^2", "0"
    ),
    "variability_error": Description("NC1", "variability within classes", "tr(Sigma_W Sigma_B^+) / C", "0"),
    "equinorm_error": Description("NC2", "unequal norms of class means", "std |m_c| / mean |m_c|", "0"),
    "equiangle_error": Description("NC2", "unequal angles of class means", "std cos(m_c, m_c')", "0"),
    "coherence_error": Description("NC2", "class means short of widest angles", "mean |cos(m_c, m_c') + 1/(C-1)|", "0"),
    "self_duality_error": Description("NC3", "head against class means", "|W/|W| - M/|M||", "0"),
    "nearest_centre_score": Description(
        "NC4", "nearest class mean of others agrees", "share of inputs, each left out of its own mean", "1"
    ),
}
