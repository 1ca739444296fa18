"""An operator reads why the ledger cannot be reached, and what to do, wherever it is noticed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from msgspec.structs import replace
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from tasks.errors import InvalidSettings, LedgerUnavailable
from tasks.ledger.connection import unavailable
from tasks.ledger.diagnosis import diagnose
from tasks.resources import examine_redis, ledger_address, open_web
from tasks.settings import Settings
from tests.loopback import free_port
from tests.proxy import proxy_to
from tests.tcp_server import tcp_server
from tests.waiting import wait_until

PASSWORD = "sesame-seeds"


@pytest.fixture
def with_password(valkey: redis.Redis) -> Iterator[None]:
    """Connections that are open stay allowed, so this one can take the password away again."""
    valkey.config_set("requirepass", PASSWORD)
    yield
    valkey.config_set("requirepass", "")


@pytest.fixture
def port(settings: Settings) -> int:
    return urlsplit(settings.redis_url or "").port or 0


@asynccontextmanager
async def tls_in_front_of(port: int, certificate: Path) -> AsyncIterator[int]:
    """The port on which the server speaks TLS too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with proxy_to("127.0.0.1", port, context) as proxy:
        yield proxy.port


async def said_of(settings: Settings, url: str) -> str:
    """What the doctor says of this address."""
    with pytest.raises(LedgerUnavailable) as raised:
        await examine_redis(replace(settings, redis_url=url))
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


@pytest.mark.usefixtures("with_password")
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("redis://127.0.0.1:{port}", "it asks for a password; put it into REDIS_URL"),
        ("redis://:{password}x@127.0.0.1:{port}", "it does not accept the user or the password"),
        ("redis://:{password}@127.0.0.1:{port}/99", "it has no database of that number"),
        ("redis://127.0.0.1:{free}", "nothing listens there; start it, or correct REDIS_URL"),
        ("redis://no-such-host.invalid", "the name of its host is not known"),
        ("unix:///no/such/socket", "there is no such socket"),
        ("rediss://localhost:{port}?ssl_ca_certs=/no/such/file", "a file that REDIS_URL names"),
    ],
)
async def test_what_is_wrong_with_an_address(
    settings: Settings, port: int, url: str, cause: str
) -> None:
    url = url.format(port=port, free=free_port(), password=PASSWORD)
    said = await said_of(settings, url)
    assert cause in said
    assert (urlsplit(url).hostname or urlsplit(url).path) in said


async def test_what_is_wrong_with_tls(settings: Settings, port: int, certificate: Path) -> None:
    async with tls_in_front_of(port, certificate) as tls_port:
        plain = await said_of(settings, f"redis://127.0.0.1:{tls_port}")
        unknown = await said_of(settings, f"rediss://127.0.0.1:{tls_port}")
        trusting = f"rediss://127.0.0.1:{tls_port}?ssl_ca_certs={certificate}.crt"
        other_name = await said_of(settings, trusting)
        trusted = replace(settings, redis_url=f"{trusting}&ssl_check_hostname=false")
        assert await examine_redis(trusted)
    assert "use rediss:// if it expects TLS" in plain
    assert "its certificate is not trusted" in unknown
    assert "its certificate is for another name" in other_name


async def test_a_server_of_another_kind_is_recognised(settings: Settings) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with tcp_server(refuse) as port:
        assert "what answers there is no Redis" in await said_of(
            settings, f"redis://127.0.0.1:{port}"
        )


@pytest.mark.parametrize("option", ["no_such_option=1", "db=many", "ssl_cert_reqs=none"])
def test_an_option_that_there_is_not_is_refused_by_name(settings: Settings, option: str) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1?{option}"
    with pytest.raises(InvalidSettings) as raised:
        ledger_address(replace(settings, redis_url=url))
    assert str(raised.value).startswith("REDIS_URL='redis://***@127.0.0.1': ")
    assert option.partition("=")[0] in str(raised.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Error 111 connecting to h:6379. Connection refused.", "nothing listens there"),
        ("Error -2 connecting to h:6379. Name or service not known.", "the name of its host"),
        ("Error 1 connecting to h:6379. [SSL: CERTIFICATE_VERIFY_FAILED] …", "its certificate is"),
        ("Error 999 connecting to h:6379. Surprise.", "Error 999 connecting to h:6379. Surprise."),
        ("", "ConnectionError"),
    ],
)
def test_an_error_that_has_lost_its_context_is_recognised(text: str, cause: str) -> None:
    """As one that was raised again while another was handled."""
    said = diagnose(unavailable(RedisConnectionError(text)), "rediss://h:6379")
    assert said.cause.startswith(cause)


async def test_web_reports_an_outage_once_and_its_end(settings: Settings, port: int) -> None:
    async with proxy_to("127.0.0.1", port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}"
        with capture_logs() as logs:
            async with open_web(replace(settings, redis_url=url)) as queue:
                await queue.depth()
                await proxy.cut()
                await wait_until(lambda: logs, "the outage to be reported")
                for _ in range(3):
                    with pytest.raises(LedgerUnavailable):
                        await queue.depth()
                proxy.mend()
                await wait_until(lambda: len(logs) == 2, "its end to be reported")
                await proxy.cut()
    away, back = logs
    assert (away["event"], away["ledger"]) == ("the ledger cannot be reached", url)
    assert (back["event"], back["ledger"]) == ("the ledger is reached again", url)
