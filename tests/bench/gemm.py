"""The rate at which matrices of float32 are multiplied here: no encoder is faster.

Of numpy, torch and onnxruntime, the fastest is the limit; which that is depends on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from nlp.embedding.embedder import Vectors

SHAPES = ((256, 384, 1536), (1024, 1024, 1024))
"""(m, k, n) of the encoder's widest product, and of a square that fills the caches."""

FLOPS = 4e9
"""Of one call, roughly, and for each thread."""

Product = Callable[[], object]


def products(threads: int, pool: ThreadPoolExecutor) -> Mapping[str, tuple[Product, float]]:
    """Name → what multiplies on that many threads, and the operations that it does.

    numpy and onnxruntime on one thread each, side by side; torch on its own. OPENBLAS_NUM_THREADS
    must be 1.
    """
    made: dict[str, tuple[Product, float]] = {}
    for m, k, n in SHAPES:
        a = np.random.default_rng(1).standard_normal((m, k), dtype=np.float32)
        b = np.random.default_rng(2).standard_normal((k, n), dtype=np.float32)
        times = max(1, round(FLOPS / (2 * m * k * n)))
        for name, product, alone in (
            ("numpy", _by_numpy(a, b), True),
            ("onnxruntime", _by_onnxruntime(a, b), True),
            ("torch", _by_torch(a, b), False),
        ):
            run = _repeated(product, times)
            whole = _side_by_side(run, threads, pool) if alone else run
            done = 2.0 * m * k * n * times * (threads if alone else 1)
            made[f"{name} {m}x{k}x{n}"] = (whole, done)
    return made


def _repeated(product: Product, times: int) -> Product:
    def run() -> None:
        for _ in range(times):
            product()

    return run


def _side_by_side(run: Product, threads: int, pool: ThreadPoolExecutor) -> Product:
    return run if threads == 1 else lambda: list(pool.map(lambda _: run(), range(threads)))


def _by_numpy(a: Vectors, b: Vectors) -> Product:
    return lambda: a @ b


def _by_torch(a: Vectors, b: Vectors) -> Product:
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    return lambda: torch.mm(left, right)


def _by_onnxruntime(a: Vectors, b: Vectors) -> Product:
    graph = make_graph(
        [make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [make_tensor_value_info("a", TensorProto.FLOAT, list(a.shape))],
        [make_tensor_value_info("c", TensorProto.FLOAT, [a.shape[0], b.shape[1]])],
        [from_array(b, "b")],
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"a": a})
