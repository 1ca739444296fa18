"""The locks, the Dockerfile and the budget of the image."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def lines_of(lock: str) -> set[str]:
    return set((ROOT / lock).read_text().splitlines())


def test_what_the_image_has_is_what_is_tested() -> None:
    assert lines_of("requirements-runtime.lock") < lines_of("requirements.lock")


def test_locks_have_versions_and_no_addresses() -> None:
    for line in lines_of("requirements.lock"):
        requirement = Requirement(line)
        assert [one.operator for one in requirement.specifier] == ["=="], line
        assert requirement.url is None


def test_web_and_worker_need_nothing_else() -> None:
    """Neither torch and what comes with it, nor what only tests and checks use."""
    shipped = {
        canonicalize_name(Requirement(line).name) for line in lines_of("requirements-runtime.lock")
    }
    shipped |= {canonicalize_name("content-curator"), canonicalize_name("pip")}
    left_out = sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and not {canonicalize_name(owner) for owner in owners} & shipped
    )
    assert {"torch", "sentence_transformers", "onnx", "scipy", "sklearn"} <= set(left_out)
    completed = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(left_out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    said, failed_stages = completed.stdout.splitlines()
    assert said == "torch is not installed here: use EMBEDDER=onnx, or the image `full`"
    assert failed_stages == "[]"


WITHOUT = """
import datetime as dt, json, sys
from pathlib import Path

class LeftOut:
    names = set(json.loads(sys.argv[1]))

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, LeftOut())
from app.main import create_app
from app.cli.main import cli
from tasks.resources import open_queue
from tasks.settings import Settings
from tasks.worker.worker import run_worker
import tasks.engine.__main__ as engine
from nlp.analysis import ReadRequest, StudyRequest
from nlp.article import Page
from nlp.models import EmbedderChoice, NotInstalled, load_models
from nlp.pipeline import read, study

create_app(Settings(), open_queue).openapi_schema
models = load_models(1, Settings().models_path)
models.load_rest()
try:
    load_models(1, choice=EmbedderChoice.SENTENCE_TRANSFORMERS)
except NotInstalled as error:
    print(error)
words = "Anna Lee of Acme Labs said in Berlin on Monday that the river rose by two metres. " * 30
body = f"<html><head><title>The river rises</title></head><body><article><p>{words}</p></article>"
page = Page(url="http://site.example/a", body=body.encode(), content_type="text/html")
report = read(ReadRequest(page=page))
now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
request = StudyRequest(article=report.outcome, now=now, query="rivers")
(studied,) = study([request], models)
print([stage.error for one in (report, studied) for stage in one.stages if stage.error])
"""


def test_the_user_and_the_commands_are_those_of_terraform() -> None:
    service = (ROOT / "infra/terraform/modules/service/main.tf").read_text()
    (user,) = re.findall(r"^USER (\d+):\1$", DOCKERFILE, re.MULTILINE)
    assert re.search(rf'user\s+= "{user}"', service)
    assert 'ENTRYPOINT ["tini", "--", "curator"]' in DOCKERFILE
    assert "VOLUME /tmp" in DOCKERFILE


def test_the_largest_parts_have_a_budget() -> None:
    budget = json.loads((ROOT / "infra/image/budget.json").read_text())
    assert len(budget) == 10
    assert all(size > 0 for size in budget.values())
