"""Slow, obvious versions of the metrics: one input, plain loops. Imports nothing of ramodel."""

import math

import numpy as np
from scipy import stats


def step_lengths(states):
    return [math.dist(states[layer], states[layer - 1]) for layer in range(1, len(states))]


def step_cv(states):
    lengths = step_lengths(states)
    mean = sum(lengths) / len(lengths)
    variance = sum((length - mean) ** 2 for length in lengths) / len(lengths)
    return math.sqrt(variance) / mean


def line_shape_ratio(states):
    total = [0.0] * len(states[0])
    count = 0
    for layer in range(1, len(states)):
        length = math.dist(states[layer], states[layer - 1])
        if length == 0.0:
            continue
        count += 1
        for axis in range(len(total)):
            total[axis] += (states[layer][axis] - states[layer - 1][axis]) / length
    return count / math.hypot(*total) if any(total) else math.inf


def line_deviation_error(states):
    """Distance to the best line by the eigenvectors of the covariance, one point at a time."""
    points = [np.array(state) for state in states]
    centre = sum(points) / len(points)
    covariance = sum(np.outer(point - centre, point - centre) for point in points)
    direction = np.linalg.eigh(covariance)[1][:, -1]
    off = spread = 0.0
    for point in points:
        along = (point - centre) @ direction
        off += np.linalg.norm(point - centre - along * direction) ** 2
        spread += np.linalg.norm(point - centre) ** 2
    return math.sqrt(off / spread)


def alignment_grid(left, jacobians, right):
    depth, rank = left.shape[:2]
    grid = np.zeros((depth, depth, rank, rank))
    for i in range(depth):
        for j in range(depth):
            largest = np.linalg.svd(jacobians[j], compute_uv=False)[0]
            for a in range(rank):
                for b in range(rank):
                    grid[i, j, a, b] = abs(left[i, a] @ jacobians[j] @ right[i, b]) / largest
    return grid


def coupling_error(first, second, rank):
    """m_K of the first Jacobian in the frames of the second, entry by entry."""
    columns, _, rows = np.linalg.svd(second)
    values = np.linalg.svd(first, compute_uv=False)
    departure = size = 0.0
    for i in range(rank):
        size += values[i] ** 2
        for j in range(rank):
            entry = columns[:, i] @ first @ rows[j]
            departure += (entry - (values[i] if i == j else 0.0)) ** 2
    return math.sqrt(departure / size)


def subspace_affinity_score(first, second):
    """Mean squared cosine of the principal angles, from the singular values of the overlap."""
    cosines = np.linalg.svd(first @ second.T, compute_uv=False)
    return float(np.mean(cosines**2))


def asymmetry_error(jacobian):
    difference = size = 0.0
    for i in range(len(jacobian)):
        for j in range(len(jacobian)):
            difference += (jacobian[i][j] - jacobian[j][i]) ** 2
            size += jacobian[i][j] ** 2
    return math.sqrt(difference / size)


def cosine(first, second):
    return np.trace(first.T @ second) / math.sqrt(np.trace(first.T @ first) * np.trace(second.T @ second))


def stable_rank(jacobian):
    return (np.linalg.norm(jacobian) / np.linalg.norm(jacobian, 2)) ** 2


def energy_outside_error(jacobian, classes):
    """Energy of what remains after the best approximation of rank C."""
    columns, values, rows = np.linalg.svd(jacobian)
    best = sum(values[k] * np.outer(columns[:, k], rows[k]) for k in range(classes))
    return (np.linalg.norm(jacobian - best) / np.linalg.norm(jacobian)) ** 2


def line(x, y):
    """Slope, its 95 % interval and R^2 of an ordinary least squares line, by scipy.stats."""
    fit = stats.linregress(x, y)
    reach = stats.t.ppf(0.975, len(x) - 2) * fit.stderr
    return fit.slope, (fit.slope - reach, fit.slope + reach), fit.rvalue**2


def geodesic_ratio(states):
    """Kinetic energy of the trajectory over that of its ends joined by L equal steps."""
    lengths = step_lengths(states)
    energy = sum(length**2 for length in lengths)
    even = [(last - first) / len(lengths) for first, last in zip(states[0], states[-1], strict=True)]
    straight = len(lengths) * sum(part**2 for part in even)
    return energy / straight if straight else math.inf


def normality_error(jacobian):
    return np.linalg.norm(jacobian @ jacobian.T - jacobian.T @ jacobian) / np.linalg.norm(jacobian) ** 2


def signed_grid(left, jacobians, right):
    depth, rank = left.shape[:2]
    grid = np.zeros((depth, depth, rank, rank))
    for i in range(depth):
        for j in range(depth):
            for a in range(rank):
                for b in range(rank):
                    grid[i, j, a, b] = left[i, a] @ jacobians[j] @ right[i, b]
    return grid


def low_rank(left, values, right):
    """The sum of s_k u_k v_k^T."""
    return sum(s * np.outer(u, v) for u, s, v in zip(left, values, right, strict=True))


def effective_rank(values):
    shares = [value / sum(values) for value in values if value > 0.0]
    return math.exp(-sum(share * math.log(share) for share in shares)) if shares else 0.0


def cumulative_effective_rank(jacobians, skip):
    ranks, product = [], np.eye(jacobians.shape[-1])
    for jacobian in jacobians:
        product = (np.eye(len(jacobian)) * skip + jacobian) @ product
        ranks.append(effective_rank(np.linalg.svd(product, compute_uv=False)))
    return ranks


def class_means(states, labels):
    """Centred class means, the classes in order."""
    means = []
    for label in sorted(set(labels)):
        chosen = [state for state, own in zip(states, labels, strict=True) if own == label]
        means.append(sum(chosen) / len(chosen))
    return np.array(means) - sum(means) / len(means)


def variability_error(states, labels):
    """NC1 from both d x d covariances."""
    classes, width = sorted(set(labels)), states.shape[1]
    within, between = np.zeros((width, width)), np.zeros((width, width))
    for label, centred in zip(classes, class_means(states, labels), strict=True):
        chosen = states[np.array(labels) == label]
        mean = chosen.mean(axis=0)
        within += sum(np.outer(state - mean, state - mean) for state in chosen) / len(chosen) / len(classes)
        between += np.outer(centred, centred) / len(classes)
    return np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / len(classes)


def cosines(vectors):
    """Cosines of all pairs, each pair once."""
    lengths = [np.linalg.norm(vector) for vector in vectors]
    pairs = [(i, j) for i in range(len(vectors)) for j in range(i)]
    return np.array([vectors[i] @ vectors[j] / lengths[i] / lengths[j] for i, j in pairs])


def nearest_centre_score(states, labels, predictions, leave_one_out):
    """NC4, one input at a time, its class mean formed anew without it where asked for."""
    agreed = 0
    for n, (state, predicted) in enumerate(zip(states, predictions, strict=True)):
        best, nearest = math.inf, None
        for label in sorted(set(labels)):
            members = [m for m, other in enumerate(labels) if other == label and not (leave_one_out and m == n)]
            if not members:
                continue
            distance = math.dist(state, sum(states[m] for m in members) / len(members))
            if distance < best:
                best, nearest = distance, label
        agreed += nearest == predicted
    return agreed / len(labels)


def resampled_slopes(x, y, robust, counts):
    """The slope for every draw; y is [points, inputs], a draw says how often each input counts."""
    slopes = []
    for draw in counts:
        drawn = np.repeat(y, draw, axis=1)
        if robust:
            slopes.append(stats.theilslopes(np.median(drawn, axis=1), x).slope)
        else:
            slopes.append(stats.linregress(x, np.mean(drawn, axis=1)).slope)
    return np.array(slopes)
