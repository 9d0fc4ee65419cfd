"""Every tolerance of the test suite, with its reason. No test has a bare number of its own."""

import sys

EPS = sys.float_info.epsilon

CLOSED_FORM = 1e-14
"""Relative: closed forms against 50-digit mpmath (the accuracy promised for `jacobian_singular_value`)."""

DENSE_FLOAT64 = 1e-10
"""Relative: float64 linear algebra against a slow float64 reference of the same quantity."""

OPTIMISER = 1e-8
"""Relative: what the optimiser finds at gradient 1e-10 against the closed form (S1 to 1e-8 and better)."""

ANGLE = 1e-7
"""Absolute: angles in radians taken from their cosines, which lose half the digits of a small angle."""

TRAINED = 1e-4
"""Relative: trained linear and factored networks at stationarity against the prediction from their head."""

FINITE_DIFFERENCE = 1e-7
"""Absolute: central differences with step 1e-5 of functions of order one (error about step^2 and eps / step)."""

STATIONARY = 1e-6
"""Relative: identities of stationary points (S19) on small smooth networks trained by torch's L-BFGS, which stalls near
1e-8."""

LAST_DIGITS = 2e-15
"""Relative: what the docstrings of `ramodel.theory` state for solved singular values (nine rounding errors)."""

ROUNDING = 16 * EPS
"""Relative, times the condition number: closed forms of a few roundings each, on inputs off by `LAST_DIGITS`."""

MINIMISER = 1e-8
"""Relative: value of a smooth minimum found by a general minimiser in float64."""

MINIMISER_POINT = 1e-4
"""Relative, and a hundredth of it absolute: where that minimum lies (the square root of the value's accuracy)."""

UNREDUCED = 1e-12
"""Relative to the largest entry: hand-written gradients and Hessian-vector products against autograd in float64."""

FLAT_EIGENVALUE = 1e-10
"""Absolute: a Hessian eigenvalue that is 0 by a gauge freedom, of matrices of norm up to about ten."""

PRINTED = 2e-8
"""Relative: objectives that THEORY.md (S10) prints with eight to eleven digits."""

STIFF = 1e-4
"""Relative: small Hessian eigenvalues against their limit of vanishing decay (S12), at decays of 1e-6 where the loss
curves with order one; Hessians of that size leave 1e-10 of their rounding over the decay."""

CONSTRUCTED = 1e-13
"""Relative, times the condition number of the loss gradient: gradient at critical points made by hand. Random inputs of
a condition up to a hundred give it up to 500 rounding errors."""

REDUCED = 1e-9
"""Relative, or absolute of order one: the reduced objective against that of its network or of another road; both stop
at relative gradients of 1e-10, so that values agree to their rounding and maps to about that."""

UNREDUCED_GRADIENT = 1e-8
"""Absolute: gradient over all J_l, W and E at a network made from a reduced gradient of 1e-10 (decays up to one)."""

TWELVE_DECIMALS = 6e-13
"""Absolute: numbers that THEORY.md prints with twelve decimals."""

CRITICAL = 1e-12
"""Relative to its terms: gradient at configurations (S10), which descents to 1e-14 in the coordinates of the family
leave at some hundred rounding errors of the entries of M."""

SECOND_DIFFERENCES = 1e-6
"""Absolute: eigenvalues of a Hessian from fourth-order differences with step 2e-3 (rounding 1e-16 / step^2, times the
number of entries)."""

ROOT = 1e-11
"""Relative: a threshold depth, where two objectives of slope 1e-3 cross, each with a rounding of 1e-17."""

SAMPLED_STD = 0.02
"""Relative: standard deviation of 36,864 normal numbers (its own is 1 / sqrt(2 x 36,864) = 0.004)."""

PRODUCTS = 1e-12
"""Relative to the largest entry: Jacobians as products show them against one backward pass for each row, in float64."""

STATISTICS = 1e-12
"""Relative: traces, norms and grids of formed matrices in float64 against their definitions (tens of roundings)."""

ERROR_BARS = 4.5
"""Standard errors: how far a seeded estimate may lie from the truth (one in 150,000 for a normal law)."""

SINGLE_PRECISION_STEPS = 1e-5
"""Absolute: layers that go through float32 in the middle of a float64 network (norms and rotary positions of Hugging
Face), against the instrument, which stays in float64."""

FLOAT32_STATISTICS = 1e-3
"""Absolute: mean and variance of what BatchNorm makes in float32 of variances near 0.1, to which it adds 1e-5."""

FLOAT32_STATE = 1e-6
"""Absolute: states of order one that are kept in float32."""

SOLVED_FLOAT32 = 3e-7
"""Relative to s_1: singular values from a Krylov space in float32 (a few of its rounding errors, 1.2e-7)."""

SOLVED_FLOAT64 = 1e-7
"""Relative to s_1: singular values whose residuals are below 1e-4, in float64: the square of that, over gaps of a
tenth and less."""

BASIS_FLOAT64 = 1e-12
"""Relative: relations and orthogonality of a basis of some tens of vectors in float64."""

BASIS_FLOAT32 = 2e-6
"""The same in float32: some tens of its rounding errors."""

MEASURED = 1e-8
"""Relative to s_1: values measured at tolerances of 1e-5 and below, and what follows from them: the square of that over
gaps of a hundredth."""

MEASURED_VECTORS = 1e-6
"""Entries of vectors measured at tolerance 1e-6, and angles between the subspaces that they span."""

MEASURED_FLOAT32 = 2e-5
"""Relative: values of networks whose states and products are computed in float32."""

PROBES = 0.02
"""Absolute: a cosine of matrices from thousands of random signs (deviations of 1 / sqrt(samples x width))."""

SECANT = 1e-8
"""Least squares over states of condition 1e4 or so, in float64: 1e-16 times that, with room for unlucky draws."""
