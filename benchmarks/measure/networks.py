"""The networks of the benchmark, and how they are trained: in a minute or two, from fixed seeds, once."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvolutionalStage", "FullyConnected", "Transformer", "trained"]


class FullyConnectedBlock(nn.Module):
    """``h + W2 relu(W1 h + b1) + b2``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, state: Tensor) -> Tensor:
        """Return the next state."""
        return state + self.branch(state)  # type: ignore[no-any-return]


class FullyConnected(nn.Module):
    """Images, an embedding, blocks, logits."""

    def __init__(self, width: int, depth: int = 16) -> None:
        super().__init__()
        self.embedding = nn.Linear(3 * 32 * 32, width)
        self.blocks = nn.Sequential(*(FullyConnectedBlock(width) for _ in range(depth)))
        self.head = nn.Linear(width, 10)

    def embed(self, images: Tensor) -> Tensor:
        """Return the state in front of the first block."""
        return self.embedding(images.flatten(1))  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.blocks(self.embed(images)))  # type: ignore[no-any-return]


class ConvolutionalBlock(nn.Module):
    """``relu(h + f(h))`` with the branch ``f = bn2 conv2 relu bn1 conv1`` of He et al. 2016."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, state: Tensor) -> Tensor:
        """Return the next state."""
        return torch.relu(state + self.branch(state))


class ConvolutionalStage(nn.Module):
    """The first convolution and the first stage of a CIFAR ResNet-20: 16 channels of 32 x 32."""

    def __init__(self, weights: Path | None) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.blocks = nn.Sequential(*(ConvolutionalBlock(16) for _ in range(3)))
        if weights is not None:
            self.load(load_file(weights))

    def load(self, stored: dict[str, Tensor]) -> None:
        """Take the weights that are needed from those of the whole ResNet."""
        places = {"conv1": "0", "bn1": "1", "conv2": "3", "bn2": "4"}
        state = {}
        for name, tensor in stored.items():
            match name.split("."):
                case ["conv1" | "bn1" as part, leaf]:
                    state[f"embedding.{places[part]}.{leaf}"] = tensor
                case ["layer1", block, part, leaf]:
                    state[f"blocks.{block}.branch.{places[part]}.{leaf}"] = tensor
        self.load_state_dict(state, strict=False)  # the files leave out BatchNorm's count of batches

    def embed(self, images: Tensor) -> Tensor:
        """Return the state in front of the first block."""
        return self.embedding(images)  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """Return the states after the last block."""
        return self.blocks(self.embed(images))  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """A pre-norm block: attention, then a multilayer perceptron of four times the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def attention(self, state: Tensor) -> Tensor:
        """Return what attention adds to `state` [..., tokens, width]."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in self.qkv(state).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(-2, -3).flatten(-2))  # type: ignore[no-any-return]

    def forward(self, state: Tensor) -> Tensor:
        """Return the next state."""
        state = state + self.attention(self.norm1(state))
        return state + self.mlp(self.norm2(state))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Images cut into 32 patches of 4 x 8, an embedding with positions, blocks, logits from the mean token."""

    def __init__(self, width: int = 128, heads: int = 4, depth: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(3, width, (4, 8), stride=(4, 8))
        self.positions = nn.Parameter(0.02 * torch.randn(32, width))
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def embed(self, images: Tensor) -> Tensor:
        """Return the state in front of the first block."""
        return self.embedding(images).flatten(2).mT + self.positions  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.norm(self.blocks(self.embed(images))).mean(1))  # type: ignore[no-any-return]


def trained(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    cache: Path,
    *,
    rate: float,
    decay: float,
    epochs: int,
    adam: bool = False,
) -> nn.Module:
    """Train with cross-entropy, batches of 100 and a cosine schedule, or read what the file `cache` already has."""
    if cache.exists():
        network.load_state_dict(load_file(cache))
        return network.eval()
    generator = torch.Generator().manual_seed(1)
    parameters = network.parameters()
    optimiser: torch.optim.Optimizer = (
        torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
        if adam
        else torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(100):  # type: ignore[no-untyped-call]
            optimiser.zero_grad()
            functional.cross_entropy(network(images[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        schedule.step()
    cache.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), cache)
    return network.eval()
