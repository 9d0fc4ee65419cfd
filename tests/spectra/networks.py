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


class ConvolutionalBranch(nn.Module):
    """Two convolutions with BatchNorm, the ReLU between them in place."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm, self.activation = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)

    def forward(self, hidden):
        return self.second(self.activation(self.norm(self.first(hidden))))


class PostActivationBlock(nn.Module):
    """relu(h + f(h)) as ResNets have it: addition and ReLU in place."""

    def __init__(self, channels):
        super().__init__()
        self.branch, self.activation = ConvolutionalBranch(channels), nn.ReLU(inplace=True)

    def forward(self, hidden):
        out = self.branch(hidden)
        out += hidden
        return self.activation(out)


class ImageNetwork(nn.Module):
    """Two stages of 3 x 6 x 6 and 4 x 3 x 3 numbers; the second begins with a block that changes the shape."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.stem = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(inplace=True))
            self.layer1 = nn.Sequential(PostActivationBlock(3), PostActivationBlock(3))
            down = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(inplace=True))
            self.layer2 = nn.Sequential(down, PostActivationBlock(4), PostActivationBlock(4))
            self.head = nn.Linear(4, 3)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.normal_(module.running_mean, std=0.2)
                    nn.init.uniform_(module.running_var, 0.5, 2.0)
        self.eval()

    def forward(self, images):
        return self.head(self.layer2(self.layer1(self.stem(images))).mean((2, 3)))


class TokenBlock(nn.Module):
    """Pre-norm attention and MLP; the state is a keyword, the mask differs from sample to sample, a tuple comes out."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, *, scale, hidden, padding, position):
        normed = self.first(hidden) + position[0] * scale
        hidden = hidden + self.attention(normed, normed, normed, key_padding_mask=padding, need_weights=False)[0]
        return hidden + self.mlp(self.second(hidden)), "attention"


class TokenNetwork(nn.Module):
    """Tokens, a table to look them up in, padding where the token is 0, a position that all samples share."""

    def __init__(self, width=4, tokens=5, depth=3, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.table, self.position = nn.Embedding(10, width), nn.Parameter(torch.randn(1, tokens, width))
            self.layers = nn.ModuleList([TokenBlock(width) for _ in range(depth)])
            self.head = nn.Linear(width, 3)
        self.eval()

    def forward(self, tokens):
        hidden, padding = self.table(tokens), tokens == 0
        for layer in self.layers:
            hidden, _ = layer(scale=0.5, hidden=hidden, padding=padding, position=(self.position, None))
        return self.head(hidden.mean(1))


def images(samples=3, seed=0):
    return torch.randn(samples, 2, 6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tokens(samples=4, seed=0):
    found = torch.randint(1, 10, (samples, 5), generator=torch.Generator().manual_seed(seed))
    found[1, 3:] = 0
    return found
