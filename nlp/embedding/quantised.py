"""A model whose big matrices are of whole numbers of 8 bits: faster, and not exact.

Weights are rounded once, symmetrically; what they are multiplied with is rounded as it comes. A
matrix has one scale for each column and its input one for all (DynamicQuantizeMatMul), except
behind the activation, whose few large values would leave nothing of the small ones: there, each 64
numbers of a row and of a column have a scale of their own (MatMulNBits).

Measured on 150 paragraphs of documentation and news, against fp32: 1.7 times as fast on a core with
AVX-512 VNNI, cosine to the exact row .993 at worst, cosine of a pair off by up to .044. With one
scale everywhere it was 2.2 times, .985 and .070; with a scale for each 64 everywhere 1.2 times,
.999 and .013. Processors without VNNI saturate in these products; the export, which compares what
it made, refuses there what has become too wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_node
from onnx.numpy_helper import from_array, to_array

from nlp.embedding.encoder_graph import MICROSOFT

BLOCK = 64
"""Numbers with a common scale, behind the activation."""

BEHIND_ACTIVATION = "BiasGelu"


def quantised(model: ModelProto) -> ModelProto:
    """A copy of `model` whose products with constant matrices are of whole numbers."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    constants = {constant.name: constant for constant in graph.initializer}
    nodes: list[NodeProto] = []
    for node in graph.node:
        weight = constants.get(node.input[1]) if node.op_type in ("Gemm", "MatMul") else None
        nodes.append(node if weight is None else _quantised(node, weight, constants))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(_used(nodes, constants))
    return changed


def _quantised(
    node: NodeProto, weight: TensorProto, constants: dict[str, TensorProto]
) -> NodeProto:
    """The node in its place; adds its constants."""
    behind = node.input[0].startswith(BEHIND_ACTIVATION)
    return (_by_block if behind else _by_column)(node, to_array(weight), constants)


def _by_column(
    node: NodeProto, weight: npt.NDArray[np.float32], constants: dict[str, TensorProto]
) -> NodeProto:
    scales = np.abs(weight).max(axis=0) / np.float32(127)
    parts = {
        "numbers": np.rint(weight / scales).astype(np.int8),
        "scales": scales,
        "zeros": np.zeros(len(scales), np.int8),
    }
    inputs = [node.input[0], *_added(node.input[1], parts, constants), *node.input[2:]]
    return make_node("DynamicQuantizeMatMul", inputs, node.output, name=node.name, domain=MICROSOFT)


def _by_block(
    node: NodeProto, weight: npt.NDArray[np.float32], constants: dict[str, TensorProto]
) -> NodeProto:
    rows, columns = weight.shape
    blocks = weight.T.reshape(columns, rows // BLOCK, BLOCK)
    scales = np.abs(blocks).max(axis=2) / np.float32(127)
    numbers = np.rint(blocks / scales[:, :, None]) + 128  # the operator's zero, where none is given
    parts = {"numbers": numbers.astype(np.uint8), "scales": scales}
    inputs = [node.input[0], *_added(node.input[1], parts, constants), "", "", *node.input[2:]]
    return make_node(
        "MatMulNBits",
        inputs,
        node.output,
        name=node.name,
        domain=MICROSOFT,
        K=rows,
        N=columns,
        bits=8,
        block_size=BLOCK,
        accuracy_level=4,  # its input too in whole numbers
    )


def _added(
    name: str,
    parts: Mapping[str, npt.NDArray[np.generic]],
    constants: dict[str, TensorProto],
) -> list[str]:
    names = {part: f"{name}.{part}" for part in parts}
    constants.update({names[part]: from_array(value, names[part]) for part, value in parts.items()})
    return list(names.values())


def _used(nodes: list[NodeProto], constants: Mapping[str, TensorProto]) -> Iterator[TensorProto]:
    names = {name for node in nodes for name in node.input}
    return (constant for name, constant in constants.items() if name in names)
