"""Why Redis cannot serve us, in words that say what to do; and the log of an outage."""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator

from msgspec import Struct
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    OutOfMemoryError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.errors import LedgerUnavailable
from tasks.ledger.slot import HashTagMissing, SlotAway
from tasks.logs import OutageLog
from tasks.redis_url import DEFAULT_KEY_PREFIX, shown

START = "start it, or correct REDIS_URL; `curator up` starts its own again by itself"


TRUST = "add ?ssl_ca_certs=/path/to/ca.pem to REDIS_URL"


class Diagnosis(Struct, frozen=True):
    """What is wrong, and what an operator can do about it."""

    cause: str
    advice: str

    def __str__(self) -> str:
        return f"{self.cause}; {self.advice}"


class LedgerOutage:
    """Reports the outages of one server, as one process sees them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._log = OutageLog(
            "the ledger cannot be reached", "the ledger is reached again", {"ledger": shown(url)}
        )

    def lasts(self, error: LedgerUnavailable) -> None:
        """A call has failed."""
        diagnosis = diagnose(error, self._url)
        self._log.lasts(cause=diagnosis.cause, advice=diagnosis.advice)

    def ends(self) -> None:
        """A call has succeeded."""
        self._log.ends()


def diagnose(error: BaseException, url: str) -> Diagnosis:
    """Why a server at this URL did not serve us, from the error of a call or a connection."""
    chain = list(_chain(error))
    return (
        _of_tls(chain, url)
        or _of_access(chain)
        or _of_network(chain, url)
        or _of_server(chain, url)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        if not isinstance(error, LedgerUnavailable):
            yield error
        error = error.__cause__ or error.__context__  # redis-py gives only a context


def _of_tls(chain: list[BaseException], url: str) -> Diagnosis | None:
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            message = error.verify_message.rstrip(".")
            if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_
                return Diagnosis(
                    f"its certificate is for another name: {message}",
                    "use a name in REDIS_URL that the certificate holds",
                )
            return Diagnosis(f"its certificate is not trusted: {message}", TRUST)
        if isinstance(error, ssl.SSLError):
            return Diagnosis(
                f"no TLS connection is possible: {error.reason or error}",
                "use redis:// in REDIS_URL if the server does not speak TLS",
            )
        if isinstance(error, FileNotFoundError) and url.startswith("rediss://"):
            return Diagnosis(
                "a file that REDIS_URL names for TLS does not exist", "correct its path"
            )
    if any("CERTIFICATE_VERIFY_FAILED" in str(error) for error in chain):  # see `_error_number`
        return Diagnosis("its certificate is not trusted", TRUST)
    return None


def _of_access(chain: list[BaseException]) -> Diagnosis | None:
    for error in chain:
        if isinstance(error, AuthenticationError):
            if "WRONGPASS" in str(error) or "invalid" in str(error):
                return Diagnosis(
                    "it does not accept the user or the password",
                    "correct them in REDIS_URL, with special characters as %XX",
                )
            return Diagnosis(
                "it asks for a password",
                "put it into REDIS_URL, as in redis://:PASSWORD@HOST:6379/0",
            )
        if "DB index is out of range" in str(error):
            return Diagnosis(
                "it has no database of that number", "correct the number at the end of REDIS_URL"
            )
    return None


def _of_network(chain: list[BaseException], url: str) -> Diagnosis | None:
    number = _error_number(chain)
    if number is not None and number < 0:  # of getaddrinfo
        return Diagnosis(
            "the name of its host is not known",
            "correct it in REDIS_URL, or see to the name service of this machine",
        )
    if number in _NETWORK:
        return _NETWORK[number]
    if any(isinstance(error, TimeoutError | RedisTimeoutError) for error in chain):
        advice = "see whether it hangs, or a firewall is between"
        if url.startswith("rediss://"):
            advice += "; use redis:// if it does not speak TLS"
        return Diagnosis("it does not answer in time", advice)
    return None


def _error_number(chain: list[BaseException]) -> int | None:
    """Of the operating system. The client library has it in its text; the error of the system is
    its context, but Python replaces that where an error is raised again."""
    for error in chain:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        if match_ := re.match(r"Error (-?\d+) connecting to ", str(error)):
            return int(match_[1])
    return None


_NETWORK = {
    errno.ECONNREFUSED: Diagnosis("nothing listens there", START),
    errno.ENOENT: Diagnosis("there is no such socket", START),
    errno.EACCES: Diagnosis("this user may not use its socket", "see to the permissions"),
    errno.EHOSTUNREACH: Diagnosis("the network has no way to it", "see to the network"),
    errno.ENETUNREACH: Diagnosis("the network has no way to it", "see to the network"),
}


def _of_server(chain: list[BaseException], url: str) -> Diagnosis:
    text = " ".join(str(error) for error in chain)
    for error in chain:
        match error:
            case HashTagMissing():
                return Diagnosis(
                    str(error),
                    f"use one such as {DEFAULT_KEY_PREFIX}, so that all keys are in one slot",
                )
            case SlotAway():
                return Diagnosis(
                    "no node of the cluster serves our keys now",
                    "wait for the failover or the move of the slot, or see `CLUSTER INFO`",
                )
            case BusyLoadingError():
                return Diagnosis("it still loads its data", "wait")
            case OutOfMemoryError():
                return Diagnosis("its memory is full", "give it more (maxmemory), or purge jobs")
            case InvalidResponse():
                return Diagnosis("what answers there is no Redis", "correct REDIS_URL")
    for sign, diagnosis in _REPLIES.items():
        if sign in text:
            return diagnosis
    if "closed" in text or any(isinstance(error, ConnectionResetError) for error in chain):
        tls = "; use rediss:// if it expects TLS" if url.startswith("redis://") else ""
        return Diagnosis("it closes the connection", f"see its log{tls}")
    names = (type(error).__name__ for error in chain)
    return Diagnosis(text.strip()[:200] or next(names, "unknown"), "see its log")


_REPLIES = {
    "READONLY": Diagnosis("it is a replica", "use its primary in REDIS_URL"),
    "read only": Diagnosis("it is a replica", "use its primary in REDIS_URL"),
    "MISCONF": Diagnosis("it cannot save its data, and takes no writes", "see to its disk"),
    "NOREPLICAS": Diagnosis("too few of its replicas are there", "see to its replicas"),
    "max number of clients": Diagnosis("it takes no more clients", "raise its maxclients"),
    "BUSY": Diagnosis("another client's script blocks it", "wait, or end that script"),
}
"""What the replies of a server say that refuses to serve."""
