"""Several blocks of one structure as one operator, whose products are batched over the blocks."""

from collections.abc import Sequence

import torch

from ramodel.spectra.operators.linearised.graph import Graph
from ramodel.spectra.operators.linearised.layout import axis_of, is_plain
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.product import Linear, RightProduct
from ramodel.spectra.operators.linearised.maps.scale import Scale
from ramodel.spectra.operators.linearised.operator import LinearisedOperator
from ramodel.spectra.operators.linearised.program import Program
from ramodel.spectra.operators.linearised.recorder import Edge

__all__ = ["stack_linearised"]


def stack_linearised(operators: Sequence[LinearisedOperator]) -> LinearisedOperator | None:
    """Return one operator of all problems, those of the first block first; None where the blocks are not alike.

    Blocks of vectors [N, d] that consist of `Linear` and elementwise steps, equal in structure, sizes and inputs, have
    their weights stacked: one batched matrix product for all of them, where one after another they are too small to
    keep the processor busy.

    Parameters
    ----------
    operators
        Of B blocks at N inputs each.

    Returns
    -------
    LinearisedOperator or None
        Problems are (block, input), blocks first.
    """
    graphs = [operator.program.graph for operator in operators]
    grids = {tuple(operator.grid.shape) for operator in operators}
    forms = {(operator.shape, operator.output_shape, operator.dtype, operator.device) for operator in operators}
    if len(forms) != 1 or len(grids) != 1 or any(operator.grid.ndim != 1 for operator in operators):
        return None
    if len({_structure(graph) for graph in graphs}) != 1:
        return None
    first = operators[0]
    nodes: list[list[Edge]] = []
    for alike in zip(*(graph.nodes for graph in graphs), strict=True):
        nodes.append([])
        for edges in zip(*alike, strict=True):
            maps = [_stacked(parts) for parts in zip(*(edge.maps for edge in edges), strict=True)]
            known = [part for part in maps if part is not None]
            if len(known) < len(maps):
                return None
            nodes[-1].append(Edge(edges[0].source, tuple(known)))
    grid = torch.ones(len(operators), first.problems, dtype=torch.bool, device=first.device)
    program = Program(Graph(nodes, first.program.graph.output))
    return LinearisedOperator(program, grid, first.shape, first.output_shape, first.dtype)


def _structure(graph: Graph) -> object:
    """Return all of a graph but the constants of its maps."""
    nodes = [[(edge.source, tuple(map(type, edge.maps))) for edge in edges] for edges in graph.nodes]
    return repr((nodes, graph.output))


def _stacked(maps: Sequence[LinearMap]) -> LinearMap | None:
    """Return one map of tangents [p, B, N, d] for a map of each block, of tangents [p, N, d]."""
    blocks = axis_of(len(maps), "sample")
    linear = [part for part in maps if isinstance(part, Linear) and part.rows == 1]
    if len(linear) == len(maps) and len({part.matrix.shape for part in linear}) == 1:
        matrices = torch.stack([part.matrix for part in linear])
        return RightProduct(matrices, (blocks, *map(axis_of, matrices.shape[1:])), linear[0].flops)
    scales = [part for part in maps if isinstance(part, Scale) and part.factor.ndim <= 2]
    if len(scales) == len(maps) and len({part.factor.shape for part in scales}) == 1:
        factors = torch.stack(
            [part.factor.reshape((1,) * (2 - part.factor.ndim) + part.factor.shape) for part in scales]
        )
        varies = scales[0].factor.ndim == 2 and not is_plain(scales[0].layout[0])
        inputs = axis_of(factors.shape[1], "token") if varies else axis_of(factors.shape[1])
        return Scale(factors, (blocks, inputs, axis_of(factors.shape[2])))
    return None
