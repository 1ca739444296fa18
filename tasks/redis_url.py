"""The address of Redis: what REDIS_URL may be, and how it is shown without its password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SCHEMES = ("redis", "rediss", "unix")

DEFAULT_KEY_PREFIX = "{curator}:"
"""With a hash tag: in a cluster all keys are in one slot."""


def check_redis_url(url: str) -> None:
    """Raises ValueError with what is wrong. Options after a `?` are checked by the client library,
    which not every process has loaded."""
    scheme, mark, _ = url.partition("://")
    if "sentinel" in scheme:
        raise ValueError(
            "Sentinel is not supported; give the address of the primary, or of a proxy that "
            "follows it"
        )
    if not mark or scheme not in SCHEMES:
        raise ValueError("it must begin with redis://, rediss:// (TLS) or unix://")
    parts = urlsplit(url)  # raises ValueError too
    if scheme == "unix":
        if not parts.path.startswith("/"):
            raise ValueError("it must hold the path of a socket, as in unix:///run/redis.sock")
        return
    if parts.port == 0:
        raise ValueError("there is no port 0")
    if not re.fullmatch("/?[0-9]*", parts.path, re.ASCII):
        raise ValueError("what follows the port must be the number of a database, as in :6379/0")


def shown(url: str) -> str:
    """The URL without user, password and options, for messages and logs; also a malformed one."""
    start, mark, rest = url.rpartition("://") if url.count("://") == 1 else ("", "", url)
    address, *options = re.split("[?#]", rest, maxsplit=1)
    if "@" in address:
        address = f"***@{address.rpartition('@')[2]}"
    elif options and "@" in options[0]:  # a password with a ? in it
        address = "***"
    return f"{start}{mark}{address}"[:200]
