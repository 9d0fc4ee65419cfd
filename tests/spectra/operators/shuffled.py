"""Matrices behind an operator that numbers its coordinates in an order of its own."""

import torch

from ramodel.spectra.operators import DenseOperator


class ShuffledOperator(DenseOperator):
    """Square matrices [N, n, n]; coordinate i of the state is number `order[i]` of the operator's vectors."""

    def __init__(self, matrices, order):
        super().__init__(matrices)
        self.order = order

    def matvec(self, vectors):
        return super().matvec(vectors[..., self.order])[..., torch.argsort(self.order)]

    def rmatvec(self, vectors):
        return super().rmatvec(vectors[..., self.order])[..., torch.argsort(self.order)]

    def select(self, problems):
        return ShuffledOperator(self.jacobians[problems], self.order)

    def in_input_order(self, vectors):
        return vectors[..., self.order]

    def in_output_order(self, vectors):
        return vectors[..., self.order]
