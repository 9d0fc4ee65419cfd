"""The post-activation block: two matrices with norms, and an activation after the addition."""

from torch import Tensor, nn

from ramodel.checks import one_of
from ramodel.nets.architectures.image_config import ImageNetworkConfig
from ramodel.nets.architectures.layers import ACTIVATIONS, Activation, Layers
from ramodel.nets.architectures.stages import StageBlock, initial_scales

__all__ = ["PostActivationBlock", "PostActivationConfig"]


class PostActivationConfig(ImageNetworkConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What families of post-activation blocks have in common."""

    activation: Activation = "relu"
    outer_activation: bool = True
    norm_ends_branch: bool = True

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        one_of("activation", self.activation, ACTIVATIONS)


class PostActivationBlock(StageBlock):
    """One step ``block(h) = phi(h + branch(h))``, branch(h) = BN(W2 phi(BN(W1 h))).

    Without `outer_activation` it is h + branch(h); without `norm_ends_branch`, or any norms, the branch ends with W2.
    """

    def __init__(
        self, config: PostActivationConfig, layers: Layers, inputs: int, outputs: int, *, hidden: int | None = None
    ) -> None:
        outer = layers.activation() if config.outer_activation else None
        super().__init__(inputs, outputs, skip=config.skip, outer_activation=outer, drop=config.new_drop())
        hidden = hidden or outputs
        inner_scale, outer_scale = initial_scales(config, norm_ends_branch=config.norm_ends_branch)
        self.inner = layers.matrix(inputs, hidden, scale=inner_scale, halves=inputs != outputs)
        self.inner_norm = layers.norm(hidden)
        self.activation = layers.activation()
        self.outer = layers.matrix(hidden, outputs, followed=config.outer_activation, scale=outer_scale)
        self.outer_norm = layers.norm(outputs) if config.norm_ends_branch else nn.Identity()

    def transform(self, hidden: Tensor) -> Tensor:
        """Return BN(W2 phi(BN(W1 h)))."""
        inner = self.activation(self.inner_norm(self.inner(hidden)))
        return self.outer_norm(self.outer(inner))  # type: ignore[no-any-return]

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Scale and shift of the norm that ends the branch, or W2."""
        return tuple(self.outer_norm.parameters()) or tuple(self.outer.parameters())
