"""What a job may decide for itself; what it leaves out is as the settings say."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from nlp.analysis import AnalysisPolicy, Weights
from nlp.decision import SelectionPolicy
from nlp.ranking.admission import Admission, host_of
from tasks.errors import InvalidRequest

MAX_CAP = 10_000
MAX_WORDS = 10_000
MAX_DOMAINS = 100
MAX_LANGUAGES = 20
DATES_MS = range(-2_208_988_800_000, 4_102_444_800_000)
"""From 1900, for the archives of newspapers, to 2100."""

_LANGUAGE = re.compile("[a-z]{2}")


class WeightOptions(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Shares of the scores in the composite, each 0–1, by the names of the WEIGHT_* settings."""

    readability: float | None = None
    ner: float | None = None
    sentiment: float | None = None
    relevance: float | None = None
    recency: float | None = None
    reputation: float | None = None
    coherence: float | None = None

    @property
    def given(self) -> dict[str, float]:
        return {name: share for name, share in asdict(self).items() if share is not None}


class JobOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The options of one job. None, or an empty list: as the settings say."""

    domain_cap: int | None = None
    cluster_cap: int | None = None
    min_relevance: float | None = None
    weights: WeightOptions | None = None
    """Those that are not given keep their values; then all are scaled to sum to 1."""
    published_after_ms: int | None = None
    languages: tuple[str, ...] = ()
    include_domains: tuple[str, ...] = ()
    exclude_domains: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    min_word_count: int | None = None

    @property
    def admission(self) -> Admission:
        """Which articles the job accepts at all."""
        after = self.published_after_ms
        return Admission(
            published_after=None if after is None else _utc(after),
            languages=self.languages,
            include_domains=tuple(map(_host, self.include_domains)),
            exclude_domains=tuple(map(_host, self.exclude_domains)),
        )

    def analysis(self, policy: AnalysisPolicy) -> AnalysisPolicy:
        """The policy for the job's articles."""
        if self.min_word_count is not None:
            policy = replace(policy, min_word_count=self.min_word_count)
        if self.weights is not None:
            policy = replace(policy, weights=_scaled(replace(policy.weights, **self.weights.given)))
        return policy

    def selection(self, policy: SelectionPolicy) -> SelectionPolicy:
        """The policy for the job's list."""
        own = {
            name: value
            for name in ("domain_cap", "cluster_cap", "min_relevance")
            if (value := getattr(self, name)) is not None
        }
        return replace(policy, **own)


NO_OPTIONS = JobOptions()


def validate_options(options: JobOptions, weights: Weights, sources: Sequence[str]) -> None:
    """Raises InvalidRequest with what to change, if no job can have these options.

    `weights` are those of the settings, `sources` the names of the sources that are turned on.
    """
    _check_range("domain_cap", options.domain_cap, 1, MAX_CAP)
    _check_range("cluster_cap", options.cluster_cap, 1, MAX_CAP)
    _check_range("min_relevance", options.min_relevance, 0, 100)
    _check_range("min_word_count", options.min_word_count, 1, MAX_WORDS)
    _check_weights(options.weights, weights)
    after = options.published_after_ms
    if after is not None and after not in DATES_MS:
        raise InvalidRequest("published_after must be between the years 1900 and 2100.")
    _check_languages(options.languages)
    _check_domains("include_domains", options.include_domains)
    _check_domains("exclude_domains", options.exclude_domains)
    for index, name in enumerate(options.sources):
        if name not in sources:
            raise InvalidRequest(f"sources[{index}] must be one of {', '.join(sources)}.")
    if len(set(options.sources)) < len(options.sources):
        raise InvalidRequest("sources must name each source at most once.")


def _check_range(name: str, value: float | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidRequest(f"{name} must be from {least} to {most:,}.".replace(",", " "))


def _check_weights(options: WeightOptions | None, defaults: Weights) -> None:
    if options is None:
        return
    for name, share in options.given.items():
        if not 0 <= share <= 1:
            raise InvalidRequest(f"weights.{name} must be from 0 to 1.")
    if not sum(asdict(replace(defaults, **options.given)).values()) > 0:
        raise InvalidRequest("weights must leave at least one weight above 0.")


def _check_languages(languages: Sequence[str]) -> None:
    if len(languages) > MAX_LANGUAGES:
        raise InvalidRequest(f"languages must name at most {MAX_LANGUAGES} languages.")
    for index, language in enumerate(languages):
        if not _LANGUAGE.fullmatch(language):
            raise InvalidRequest(f"languages[{index}] must be an ISO 639-1 code such as en.")


def _check_domains(name: str, domains: Sequence[str]) -> None:
    if len(domains) > MAX_DOMAINS:
        raise InvalidRequest(f"{name} must name at most {MAX_DOMAINS} domains.")
    for index, domain in enumerate(domains):
        if not _is_domain(domain):
            raise InvalidRequest(f"{name}[{index}] must be a domain such as example.org.")


def _is_domain(domain: str) -> bool:
    if len(domain) > 253 or any(character in domain for character in "/:@?#[]%\\ "):
        return False
    try:
        return bool(_host(domain))
    except ValueError:
        return False


def _utc(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


def _host(domain: str) -> str:
    return host_of(f"https://{domain}/")


def _scaled(weights: Weights) -> Weights:
    shares = asdict(weights)
    total = sum(shares.values())
    return Weights(**{name: share / total for name, share in shares.items()})
