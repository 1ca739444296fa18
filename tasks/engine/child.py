"""The engine process itself: `python -m tasks.engine.child FD THREADS`.

Started by `tasks.engine.process`. It ends when its worker does: at the end of the socket, and,
where the worker was killed in the middle of a request, by the kernel's word on Linux.
"""

from __future__ import annotations

import signal
import socket
import sys

import msgspec

from nlp.analysis import Analysis
from nlp.pipeline import Models, analyse, load_models
from nlp.ranking import rank
from tasks.engine.protocol import (
    HEADER,
    Analysed,
    AnalyseRequest,
    Failed,
    Ranked,
    RankRequest,
    Ready,
    Reply,
    Request,
    decode_request,
    encode,
)
from tasks.lifeline import die_with_parent


def main(descriptor: int, threads: int) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends us
    with socket.socket(fileno=descriptor) as channel:
        models = load_models(threads)
        channel.sendall(encode(Ready()))
        while body := _read_frame(channel):
            channel.sendall(encode(_answer(decode_request(body), models)))


def _answer(request: Request, models: Models) -> Reply:
    try:
        match request:
            case AnalyseRequest():
                return Analysed(analyse([request.request], models)[0])
            case RankRequest():
                return Ranked(rank(_analyses(request.evidence), request.policy))
    except MemoryError as error:
        return Failed(f"{type(error).__name__}: {error}", out_of_memory=True)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


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


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
