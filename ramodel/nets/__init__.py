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

from ramodel.nets.blocks import Block, LinearBlock, TwoLayerBlock
from ramodel.nets.checkpoints import SUMMARY, Checkpoint, TrainingRecord, load_checkpoint, save_checkpoint, trained_on
from ramodel.nets.cifar_resnet import (
    CIFAR10_IMAGES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR_RESNETS,
    CifarBlock,
    CifarResNet,
    load_cifar_resnet,
)
from ramodel.nets.data_folder import DATA_FOLDER_VARIABLE
from ramodel.nets.datasets import DataChoice, Dataset, Normalisation, load_dataset, spread_over_classes
from ramodel.nets.devices import usable_device
from ramodel.nets.idx import read_idx
from ramodel.nets.inputs import InputKind, Inputs, load_inputs, normalised
from ramodel.nets.losses import Loss
from ramodel.nets.network import EmbeddingMode, NetworkConfig, NetworkKind, ResidualNetwork
from ramodel.nets.training import TrainingResult, train
from ramodel.nets.training_config import Optimiser, Schedule, TrainingConfig
from ramodel.nets.weights import load_weights, read_weights

__all__ = [
    "CIFAR10_IMAGES",
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "CIFAR_RESNETS",
    "DATA_FOLDER_VARIABLE",
    "SUMMARY",
    "Block",
    "Checkpoint",
    "CifarBlock",
    "CifarResNet",
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
    "ResidualNetwork",
    "Schedule",
    "TrainingConfig",
    "TrainingRecord",
    "TrainingResult",
    "TwoLayerBlock",
    "load_checkpoint",
    "load_cifar_resnet",
    "load_dataset",
    "load_inputs",
    "load_weights",
    "normalised",
    "read_idx",
    "read_weights",
    "save_checkpoint",
    "spread_over_classes",
    "train",
    "trained_on",
    "usable_device",
]
