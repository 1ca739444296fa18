"""What an engine process does, whatever its models: takes requests off a socket, one at a time.

Started by `tasks.engine.started` with three arguments: the socket's descriptor, the threads that
it may use, and the megabytes that one request may take. It ends when its worker does: at the end
of the socket, and, where the worker was killed in the middle of a request, by the kernel's word
on Linux.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from nlp.analysis import Analysis, AnalysisReport, AnalysisRequest
from nlp.ranking import rank
from tasks.engine.memory import limit_memory
from tasks.engine.protocol import (
    HEADER,
    Analysed,
    AnalyseRequest,
    Failed,
    OutOfMemory,
    Ranked,
    RankRequest,
    Ready,
    Reply,
    Request,
    Taken,
    decode_request,
    encode,
)
from tasks.lifeline import die_with_parent

Models = TypeVar("Models")
Load = Callable[[int], Models]
"""Gives the models; its argument is the number of threads."""
Analyse = Callable[[Sequence[AnalysisRequest], Models], Sequence[AnalysisReport]]


def serve(load: Load[Models], analyse: Analyse[Models]) -> None:
    """Runs until the worker closes the socket."""
    descriptor, threads, megabytes = (int(argument) for argument in sys.argv[1:4])
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends us
    gone = contextlib.suppress(BrokenPipeError, ConnectionResetError)  # the worker
    with socket.socket(fileno=descriptor) as channel, gone:
        models = load(threads)
        limit_memory(megabytes)
        channel.sendall(encode(Ready()))
        while body := _read_frame(channel):
            channel.sendall(encode(Taken()))
            channel.sendall(_answered(body, lambda one: analyse([one], models)[0]))


def _answered(body: bytes, analyse: Callable[[AnalysisRequest], AnalysisReport]) -> bytes:
    try:
        return encode(_answer(decode_request(body), analyse))
    except MemoryError:
        return encode(OutOfMemory())
    except Exception as error:
        return encode(Failed(f"{type(error).__name__}: {error}"))


def _answer(request: Request, analyse: Callable[[AnalysisRequest], AnalysisReport]) -> Reply:
    match request:
        case AnalyseRequest():
            return Analysed(analyse(request.request))
        case RankRequest():
            return Ranked(rank(_analyses(request.evidence), request.policy))


def _analyses(evidence: tuple[bytes, ...]) -> list[Analysis]:
    return [msgspec.msgpack.decode(one, type=Analysis) for one in evidence]


def _read_frame(channel: socket.socket) -> bytes | None:
    """The body of the next frame; None at the end of the socket."""
    header = _read_exactly(channel, HEADER.size)
    return header and _read_exactly(channel, HEADER.unpack(header)[0])


def _read_exactly(channel: socket.socket, size: int) -> bytes | None:
    body = bytearray()
    while len(body) < size:
        part = channel.recv(min(size - len(body), 1 << 20))
        if not part:
            return None
        body += part
    return bytes(body)
