"""What Prometheus gets of a process."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tasks.telemetry.metric import DECLARED, Kind

PARTS = {"bucket", "count", "sum"}


class Scrape:
    """The samples of one answer, by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """0 for what was never counted."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels among theirs."""
        wanted = labels.items()
        return sum(v for (n, has), v in self._samples.items() if n == name and wanted <= has)

    def labels_of(self, name: str, label: str) -> set[str]:
        """The values of one label."""
        return {dict(has)[label] for n, has in self._samples if n == name and label in dict(has)}

    def undeclared(self) -> list[str]:
        """Samples that are not declared with these labels."""
        declared = {
            metric.shown_name: {label.replace(".", "_") for label in metric.labels}
            for metric in DECLARED.values()
        }
        histograms = {it.shown_name for it in DECLARED.values() if it.kind is Kind.HISTOGRAM}
        undeclared = []
        for name, labels in self._samples:
            base, _, part = name.rpartition("_")
            shown = base if part in PARTS and base in histograms else name
            if declared.get(shown) != dict(labels).keys() - {"le"} and name != "target_info":
                undeclared.append(f"{name}{dict(labels)}")
        return undeclared


async def scrape(url: str) -> Scrape:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(response.text)
