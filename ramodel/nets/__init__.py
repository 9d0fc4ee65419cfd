"""Residual networks, data and training.

Examples
--------
>>> data = load_dataset("digits", classes=[3, 5], train_size=120)
>>> config = NetworkConfig(kind="factored", inputs=data.inputs, classes=data.classes, width=8, depth=4)
>>> network = ResidualNetwork(config)
>>> result = train(network, data, TrainingConfig(jacobian_decay=1e-2, head_decay=1e-2, embedding_decay=1e-2))
>>> result.converged
True
"""

from ramodel.nets.architectures.blocks import Block, LinearBlock, TwoLayerBlock
from ramodel.nets.architectures.cifar_resnet import (
    CIFAR10_IMAGES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR_RESNETS,
    CifarBlock,
    CifarResNet,
    CifarResNetConfig,
    load_cifar_resnet,
)
from ramodel.nets.architectures.family import FAMILIES, AnyNetworkConfig, build_network, network_config
from ramodel.nets.architectures.network import EmbeddingMode, NetworkConfig, NetworkKind, ResidualNetwork
from ramodel.nets.architectures.paper import PaperConfig, PaperNetwork
from ramodel.nets.architectures.preactivation import PreactivationConfig, PreactivationNetwork
from ramodel.nets.architectures.procrustes import ProcrustesConfig, ProcrustesNetwork
from ramodel.nets.architectures.trainable import Parts, TrainableNetwork
from ramodel.nets.architectures.transformer import Transformer, TransformerConfig
from ramodel.nets.architectures.weights import load_weights, read_weights
from ramodel.nets.data.data_folder import DATA_FOLDER_VARIABLE
from ramodel.nets.data.datasets import DataChoice, Dataset, Normalisation, load_dataset, spread_over_classes
from ramodel.nets.data.idx import read_idx
from ramodel.nets.data.inputs import InputKind, Inputs, load_inputs, normalised
from ramodel.nets.data.text import text_dataset
from ramodel.nets.training.batched import train_many
from ramodel.nets.training.checkpoints import (
    SUMMARY,
    Checkpoint,
    TrainingRecord,
    load_checkpoint,
    save_checkpoint,
    trained_on,
)
from ramodel.nets.training.config import Augmentation, Optimiser, Precision, Schedule, TrainingConfig
from ramodel.nets.training.devices import usable_device
from ramodel.nets.training.interventions import coupling_penalty, smooth_gradients
from ramodel.nets.training.losses import Loss
from ramodel.nets.training.run import TrainingCallback
from ramodel.nets.training.train import TrainingResult, train

__all__ = [
    "CIFAR10_IMAGES",
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "CIFAR_RESNETS",
    "DATA_FOLDER_VARIABLE",
    "FAMILIES",
    "SUMMARY",
    "AnyNetworkConfig",
    "Augmentation",
    "Block",
    "Checkpoint",
    "CifarBlock",
    "CifarResNet",
    "CifarResNetConfig",
    "DataChoice",
    "Dataset",
    "EmbeddingMode",
    "InputKind",
    "Inputs",
    "LinearBlock",
    "Loss",
    "NetworkConfig",
    "NetworkKind",
    "Normalisation",
    "Optimiser",
    "PaperConfig",
    "PaperNetwork",
    "Parts",
    "PreactivationConfig",
    "PreactivationNetwork",
    "Precision",
    "ProcrustesConfig",
    "ProcrustesNetwork",
    "ResidualNetwork",
    "Schedule",
    "TrainableNetwork",
    "TrainingCallback",
    "TrainingConfig",
    "TrainingRecord",
    "TrainingResult",
    "Transformer",
    "TransformerConfig",
    "TwoLayerBlock",
    "build_network",
    "coupling_penalty",
    "load_checkpoint",
    "load_cifar_resnet",
    "load_dataset",
    "load_inputs",
    "load_weights",
    "network_config",
    "normalised",
    "read_idx",
    "read_weights",
    "save_checkpoint",
    "smooth_gradients",
    "spread_over_classes",
    "text_dataset",
    "train",
    "train_many",
    "trained_on",
    "usable_device",
]
