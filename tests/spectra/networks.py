"""Small networks of every convention, for the tests of the instrument."""

import torch
from torch import nn


class Branch(nn.Module):
    """f(h) = B phi(A h + a) + b."""

    def __init__(self, width, activation, bias=True):
        super().__init__()
        self.inner = nn.Linear(width, width + 1, bias=bias)
        self.activation = activation
        self.outer = nn.Linear(width + 1, width, bias=bias)

    def forward(self, hidden):
        return self.outer(self.activation(self.inner(hidden)))


class Block(nn.Module):
    """h + f(h), or f(h) alone."""

    def __init__(self, branch, skip):
        super().__init__()
        self.branch = branch
        self.skip = skip

    def forward(self, hidden):
        return hidden + self.branch(hidden) if self.skip else self.branch(hidden)


class Network(nn.Module):
    """`convention` says where the skip is: "inside" the blocks, around them ("branch"), or nowhere ("none")."""

    def __init__(
        self, convention="inside", *, depth=3, width=4, inputs=5, classes=3, activation=None, bias=True, seed=0
    ):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embedding = nn.Linear(inputs, width, bias=bias)
            branches = [Branch(width, activation or nn.Tanh(), bias) for _ in range(depth)]
            wrapped = [Block(branch, convention == "inside") for branch in branches]
            self.blocks = nn.ModuleList(branches if convention == "branch" else wrapped)
            self.head = nn.Linear(width, classes, bias=bias)
        self.convention = convention
        self.eval()

    def forward(self, inputs):
        hidden = self.embedding(inputs)
        for block in self.blocks:
            hidden = hidden + block(hidden) if self.convention == "branch" else block(hidden)
        return self.head(hidden)

    @property
    def parts(self):
        """What the reference takes: embedding, branches, head, skip."""
        branches = [getattr(block, "branch", block) for block in self.blocks]
        return self.embedding, branches, self.head, self.convention != "none"


CONVENTIONS = ["inside", "branch", "none"]


def inputs(samples=6, width=5, seed=0):
    return torch.randn(samples, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
