"""Measures the embedders in a process of its own: `python -m tests.bench.embedding THREADS ROUNDS`.

The number of a library's threads is set before it is loaded, and torch never comes into the process
of the command. A round gives each contender its turn, so that a busy neighbour is busy for all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from tokenizers import Tokenizer

from nlp.embedding.embedder import Embedder, Vectors, title_and_lead
from nlp.embedding.export import export
from nlp.embedding.model_file import ExportedModel, find_exported
from nlp.embedding.onnx_embedder import OnnxEmbedder
from nlp.embedding.sentence_embedder import SentenceTransformerEmbedder
from nlp.minilm import MAX_TOKENS
from tasks.settings import Settings
from tests.bench.gemm import products
from tests.bench.rates import Measured, Round, flops

ARTICLES = Path(__file__).parents[1] / "sampleweb" / "articles"

LONG_TEXTS = 8
"""Of 256 tokens, embedded in one call for each thread."""

SHORT_TEXTS = 120
"""Sentences, embedded in one call for each thread."""


def measure(threads: int, rounds: int) -> Measured:
    embedders = _embedders(threads)
    count = Tokenizer.from_file(str(_exported().tokenizer_file))
    count.no_padding()
    count.enable_truncation(MAX_TOKENS)
    bodies = [_body(file) for file in sorted(ARTICLES.glob("*/*.md"))]
    long = [body for body in bodies if len(count.encode(body).ids) == MAX_TOKENS]
    long = long[: LONG_TEXTS * threads]
    sentences = [one for body in bodies for one in body.replace("\n", " ").split(". ") if one]
    short = sentences[:: max(1, len(sentences) // (SHORT_TEXTS * threads))]
    with ThreadPoolExecutor(threads) as pool:
        gemm = products(threads, pool)
        work = {
            name: [_encoding(embedder, texts, count) for texts in (long, short)]
            for name, embedder in embedders.items()
        }
        measured = [
            Round(
                gemm={name: _rate(*product) for name, product in gemm.items()},
                long={name: _rate(*jobs[0]) for name, jobs in work.items()},
                short={name: _rate(*jobs[1]) for name, jobs in work.items()},
            )
            for _ in range(rounds + 1)
        ]
    rows = {name: one.encode([*long, *short]) for name, one in embedders.items()}
    reference = rows["sentence-transformers"]
    return Measured(
        rounds=measured[1:],  # the first was to warm up
        least_cosine={
            name: float((own * reference).sum(axis=1).min()) for name, own in rows.items()
        },
        pair_error={name: _pair_error(own, reference) for name, own in rows.items()},
    )


def _embedders(threads: int) -> dict[str, Embedder]:
    return {
        "onnxruntime": OnnxEmbedder(_exported(), threads),
        "sentence-transformers": SentenceTransformerEmbedder(threads),
    }


def _exported() -> ExportedModel:
    models_dir = Settings().models_path
    export(models_dir)
    found = find_exported(models_dir)
    if found is None:
        raise SystemExit(f"no whole model in {models_dir}")
    return found


def _body(file: Path) -> str:
    head, _, body = file.read_text().removeprefix("---\n").partition("---\n")
    title = next(line for line in head.splitlines() if line.startswith("title: "))
    return title_and_lead(title.removeprefix("title: "), body)


def _encoding(
    embedder: Embedder, texts: Sequence[str], tokenizer: Tokenizer
) -> tuple[Callable[[], object], float]:
    done = sum(flops(len(encoded.ids)) for encoded in tokenizer.encode_batch_fast(list(texts)))
    return lambda: embedder.encode(texts), done


def _rate(run: Callable[[], object], done: float) -> float:
    started = time.perf_counter()
    run()
    return done / (time.perf_counter() - started)


def _pair_error(rows: Vectors, reference: Vectors) -> float:
    return float(np.abs(rows @ rows.T - reference @ reference.T).max())


if __name__ == "__main__":
    told = measure(threads=int(sys.argv[1]), rounds=int(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(told))
