"""An operator that has its matrices: the least one can test with."""

import torch

from ramodel.spectra.operators import JacobianOperator


class DenseOperator(JacobianOperator):
    """Matrices [N, m, n]; with `shuffle` its vectors have their coordinates in another order than the state."""

    def __init__(self, matrices, shuffle=None):
        self.matrices, self.shuffle = matrices, shuffle
        self.problems, self.output_size, self.input_size = matrices.shape
        self.dtype, self.device = matrices.dtype, matrices.device
        self.products = 0

    def matvec(self, vectors):
        self.products += vectors.shape[1]
        return self._own_order(self._state_order(vectors) @ self.matrices.mT)

    def rmatvec(self, vectors):
        self.products += vectors.shape[1]
        return self._own_order(self._state_order(vectors) @ self.matrices)

    def select(self, problems):
        return DenseOperator(self.matrices[problems], self.shuffle)

    def in_input_order(self, vectors):
        return self._state_order(vectors)

    def in_output_order(self, vectors):
        return self._state_order(vectors)

    def _state_order(self, vectors):
        return vectors if self.shuffle is None else vectors[..., self.shuffle]

    def _own_order(self, vectors):
        return vectors if self.shuffle is None else vectors[..., torch.argsort(self.shuffle)]
