"""Which hosts and origins are ours, and when web must not start."""

from __future__ import annotations

import pytest

from app.http.hosts import AllowedHosts, check_exposure, is_loopback
from tasks.errors import InvalidSettings

HOSTS = AllowedHosts(bound="192.168.1.5", names=("Curator.example", "fd00::1"))


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST.",
        "app.localhost:1",
        "127.0.0.1:8000",
        "127.8.8.8",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "192.168.1.5:8000",
        "curator.example",
        "CURATOR.EXAMPLE:443",
        "[FD00::1]:8000",
    ],
)
def test_own_hosts(header: str) -> None:
    assert HOSTS.allow(header, None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.evil.example",
        "curator.example.evil.example",
        "a.curator.example",
        "192.168.1.6",
        "localhost:8000:evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "localhost evil.example",
        "[::1",
        "[::1]evil.example",
        "::1",
    ],
)
def test_other_hosts(header: str) -> None:
    assert not HOSTS.allow(header, None)


def test_the_address_at_which_a_connection_arrived_is_ours() -> None:
    everywhere = AllowedHosts(bound="0.0.0.0")
    assert everywhere.allow("10.0.0.7:8000", "10.0.0.7")
    assert everywhere.allow("10.0.0.7:8000", "::ffff:10.0.0.7")
    assert not everywhere.allow("10.0.0.8:8000", "10.0.0.7")
    assert not everywhere.allow("evil.example", "evil.example")


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://Reverse.example", "reverse.example", True),
        ("https://curator.example", "127.0.0.1:8000", True),
        ("http://[fd00::1]", "127.0.0.1:8000", True),
        ("http://localhost:3000", "localhost:8000", False),
        ("http://127.0.0.1:8000", "localhost:8000", False),
        ("https://curator.example:444", "127.0.0.1:8000", False),
        ("https://evil.example", "curator.example", False),
        ("null", "localhost:8000", False),
        ("", "localhost:8000", False),
        ("file://localhost:8000", "localhost:8000", False),
        ("http://[", "localhost:8000", False),
        ("null", "", False),
        ("http://", "", False),
        ("http://[", "", False),
    ],
)
def test_origins(origin: str, host: str, *, allowed: bool) -> None:
    assert HOSTS.allow_origin(origin, host) is allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_web_may_listen_on_loopback(host: str) -> None:
    assert is_loopback(host)
    check_exposure(host, unsafe_open=False, proxy_secret=None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "curator.example"])
def test_web_may_listen_elsewhere_only_on_purpose(host: str) -> None:
    check_exposure(host, unsafe_open=True, proxy_secret=None)
    check_exposure(host, unsafe_open=False, proxy_secret="a secret of the proxy")
    with pytest.raises(InvalidSettings, match=r"UNSAFE_OPEN=1"):
        check_exposure(host, unsafe_open=False, proxy_secret=None)
