"""What the environment may say, and the errors where it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import asdict

from tasks.errors import InvalidSettings
from tasks.redis_url import shown
from tasks.settings import (
    Settings,
    default_models_dir,
    ignored_variables,
    read_settings,
    setting_rows,
)
from tasks.settings.predecessors import SUCCESSORS


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("WORKER_CONCURRENCY", "16", 16),
        ("LEASE_SECONDS", "2.5", 2.5),
        ("STATE_DIR", "/srv/state", Path("/srv/state")),
        ("TASKS_EAGER", "1", True),
        ("TASKS_EAGER", "Off", False),
        ("SOURCES", "gdelt, feeds", ("gdelt", "feeds")),
        ("TOPIC_HALF_LIFE_DAYS", "Finance:1, tech:3", {"finance": 1.0, "tech": 3.0}),
        ("ALLOWED_HOSTS", "a.example, 10.0.0.1 fd00::1", ("a.example", "10.0.0.1", "fd00::1")),
        ("CORS_ORIGINS", "https://a.example http://b:81", ("https://a.example", "http://b:81")),
        ("REDIS_URL", "", None),
        ("WORKER_CONCURRENCY", "  ", 12),
    ],
)
def test_a_value_is_read_as_the_type_of_its_setting(
    variable: str, text: str, value: object
) -> None:
    assert asdict(read_settings({variable: text}))[variable.lower()] == value


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"WORKER_CONCURRENCY": "0"}, "WORKER_CONCURRENCY='0': Expected int >= 1"),
        ({"WORKER_CONCURRENCY": "many"}, "WORKER_CONCURRENCY='many': Expected int, got str"),
        ({"WORKER_LOG_LEVEL": "LOUD"}, "WORKER_LOG_LEVEL='LOUD': Expected one of DEBUG, INFO, "),
        ({"LOG_LEVELS": "tasks:LOUD"}, "LOG_LEVELS='tasks:LOUD': Expected one of DEBUG, INFO, "),
        ({"LOG_LEVELS": "tasks"}, "LOG_LEVELS='tasks': Expected NAME:VALUE, several of them "),
        ({"TOPIC_HALF_LIFE_DAYS": "a:x"}, "TOPIC_HALF_LIFE_DAYS='a:x': Expected float, got str"),
        ({"EMBEDDER": "torch"}, "EMBEDDER='torch': Expected str matching regex "),
        ({"PROXY_SECRET": "too short"}, "PROXY_SECRET=(hidden): "),
        ({"ALLOWED_HOSTS": "curator.example:80"}, "ALLOWED_HOSTS='curator.example:80': "),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS='*': "),
        ({"CORS_ORIGINS": "https://a.example/"}, "CORS_ORIGINS='https://a.example/': "),
        ({"EGRESS_PROXY": "socks5://user:pass@proxy"}, "EGRESS_PROXY=(hidden): "),
        ({"WEIGHT_NER": "0.5"}, "WEIGHT_*: the weights must sum to 1, and they sum to 1.38"),
        (
            {"TASK_SOFT_TIME_LIMIT": "20", "TASK_HARD_TIME_LIMIT": "10"},
            "TASK_HARD_TIME_LIMIT: must not be below TASK_SOFT_TIME_LIMIT",
        ),
        ({"REDIS_URL": "foo"}, "REDIS_URL='foo': it must begin with redis://"),
        ({"REDIS_URL": "h:6379"}, "REDIS_URL='h:6379': it must begin with redis://"),
        ({"REDIS_URL": "valkey://h"}, "REDIS_URL='valkey://h': it must begin with redis://"),
        ({"REDIS_URL": "unix://"}, "REDIS_URL='unix://': it must hold the path of a socket"),
        ({"REDIS_URL": "redis+sentinel://h:1/x"}, "REDIS_URL='redis+sentinel://h:1/x': Sentinel"),
        ({"REDIS_URL": "redis://h/abc"}, "REDIS_URL='redis://h/abc': what follows the port must"),
        ({"REDIS_URL": "redis://:key@h:x"}, "REDIS_URL='redis://***@h:x': Port could not be"),
        ({"REDIS_URL": "redis://[::1"}, "REDIS_URL='redis://[::1': Invalid IPv6 URL"),
        ({"EGRESS_PROXY": "http://me:key@h:x"}, "EGRESS_PROXY='http://***@h:x': Port could not"),
        ({"CURATOR_URL": "http://["}, "CURATOR_URL='http://[': Invalid IPv6 URL"),
        ({"GDELT_URL": "https://"}, "GDELT_URL='https://': it names no host and port"),
        (
            {"EMBEDDING_MODEL": "some/model", "EMBEDDER": "auto"},
            "EMBEDDING_MODEL: another model needs EMBEDDER=sentence-transformers",
        ),
        (
            {"EMBEDDING_MODEL": "some/model", "EMBEDDER": "onnx"},
            "EMBEDDING_MODEL: another model needs EMBEDDER=sentence-transformers",
        ),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_the_reason(
    environ: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidSettings) as raised:
        read_settings(environ)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://ada:key@h:6380/2?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
        "unix://:key@/run/with%20space/redis.sock",
        "redis://[::1]:6379/0",
    ],
)
def test_the_urls_of_the_client_library_are_accepted(url: str) -> None:
    assert read_settings({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("rediss://ada:key@h:6380/2?ssl_keyfile=key", "rediss://***@h:6380/2"),
        ("unix://:key@/run/redis.sock", "unix://***@/run/redis.sock"),
        ("redis://h?password=key", "redis://h"),
        ("redis://:key@more@h", "redis://***@h"),
        ("redis://:key?more@h", "redis://***"),
        ("redis://:key://more@h", "***@h"),
        ("key@h:6379", "***@h:6379"),
    ],
)
def test_no_url_is_shown_with_its_password(url: str, text: str) -> None:
    assert shown(url) == text


def test_variables_of_celery_are_named_with_their_successors() -> None:
    environ = {"CELERY_CONCURRENCY": "4", "CELERY_ALWAYS_EAGER": "", "CELERY_X": "1", "HOME": "/"}
    assert ignored_variables(environ) == {
        "CELERY_CONCURRENCY": "WORKER_CONCURRENCY",
        "CELERY_X": None,
    }


def test_every_successor_is_a_setting() -> None:
    assert set(SUCCESSORS.values()) <= {row.name for row in setting_rows(Settings())}


def test_sentence_transformers_may_run_another_model() -> None:
    environ = {"EMBEDDING_MODEL": "some/model", "EMBEDDER": "sentence-transformers"}
    assert read_settings(environ).embedding_model == "some/model"


def test_the_rows_can_be_read_back() -> None:
    settings = Settings(
        sources=("hackernews", "arxiv"), topic_half_life_days={"tech": 2.5}, tasks_eager=True
    )
    assert read_settings({row.name: row.value for row in setting_rows(settings)}) == settings


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.cache/content-curator/models"),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "/cache"}, "/cache/content-curator/models"),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "x"}, "/home/ada/.cache/content-curator/models"),
    ],
)
def test_outside_a_virtual_environment_models_are_cached(
    environ: dict[str, str], directory: str
) -> None:
    assert default_models_dir(environ, prefix="/usr", base_prefix="/usr") == Path(directory)


def test_without_a_home_directory_there_is_no_default() -> None:
    assert default_models_dir({}, prefix="/usr", base_prefix="/usr") is None


def test_a_virtual_environment_has_its_own_models() -> None:
    directory = default_models_dir({"HOME": "/home/ada"}, prefix="/opt/venv", base_prefix="/usr")
    assert directory == Path("/opt/venv/models")


def test_the_setting_overrides_the_default_directory() -> None:
    assert read_settings({"MODELS_DIR": "/srv/models"}).models_path == Path("/srv/models")
