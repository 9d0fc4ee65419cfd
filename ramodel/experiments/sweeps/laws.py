"""The laws that sweeps try: what is asked, and which statements answer."""

import msgspec

__all__ = ["LAWS", "Law"]


class Law(msgspec.Struct, frozen=True):
    """One law.

    Parameters
    ----------
    title
        A few words.
    question
        What a sweep of it asks, in a sentence.
    statements
        Ids in `ramodel.statements` that it confronts.
    """

    title: str
    question: str
    statements: tuple[str, ...]


LAWS: dict[str, Law] = {
    "skips": Law(
        "Skip connections",
        "Does alignment cease once the skip connections are removed?",
        ("RA1", "RA2", "RA3", "S8"),
    ),
    "classes": Law(
        "Number of classes",
        "Does the rank of the Residual Jacobians follow the number of classes?",
        ("RA3", "S6", "S10"),
    ),
    "stochastic-depth": Law(
        "Stochastic depth",
        "Do singular values shrink as the penalty of randomly dropped blocks says?",
        ("S13",),
    ),
    "shuffled-labels": Law(
        "Shuffled labels",
        "Do networks align that learnt their labels by heart and generalise nothing?",
        ("RA1", "RA2", "RA3"),
    ),
    "untrained": Law(
        "Untrained networks",
        "How much alignment do random weights have before any training?",
        ("RA1", "RA2", "RA3"),
    ),
    "time-course": Law(
        "Time course of training",
        "When in training does alignment appear, and does decay drive it at the rate of the theory?",
        ("S12",),
    ),
    "depth": Law(
        "Depth",
        "With which exponent do top singular values fall as networks get deeper?",
        ("RA4", "S4", "S6"),
    ),
    "width": Law(
        "Width",
        "Do the same laws hold whatever the width?",
        ("RA1", "RA2", "RA3", "S1"),
    ),
    "weight-decay": Law(
        "Weight decay",
        "Does weight decay set the size of the blocks, and the threshold below which directions vanish?",
        ("S1", "S6", "S18"),
    ),
    "which-penalty": Law(
        "Which penalty acts",
        "Do blocks follow 1/s_l with slope 1 along depth, or are they all alike?",
        ("RA4", "S7", "S1", "S6"),
    ),
    "norm-preservation": Law(
        "Norm preservation",
        "How much does a block change the norm of the gradient that passes through it?",
        ("S9",),
    ),
    "neural-collapse": Law(
        "Neural Collapse",
        "How does Neural Collapse build up along depth, beside alignment?",
        ("RA1", "RA3", "S10"),
    ),
    "interventions": Law(
        "Interventions",
        "Do a coupling penalty and smoothed updates raise alignment, and does accuracy follow?",
        ("RA2", "S17"),
    ),
    "transformer": Law(
        "Transformers",
        "Are the blocks of a small transformer coupled across depth and tokens?",
        ("S17", "RA1", "RA2"),
    ),
    "paper": Law(
        "The paper's grid",
        "Do RA1-RA4 hold for all architectures and data sets of the paper at once, and only when trained with skips?",
        ("RA1", "RA2", "RA3", "RA4"),
    ),
    "work-energy": Law(
        "Work and energy",
        "Is the weight energy of every block its work against the loss, in every family?",
        ("S19",),
    ),
}
"""The laws of issue 5, (a) to (n), and two sweeps over all families; keys are what a sweep's file calls `law`."""
