"""The statements S1-S19 as properties: each claim tried on made-up cases, beside a spoilt twin that must fail.

What is claimed is compared with a road that does not use it: products of matrices, enumeration, the unreduced
objective and descents on it, networks. `ramodel test-claims` runs them all; a counterexample is tried again with

>>> from ramodel.testing.claims import CLAIMS
>>> CLAIMS["S2 balance"].check(depth=1, jacobian_decay=1.0, head_decay=1.0, s=[1.0], seed=0)
"""

from ramodel.testing.claims import (
    configurations,
    critical_points,
    dynamics,
    energy,
    frobenius,
    kinetic,
    nuclear,
    perturbation,
    plain,
    trajectories,
)
from ramodel.testing.claims.claim import Claim

__all__ = ["CLAIMS", "Claim"]

_MODULES = (
    configurations,
    critical_points,
    dynamics,
    energy,
    frobenius,
    kinetic,
    nuclear,
    perturbation,
    plain,
    trajectories,
)

CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in sorted(
        (claim for module in _MODULES for claim in module.CLAIMS), key=lambda claim: int(claim.statement[1:])
    )
}
"""All claims by id, such as "S2 balance", in the order of their statements."""
