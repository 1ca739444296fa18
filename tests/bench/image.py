"""The container image, unpacked: how large it is, what is in it, and whether it works.

`scripts/image` unpacks it, whatever has built it. What follows needs no engine for containers: web
and worker run in the folder as the image's user, with a root that is read-only and a /tmp of their
own, in a namespace of Linux, which only root may make.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import click
import msgspec

from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, prints_figures
from tests.loopback import free_port
from tests.sampleweb.demo import TOPIC, curate, ready, sample_web_environ
from tests.sampleweb.server import SampleWeb
from tests.valkey import DurableValkey

BUDGET = ROOT / "infra" / "image" / "budget.json"
"""Megabytes of each of the largest parts, to which none may add more than SPARE unseen."""

MAX_MB, MAX_ZSTD_MB = 520, 225
SPARE = 1.05
PARTS = 10
USER = 10001
END_SECONDS = 30.0

PERMISSIVE = (
    "apache", "bsd", "mit", "isc", "psf", "python", "zlib", "unlicense", "hpnd", "cc0", "0bsd",
)  # fmt: skip
"""Words in the names of licences that ask for no more than their notice."""

WEAK = {
    "certifi": "MPL-2.0: a list of certificates, unchanged",
    "tqdm": "MPL-2.0 and MIT: unchanged",
    "tld": "MPL-1.1, one of three to choose from: unchanged",
}
"""Their terms cover the files of the package alone, which the image has as they were published."""


@click.command()
@click.option("--root", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--sbom", type=click.Path(path_type=Path), help="Where to write the SBOM.")
@click.option("--record", is_flag=True, help="Write the budget of the parts anew.")
@prints_figures
def image(root: Path, sbom: Path | None, record: bool) -> Iterator[Figure]:
    """Size, parts, licences, and the demo's job, of the image that is unpacked in a folder."""
    packages = _packages(root)
    parts = _parts(root, packages)
    if record:
        largest = sorted(parts.items(), key=lambda part: -part[1])[:PARTS]
        BUDGET.write_text(msgspec.json.format(msgspec.json.encode(dict(largest))).decode() + "\n")
    found = list(distributions(path=[str(packages)]))
    if sbom is not None:
        sbom.write_bytes(msgspec.json.format(msgspec.json.encode(_bill(root, found))))
    yield _at_most("unpacked", sum(parts.values()), MAX_MB)
    yield _at_most("as zstd", _zstd_mb(root), MAX_ZSTD_MB)
    budget: dict[str, float] = msgspec.json.decode(BUDGET.read_bytes())
    for name, size in sorted(parts.items(), key=lambda part: -part[1])[:PARTS]:
        yield _at_most(f"part: {name}", size, round(budget.get(name, 0) * SPARE + 1, 1))
    refused = [f"{one.name}: {_licence(one)}" for one in found if not _may_be_shipped(one)]
    for line in refused:
        click.echo(f"licence: {line}", err=True)
    yield _none("packages of another licence", len(refused))
    yield from asyncio.run(_tried(root))


def _packages(root: Path) -> Path:
    (found,) = (root / "opt/curator/lib").glob("python3*/site-packages")
    return found


def _parts(root: Path, packages: Path) -> dict[str, float]:
    """Megabytes of the model, of each package, and of all else as the system."""
    sizes = {f"python: {entry.name}": _mb(entry) for entry in packages.iterdir() if entry.is_dir()}
    sizes["model"] = _mb(root / "opt/models")
    sizes["python: rest"] = _mb(root / "opt/curator") - sum(
        size for name, size in sizes.items() if name != "model"
    )
    sizes["system"] = _mb(root) - _mb(root / "opt")
    return sizes


def _mb(folder: Path) -> float:
    """As `du --apparent-size` counts: a file of several names once."""
    output = subprocess.run(
        ["/usr/bin/du", "-sb", "--exclude=proc", "--exclude=sys", folder],
        check=True,
        capture_output=True,
    ).stdout
    return int(output.split()[0]) / 1e6


def _zstd_mb(root: Path) -> float:
    tar = ["tar", "-C", str(root), "--exclude=./proc/*", "--exclude=./sys/*", "-c", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as packing:
        packed = subprocess.run(
            ["zstd", "-q", "-T0", "-10", "-c"],  # noqa: S607
            stdin=packing.stdout,
            check=True,
            capture_output=True,
        ).stdout
    return len(packed) / 1e6


def _licence(package: Distribution) -> str:
    about = package.metadata
    stated = about["License-Expression"] or ""
    classified = [text for text in about.get_all("Classifier", []) if "License ::" in text]
    named = (about["License"] or "").partition("\n")[0]
    return stated or "; ".join(classified) or named or _title_of_licence(package)


def _title_of_licence(package: Distribution) -> str:
    """The first line of the file that comes with a package which states none."""
    files = [file for file in package.files or () if file.name.upper().startswith("LICEN")]
    return files[0].read_text().strip().partition("\n")[0] if files else ""


def _may_be_shipped(package: Distribution) -> bool:
    if package.name.lower() in WEAK:
        return True
    licence = _licence(package).lower()
    alternatives = licence.split(" or ")
    return any(any(word in one for word in PERMISSIVE) and "gpl" not in one for one in alternatives)


def _bill(root: Path, found: list[Distribution]) -> dict[str, Any]:
    """A CycloneDX document, version 1.5, of the packages of Python and Debian."""
    python = [
        {
            "type": "library",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name.lower()}@{one.version}",
            "licenses": [{"license": {"name": _licence(one) or "unknown"}}],
        }
        for one in sorted(found, key=lambda one: one.name.lower())
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [*python, *_debian(root)],
    }


def _debian(root: Path) -> Iterator[dict[str, Any]]:
    for stanza in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.split("\n") if ": " in line)
        if "Package" in fields:
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{version}?arch={fields['Architecture']}"
            yield {"type": "library", "name": name, "version": version, "purl": purl}


# Whether it works


MOUNTED = """
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -o remount,ro,bind "$1"
root=$1 user=$2
shift 2
exec chroot --userspec="$user:$user" "$root" /usr/bin/env -i "$@"
"""

ENVIRON = {
    "PATH": "/opt/curator/bin:/usr/local/bin:/usr/bin:/bin",
    "MODELS_DIR": "/opt/models",
    "STATE_DIR": "/tmp/state",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""What the Dockerfile sets."""


async def _tried(root: Path) -> list[Figure]:
    """The demo's job, by web and worker of the image; and the end of a worker in a second one."""
    with tempfile.TemporaryDirectory(prefix="curator-image-") as folder:
        valkey = DurableValkey(Path(folder))
        valkey.start()
        try:
            async with SampleWeb() as web:
                port = free_port()
                environ = {
                    **sample_web_environ(web.proxy_url),
                    "REDIS_URL": valkey.url,
                    "HTTP_PORT": str(port),
                }
                return await _try(Container(root, environ), f"http://127.0.0.1:{port}")
        finally:
            valkey.kill()


async def _try(container: Container, url: str) -> list[Figure]:
    async with container.running("web") as web, container.running("worker") as worker:
        await ready(url, web)
        result = await curate(url, TOPIC)
        alive = await container.start("alive")
        second = asyncio.create_task(curate(url, "space exploration"))
        await asyncio.sleep(SECOND_JOB_SECONDS)
        statuses = [await alive.wait(), await _terminated(worker)]
        async with container.running("worker"):
            again = await second
        statuses.append(await _terminated(web))
    return [
        _at_least("articles in the demo's list", len(result["results"])),
        _none("exit status of its health check", statuses[0]),
        _none("exit status of a worker that is told to end", statuses[1]),
        _at_least("articles of the job that it worked on", len(again["results"])),
        _none("exit status of web that is told to end", statuses[2]),
    ]


SECOND_JOB_SECONDS = 1.0


class Container:
    """Runs commands in the unpacked image."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self._root = root.resolve()
        self._environ = {**ENVIRON, **environ}

    @asynccontextmanager
    async def running(self, command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await self.start(command)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def start(self, command: str) -> asyncio.subprocess.Process:
        settings = [f"{name}={value}" for name, value in self._environ.items()]
        return await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "sh", "-euc", MOUNTED, "sh", str(self._root), str(USER)),
            *(*settings, "tini", "-s", "--", "curator", command),
            stdout=sys.stderr,
        )


async def _terminated(process: asyncio.subprocess.Process) -> int:
    process.send_signal(signal.SIGTERM)
    return await asyncio.wait_for(process.wait(), END_SECONDS)


def _at_least(name: str, value: int) -> Figure:
    return Figure(name=name, value=value, unit="", goal=">= 1", met=value >= 1)


def _at_most(name: str, value: float, limit: float) -> Figure:
    return Figure(name=name, value=value, unit="MB", goal=f"<= {limit:g} MB", met=value <= limit)


def _none(name: str, value: int) -> Figure:
    return Figure(name=name, value=value, unit="", goal="0", met=value == 0)
