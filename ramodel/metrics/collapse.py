"""Neural Collapse, NC1 to NC4, at every layer (Papyan, Han & Donoho 2020).

States are ``[..., N, d]``, inputs and coordinates last; axes in front, such as layers, stay as they are. ``mu_c`` is
the mean of class c and ``m_c = mu_c - mean_c mu_c`` the centred one: every class counts equally, however many inputs it
has (with equal numbers that is the paper). Nothing of size d x d is formed. All metrics are invariant under rotation,
reflection, translation and scale of the states, `self_duality_error` under rotation of states and head together and
under scale of each.

With few inputs in many dimensions random states look collapsed: `ramodel.metrics.baselines` says how much.
"""

import sys

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array
from ramodel.metrics.class_means import parted_states
from ramodel.metrics.classes import whole_labels

__all__ = [
    "coherence_error",
    "equiangle_error",
    "equinorm_error",
    "nearest_centre_score",
    "self_duality_error",
    "variability_error",
]


def variability_error(states: Array, labels: Array) -> Array:
    """Return NC1, ``tr(Sigma_W Sigma_B^+) / C``: variability within classes against that between them (collapsed: 0).

    ``Sigma_B = (1/C) sum_c m_c m_c^T``, ``Sigma_W`` the mean over classes of the covariances around ``mu_c``. The
    pseudo-inverse lives on the at most C - 1 dimensions that class means span, so N < d does no harm. But with n inputs
    for each class even states without any structure give ``(C - 1)(n - 1)/(d - C)``: next to nothing for large d.
    Range 0 .. infinity (infinite where all class means coincide and states do not).

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes, one of them with two inputs or more.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does; also if no class has two inputs.

    Examples
    --------
    >>> float(variability_error([[-3.0], [-1.0], [1.0], [3.0]], [0, 0, 1, 1]).round(12))
    0.125
    """
    parted = parted_states(states, labels)
    centres, offsets, xp = parted.centres, parted.offsets, parted.xp
    counts = xp.sum(parted.indicator, axis=-1, keepdims=True)
    if float(xp.max(counts)) < 2.0:
        raise ValueError("labels has one input for each class; variability within a class needs two.")
    classes, width = centres.shape[-2:]
    _, spread, axes = xp.linalg.svd(centres, full_matrices=False)
    # Centred, C means span C - 1 dimensions at most; smaller values than these are rounding.
    kept = min(classes - 1, width)
    spread, axes = spread[..., :kept], axes[..., :kept, :]
    counted = spread > max(classes, width) * sys.float_info.epsilon * spread[..., :1]
    across = xp.matmul(offsets, xp.matrix_transpose(axes)) ** 2
    within = xp.mean(xp.matmul(parted.indicator / counts, across), axis=-2)
    # The 1/C of Sigma_B and that of the definition cancel.
    each = xp.where(counted, within, xp.zeros_like(within)) / xp.where(counted, spread, xp.ones_like(spread)) ** 2
    error = xp.sum(each, axis=-1)
    shapeless = (spread[..., 0] == 0.0) & (xp.max(xp.abs(offsets), axis=(-2, -1)) > 0.0)
    return xp.where(shapeless, xp.full_like(error, xp.inf), error)


def equinorm_error(states: Array, labels: Array) -> Array:
    """Return the first half of NC2: how unequal the norms of the class means are, ``std_c ||m_c|| / mean_c ||m_c||``.

    Population standard deviation. 0 for a simplex; 0 by construction for two classes, and near 0 in many dimensions for
    random ones. For the rows of a head give those as states, each with a label of its own. 0 where all means coincide.

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does.

    Examples
    --------
    >>> float(equinorm_error([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0, 1, 2, 3]))
    0.5
    """
    parted = parted_states(states, labels)
    xp = parted.xp
    lengths = norm(parted.centres, xp, axis=-1)
    return ratio(xp.std(lengths, axis=-1), xp.mean(lengths, axis=-1), xp, empty=0.0)


def equiangle_error(states: Array, labels: Array) -> Array:
    """Return the second half of NC2: how unequal the angles are, ``std_{c != c'} cos(m_c, m_c')``.

    Population standard deviation over pairs of classes. 0 for a simplex, whatever the angle; 0 by construction for two
    classes, and near 0 in many dimensions for random ones. A class mean at the centre has cosine 0 with all others.

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does.

    Examples
    --------
    >>> square = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    >>> float(equiangle_error(square, [0, 1, 2, 3]).round(6))
    0.471405
    """
    cosines, xp = _cosines(states, labels)
    mean = _mean_over_pairs(cosines, xp)[..., None, None]
    return xp.sqrt(_mean_over_pairs((cosines - mean) ** 2, xp))


def coherence_error(states: Array, labels: Array) -> Array:
    """Return the third part of NC2: ``mean_{c != c'} |cos(m_c, m_c') + 1/(C - 1)|``, how far from widest apart.

    0 for a simplex equiangular tight frame alone, as far as angles go; 0 by construction for two classes, and near 0 in
    many dimensions for random ones. Range 0 .. 1 + 1/(C - 1).

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does.

    Examples
    --------
    >>> square = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    >>> float(coherence_error(square, [0, 1, 2, 3]).round(6))
    0.444444
    """
    cosines, xp = _cosines(states, labels)
    return _mean_over_pairs(xp.abs(cosines + 1.0 / (cosines.shape[-1] - 1)), xp)


def self_duality_error(states: Array, labels: Array, head: Array) -> Array:
    """Return NC3, ``|| W/||W||_F - M/||M||_F ||_F`` with M the centred class means (self-dual: 0).

    Range 0 .. 2; sqrt(2) in the root mean square for a head in a random direction. The paper measures it at the last
    layer, whose states the head reads; in networks of one width it can be asked of every layer. sqrt(2) is also nearly
    what a state of another meaning gives: mind that the head reads these very coordinates.

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes, rows of `head`.
    head
        W ``[C, d]``, one row for each class, row c for the label c; rows of labels that do not occur are left out.

    Returns
    -------
    Array
        ``[...]``. 1 where all class means coincide.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does; also if `head` has another width, no row for a label, or is zero.

    Examples
    --------
    >>> float(self_duality_error([[2.0, 0.0], [0.0, 2.0]], [0, 1], [[1.0, -1.0], [-1.0, 1.0]]).round(12))
    0.0
    """
    parted = parted_states(states, labels)
    centres, xp = parted.centres, parted.xp
    weights, _ = real_array("head", head, axes="class coordinate")
    if weights.shape[1] != centres.shape[-1]:
        raise ValueError(
            f"head has shape {tuple(weights.shape)} and states have {centres.shape[-1]} coordinates; give W [C, d] "
            "that reads these states."
        )
    classes = parted.classes
    if classes[0] < 0 or classes[-1] >= weights.shape[0]:
        raise ValueError(f"labels holds {classes[0]} .. {classes[-1]}; head has rows 0 .. {weights.shape[0] - 1}.")
    rows = xp.stack([weights[label, :] for label in classes])
    size = norm(rows, xp, axis=(-2, -1))
    if float(size) == 0.0:
        raise ValueError("head is zero for these labels; it has no direction to compare.")
    spread = norm(centres, xp, axis=(-2, -1))[..., None, None]
    return norm(rows / size - ratio(centres, spread, xp, empty=0.0), xp, axis=(-2, -1))


def nearest_centre_score(states: Array, labels: Array, predictions: Array, *, leave_one_out: bool = False) -> Array:
    """Return NC4: the share of inputs whose nearest class mean is the class that the network predicts (collapsed: 1).

    With ``predictions=labels`` it is the accuracy of the classifier by nearest class means. An input is part of the
    mean of its own class, which in many dimensions draws it there whatever the states mean; `leave_one_out` takes it
    out of that mean first, so that states without structure give about 1/C or less. An input alone in its class is then
    nearest to another.

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes.
    predictions
        ``[N]``, the label that the network predicts for each input.
    leave_one_out
        Whether an input counts in the mean of its class; the paper counts it.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        As `ramodel.metrics.class_centres` does; also if `predictions` are not N whole numbers.

    Examples
    --------
    >>> states = [[0.0], [1.0], [9.0], [3.0]]
    >>> float(nearest_centre_score(states, [0, 0, 1, 1], [0, 0, 1, 1]))
    0.75
    """
    parted = parted_states(states, labels)
    centres, offsets, xp = parted.centres, parted.offsets, parted.xp
    predicted = whole_labels("predictions", predictions, offsets.shape[-2])
    belongs = xp.matrix_transpose(parted.indicator) > 0.0
    places = offsets + xp.matmul(xp.astype(belongs, xp.float64), centres)
    lengths = xp.sum(places**2, axis=-1)[..., None] + xp.sum(centres**2, axis=-1)[..., None, :]
    distances = lengths - 2.0 * xp.matmul(places, xp.matrix_transpose(centres))
    if leave_one_out:
        counts = xp.sum(parted.indicator, axis=-1)
        others = xp.where(counts > 1.0, counts - 1.0, xp.ones_like(counts))
        # From the mean of the others of its class an input is n/(n - 1) times as far as from the mean of all of them.
        from_others = xp.sum(offsets**2, axis=-1)[..., None] * (counts / others) ** 2
        from_others = xp.where(counts > 1.0, from_others, xp.full_like(from_others, xp.inf))
        distances = xp.where(belongs, from_others, distances)
    positions = {label: position for position, label in enumerate(parted.classes)}
    wanted = xp.asarray([positions.get(label, -1) for label in predicted], device=offsets.device)
    return xp.mean(xp.astype(xp.argmin(distances, axis=-1) == wanted, xp.float64), axis=-1)


def _cosines(states: Array, labels: Array) -> tuple[Array, Namespace]:
    """Return the cosines between all class means, ``[..., C, C]``."""
    parted = parted_states(states, labels)
    xp = parted.xp
    unit = ratio(parted.centres, norm(parted.centres, xp, axis=-1)[..., None], xp, empty=0.0)
    return xp.clip(xp.matmul(unit, xp.matrix_transpose(unit)), -1.0, 1.0), xp


def _mean_over_pairs(values: Array, xp: Namespace) -> Array:
    """Return the mean of ``[..., C, C]`` over pairs of different classes."""
    classes = values.shape[-1]
    different = 1.0 - xp.eye(classes, dtype=values.dtype, device=values.device)
    return xp.sum(values * different, axis=(-2, -1)) / (classes * (classes - 1))
