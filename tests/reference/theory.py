"""Slow, obvious versions of the closed forms: 50 digits, bisection, brute-force minimisation, plain loops.

Nothing is taken from the formulas of ramodel but the problem itself. Imports nothing of ramodel.
"""

import itertools
import math

import mpmath
import numpy as np
from scipy.optimize import minimize

DIGITS = 50


def frobenius_s(m, depth, jacobian_decay, head_decay, embedding_decay=None):
    """The s with m^2 = rho s (1+s)^(2L+1), or m = kappa s (1+s)^(L+1), by bisection in ln s."""
    with mpmath.workdps(DIGITS):
        log_m = mpmath.log(mpmath.mpf(m))
        log_unit, power = _unit(jacobian_decay, head_decay, embedding_decay)
        depth = mpmath.mpf(depth)

        def excess(log_s):
            s = mpmath.exp(log_s)
            return power * (log_s + mpmath.log1p(s)) + depth * mpmath.log1p(s) + log_unit - log_m

        high = (log_m - log_unit) / power + 1  # s alone, without the factors beyond 1, is larger
        low = high - 1
        while excess(low) > 0:
            low -= 2 * (high - low)
        while high - low > mpmath.mpf(10) ** -40:
            middle = (low + high) / 2
            low, high = (low, middle) if excess(middle) > 0 else (middle, high)
        return mpmath.exp(low)


def nuclear_s(m, depth, jacobian_decay, head_decay, embedding_decay=None):
    """The s with m = unit (1+s)^(L + 1/2 or 1) above the threshold, else 0."""
    with mpmath.workdps(2 * DIGITS):  # the threshold costs digits
        log_unit, power = _unit(jacobian_decay, head_decay, embedding_decay)
        return max(mpmath.expm1((mpmath.log(mpmath.mpf(m)) - log_unit) / (mpmath.mpf(depth) + power)), mpmath.mpf(0))


def _unit(jacobian_decay, head_decay, embedding_decay):
    """ln of the unit of m, and the power of s (1 + s) or 1 + s that goes with the ends."""
    lam_j, lam_w = mpmath.mpf(jacobian_decay), mpmath.mpf(head_decay)
    if embedding_decay is None:
        return mpmath.log(lam_j / lam_w) / 2, mpmath.mpf(1) / 2
    return mpmath.log(lam_j / mpmath.sqrt(lam_w * mpmath.mpf(embedding_decay))), mpmath.mpf(1)


def least_cost(kind, m, depth, jacobian_decay, head_decay, embedding_decay=None):
    """Minimise the decay of one direction over ALL its layers apart: returns cost, [s_1..s_L], w.

    Variables x_l = ln(1 + s_l) >= 0; the ends share what the blocks leave: w (times e) = m / prod (1 + s_l).
    """

    def decay(x):
        rest = m * math.exp(-x.sum())
        blocks = (np.expm1(x) ** 2).sum() if kind == "frobenius" else 2.0 * np.expm1(x).sum()
        if embedding_decay is None:
            return head_decay * rest**2 + jacobian_decay * blocks
        return 2.0 * math.sqrt(head_decay * embedding_decay) * rest + jacobian_decay * blocks

    rng = np.random.default_rng(0)
    bounds = [(0.0, None)] * depth
    options = {"maxiter": 5000, "maxfun": 500_000, "ftol": 1e-16, "gtol": 1e-12}
    best = min(
        (
            minimize(decay, rng.uniform(0.0, 1.0, depth), bounds=bounds, method="L-BFGS-B", options=options)
            for _ in range(3)
        ),
        key=lambda result: result.fun,
    )
    rest = m * math.exp(-best.x.sum())
    w = rest if embedding_decay is None else math.sqrt(rest * math.sqrt(embedding_decay / head_decay))
    return best.fun, np.expm1(best.x), w


def step_cv(s, depth):
    """Standard deviation over mean of L geometric steps, each written out, at 50 digits and more."""
    with mpmath.workdps(3 * DIGITS):
        ratio = 1 + mpmath.mpf(s)
        steps = [ratio**layer for layer in range(depth)]
        mean = mpmath.fsum(steps) / depth
        return mpmath.sqrt(mpmath.fsum((step - mean) ** 2 for step in steps) / depth) / mean


def deep_step_cv(log_gain):
    """Variation of e^(a t), t uniform on [0, 1], by quadrature."""
    with mpmath.workdps(DIGITS):
        a = mpmath.mpf(log_gain)
        mean = mpmath.quad(lambda t: mpmath.exp(a * t), [0, 1])
        square = mpmath.quad(lambda t: (mpmath.exp(a * t) - mean) ** 2, [0, 1])
        return mpmath.sqrt(square) / mean


def slope(function, x):
    """d ln f / d ln x by a central difference at 50 digits."""
    with mpmath.workdps(DIGITS):
        x, step = mpmath.mpf(x), mpmath.mpf(10) ** -12
        above, below = function(x * mpmath.exp(step)), function(x * mpmath.exp(-step))
        return (mpmath.log(above) - mpmath.log(below)) / (2 * step)


def trajectory(x, jacobian, depth):
    """States of one input, one block at a time."""
    states = [np.array(x, dtype=float)]
    for _ in range(depth):
        states.append(states[-1] + jacobian @ states[-1])
    return np.array(states)


def collapsed(blocks):
    """(I + J_n) ... (I + J_1)."""
    product = np.eye(blocks.shape[-1])
    for block in blocks:
        product = product + block @ product
    return product


def block_gradients(blocks, head, head_decay):
    """Gradients of the loss by each J_l, for white inputs X = I, if the head is stationary (lam_W W = -G H_L^T)."""
    last = collapsed(blocks)
    logit_gradient = -head_decay * head @ np.linalg.inv(last).T
    return np.array(
        [
            (head @ collapsed(blocks[layer + 1 :])).T @ logit_gradient @ collapsed(blocks[:layer]).T
            for layer in range(len(blocks))
        ]
    )


def gain_moments(s, depth, keep, rescaled):
    """Mean and variance of the gain over all 2^L patterns of kept blocks, at 50 digits."""
    with mpmath.workdps(DIGITS):
        s, keep = mpmath.mpf(s), mpmath.mpf(keep)
        kept = s / keep if rescaled else s
        patterns = []
        for pattern in itertools.product((0, 1), repeat=depth):
            probability = gain = mpmath.mpf(1)
            for bit in pattern:
                probability *= keep if bit else 1 - keep
                gain *= 1 + bit * kept
            patterns.append((probability, gain))
        mean = mpmath.fsum(probability * gain for probability, gain in patterns)
        return mean, mpmath.fsum(probability * (gain - mean) ** 2 for probability, gain in patterns)


def flow_velocity(blocks, head, inputs, targets, jacobian_decay, head_decay):
    """Minus the gradients of (1/2N) ||X M^T - Y||^2 + decay by each J_l and by W, each entry by a complex step."""

    def objective(blocks, head):
        residual = inputs @ (head @ collapsed(blocks)).T - targets
        return (
            (residual**2).sum() / (2 * len(inputs))
            + jacobian_decay / 2 * (blocks**2).sum()
            + head_decay / 2 * (head**2).sum()
        )

    step = 1e-30
    velocities = []
    for which, variable in enumerate((blocks, head)):
        velocity = np.empty_like(variable)
        for index in np.ndindex(variable.shape):
            moved = [blocks.astype(complex), head.astype(complex)]
            moved[which][index] += 1j * step
            velocity[index] = -objective(*moved).imag / step
        velocities.append(velocity)
    return velocities


def kinetic_t(m, depth, jacobian_decay, head_decay):
    """The t with m^2 = (rho/L) t (1+t)^3, by bisection in ln t."""
    with mpmath.workdps(DIGITS):
        unit = mpmath.mpf(jacobian_decay) / (mpmath.mpf(head_decay) * mpmath.mpf(depth))
        log_square = 2 * mpmath.log(mpmath.mpf(m)) - mpmath.log(unit)
        low, high = log_square - 4 * mpmath.log1p(mpmath.exp(abs(log_square))), log_square + 1
        while high - low > mpmath.mpf(10) ** -40:
            middle = (low + high) / 2
            low, high = (low, middle) if middle + 3 * mpmath.log1p(mpmath.exp(middle)) > log_square else (middle, high)
        return mpmath.exp(low)


def least_transport(m, depth, jacobian_decay, head_decay, embedding_decay=None):
    """Minimise decay and transport of one direction over all its layers apart: returns cost, [s_1..s_L], w, e.

    Variables: ln of the states h_0 (1 without an embedding), ..., h_L; w = m / h_L.
    """

    def decay(log_states):
        states = np.exp(log_states if embedding_decay is not None else np.concatenate([[0.0], log_states]))
        cost = head_decay * (m / states[-1]) ** 2 + jacobian_decay * (np.diff(states) ** 2).sum()
        return cost + (0.0 if embedding_decay is None else embedding_decay * states[0] ** 2)

    best = _smooth_minimum(decay, depth + (embedding_decay is not None))
    states = np.exp(best.x if embedding_decay is not None else np.concatenate([[0.0], best.x]))
    return best.fun, np.diff(states) / states[:-1], m / states[-1], states[0]


def least_plain(m, depth, jacobian_decay, head_decay, embedding_decay=None):
    """Minimise the decay of one direction of a plain net over all its layers apart: returns cost, [s_1..s_L], w."""
    ends = [head_decay] if embedding_decay is None else [head_decay, embedding_decay]
    rates = np.array([*ends, *[jacobian_decay] * depth])

    def sizes(free):
        return np.exp(np.append(math.log(m) - free.sum(), free))

    best = _smooth_minimum(lambda free: (rates * sizes(free) ** 2).sum(), len(rates) - 1)
    found = sizes(best.x)
    return best.fun, found[len(ends) :], found[0]


def _smooth_minimum(function, size):
    rng = np.random.default_rng(0)
    options = {"maxiter": 5000, "gtol": 1e-10}
    runs = (minimize(function, rng.uniform(0.0, 1.0, size), method="BFGS", options=options) for _ in range(3))
    return min(runs, key=lambda result: result.fun)


def kinetic_gradients(blocks, head, second_moment, jacobian_decay):
    """Gradients of (lam_J/2) sum_l mean ||h_l - h_{l-1}||^2 by each J_l, by central differences of the plain sum."""

    def cost(layers):
        before, total = np.eye(len(second_moment)), 0.0
        for layer in layers:
            step = layer @ before
            total += np.trace(step @ second_moment @ step.T)
            before = before + step
        return 0.5 * jacobian_decay * total

    gradients = np.empty_like(blocks)
    for index in np.ndindex(blocks.shape):
        shift = np.zeros_like(blocks)
        shift[index] = 1e-5
        gradients[index] = (cost(blocks + shift) - cost(blocks - shift)) / 2e-5
    return gradients


def relaxation_rates(s, t, depth, decay_ratio, digits=120):
    """Hessian over x = (J_l)_ij, y = (J_l)_ji, u = W_ij, v = W_ji on what keeps M, products of blocks written out."""
    with mpmath.workdps(digits):
        s, t, rho = (mpmath.mpf(value) for value in (s, t, decay_ratio))
        a, b = 1 + s, 1 + t
        w_i, w_j = mpmath.sqrt(rho * s * a), mpmath.sqrt(rho * t * b)
        u, v = 2 * depth, 2 * depth + 1
        hessian, free = mpmath.eye(2 * depth + 2), mpmath.eye(2 * depth + 2)[:, : 2 * depth]
        hessian[u, u] = hessian[v, v] = 1 / rho

        def meet(first, second, value):
            hessian[first, second] -= value
            hessian[second, first] -= value

        for layer in range(depth):
            above = depth - 1 - layer
            free[u, layer] = -w_i * a**above * b**layer / b**depth
            free[v, depth + layer] = -w_j * b**above * a**layer / a**depth
            if s:
                meet(u, depth + layer, w_i / rho / a**depth * b**above * a**layer)
            if t:
                meet(v, layer, w_j / rho / b**depth * a**above * b**layer)
            for lower in range(layer):
                between = layer - lower - 1
                meet(layer, depth + lower, s * a / a**depth * a**above * b**between * a**lower)
                meet(depth + layer, lower, t * b / b**depth * b**above * a**between * b**lower)
        root = mpmath.cholesky(free.T * free) ** -1
        return [float(rate) for rate in mpmath.eigsy(root * (free.T * hessian * free) * root.T, eigvals_only=True)]
