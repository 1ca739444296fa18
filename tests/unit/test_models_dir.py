"""Where exported models are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.settings import default_models_dir, read_settings


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.cache/content-curator/models"),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "/cache"}, "/cache/content-curator/models"),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "x"}, "/home/ada/.cache/content-curator/models"),
    ],
)
def test_outside_a_virtual_environment_models_are_cached(
    environ: dict[str, str], expected: str
) -> None:
    assert default_models_dir(environ, prefix="/usr", base_prefix="/usr") == Path(expected)


def test_without_a_home_there_is_no_cache() -> None:
    assert default_models_dir({}, prefix="/usr", base_prefix="/usr") is None


def test_a_virtual_environment_has_its_own_models() -> None:
    found = default_models_dir({"HOME": "/home/ada"}, prefix="/opt/venv", base_prefix="/usr")
    assert found == Path("/opt/venv/models")


def test_the_setting_decides() -> None:
    assert read_settings({"MODELS_DIR": "/srv/models"}).models_path == Path("/srv/models")
