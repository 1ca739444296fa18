"""Every setting: its name, type, bounds, meaning and default.

Each field of `Settings` is one variable: its name in capitals. Its annotation holds its bounds and
what it does. The order is that of docs/settings.md, where a new setting needs a row too. The
checks that span several settings follow the struct; `tasks.settings.reader` calls them.
"""

from __future__ import annotations

import ipaddress
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from nlp.decision import RELEVANCE_FLOOR
from tasks.errors import InvalidSettings
from tasks.machine import available_memory_mb, memory_shares
from tasks.redis_url import DEFAULT_KEY_PREFIX, check_redis_url, shown

SECRET = {"secret": True}
"""The `extra` of a setting whose value is never shown."""

SOURCE_KEYS: Mapping[str, str | None] = {
    "feeds": None,
    "gdelt": None,
    "hackernews": None,
    "arxiv": None,
    "wikipedia": None,
    "newsapi": "newsapi_key",
    "guardian": "guardian_key",
    "googlenews": None,
    "bingnews": None,
}
"""Every source, with the setting that holds its key where it needs one."""


def _service(description: str) -> Meta:
    """The address of a source's service."""
    return Meta(pattern="^https?://", description=description)


DEFAULT_JOBS_MB = 1024

_HostName = Annotated[
    str, Meta(pattern=r"^([A-Za-z0-9._-]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$")
]
"""A name, an IPv4 address or an IPv6 address, without a port."""

_Network = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$")]

_LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9._-]+(:[0-9]{1,5})?$")]
"""As browsers send it: in lower case, without a path. No wildcard: there is no authentication."""

_ProxySecret = Annotated[str, Meta(pattern="^[!-~]{16,200}$")]

_Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/=-]{8,200}$")]
"""Sent in an HTTP header."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that an operator may set."""

    # Storage: where Redis is, and which keys in it belong to us.
    redis_url: Annotated[
        str | None,
        Meta(
            description=(
                "Valkey or Redis, as redis://, rediss:// or unix://. Empty: the embedded Valkey."
            ),
            extra=SECRET,
        ),
    ] = None
    key_prefix: Annotated[
        str,
        Meta(
            min_length=1,
            description=(
                "The prefix of every key in Redis; a cluster needs its hash tag, {...}. With the "
                "default, a ledger that an earlier release keeps under `curator:` stays in use."
            ),
        ),
    ] = DEFAULT_KEY_PREFIX
    state_dir: Annotated[Path, Meta(description="Where the embedded Valkey keeps its data.")] = (
        Path(".state")
    )
    embedded_valkey_memory_mb: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description=(
                "Megabytes of the embedded Valkey above which no more jobs are accepted; 0: no "
                "limit. Empty: by the memory of the container or machine."
            )
        ),
    ] = None

    # Web: where the web service listens, and what it accepts.
    http_host: Annotated[
        str, Meta(min_length=1, description="The address that web listens on.")
    ] = "127.0.0.1"
    http_port: Annotated[int, Meta(ge=0, le=65535, description="The port that web listens on.")] = (
        8000
    )
    allowed_hosts: Annotated[
        tuple[_HostName, ...],
        Meta(
            description=(
                "Names and addresses, without ports, that clients may use for web, besides those "
                "of loopback and HTTP_HOST."
            )
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[_Network, ...],
        Meta(
            description=(
                "Addresses and networks of proxies, like 10.0.0.0/8. Of a request from one, "
                "X-Forwarded-For says who the caller is. With PROXY_SECRET every peer is one."
            )
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[_Origin, ...],
        Meta(
            description=(
                "Origins of other sites, such as https://reader.example, whose pages may use the "
                "interface of web (CORS)."
            )
        ),
    ] = ()
    proxy_secret: Annotated[
        _ProxySecret | None,
        Meta(
            description=(
                "A secret of 16 or more characters that an authenticating proxy sends in the "
                "header X-Curator-Proxy-Secret; requests without it are refused."
            ),
            extra=SECRET,
        ),
    ] = None
    unsafe_open: Annotated[
        bool,
        Meta(
            description=(
                "Whether web may listen on an address other than loopback without PROXY_SECRET. "
                "There is no authentication: for trusted networks only."
            )
        ),
    ] = False
    curator_url: Annotated[
        str, Meta(pattern="^https?://", description="The web service that `curator jobs` talks to.")
    ] = "http://127.0.0.1:8000"
    max_body_bytes: Annotated[
        int, Meta(ge=1000, description="The largest request body that web accepts.")
    ] = 1_000_000
    http_max_connections: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "Connections to web at once. One more closes the one that has waited longest for "
                "its client."
            ),
        ),
    ] = 1000
    http_max_connections_per_peer: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "The same for one address, or one /64 network of IPv6. Behind a proxy, as many as "
                "HTTP_MAX_CONNECTIONS."
            ),
        ),
    ] = 250
    http_header_timeout: Annotated[
        float, Meta(gt=0, description="Seconds for the header of a request to arrive.")
    ] = 10.0
    http_body_timeout: Annotated[
        float, Meta(gt=0, description="Seconds for the whole body of a request to arrive.")
    ] = 30.0
    http_idle_timeout: Annotated[
        int,
        Meta(ge=1, description="Seconds that a connection may be idle between two requests."),
    ] = 5
    http_send_timeout: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "Seconds after which a client that reads nothing of its response is disconnected."
            ),
        ),
    ] = 30.0

    # Worker: how steps are handed to workers, and taken back.
    worker_concurrency: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description=(
                "Steps that one worker process runs at once. A quarter of all slots stays free for "
                "callers who come next."
            ),
        ),
    ] = 12
    worker_max_tasks: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "A worker process is replaced after this many steps; 0: never. Its engine stays, "
                "unless it has grown."
            ),
        ),
    ] = 1000
    worker_log_level: Annotated[
        _LogLevel,
        Meta(description="DEBUG, INFO, WARNING, ERROR or CRITICAL; for web too."),
    ] = "INFO"
    metrics_host: Annotated[
        str, Meta(min_length=1, description="The address at which a worker serves its metrics.")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="The port of these; 0: a free one, which `curator workers list` shows.",
        ),
    ] = 0
    log_levels: Annotated[
        dict[str, _LogLevel],
        Meta(
            description=(
                "Levels of single loggers and of those below them, as "
                "`tasks.fetch:DEBUG,httpx:INFO`, in place of WORKER_LOG_LEVEL; libraries have "
                "WARNING otherwise."
            )
        ),
    ] = field(default_factory=dict)
    tasks_eager: Annotated[
        bool,
        Meta(description="Run jobs inside the caller, without Redis: for tests and scripts."),
    ] = False
    release_window: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Steps of one job that may be queued or running at once; 0: one and a half "
                "times all slots."
            ),
        ),
    ] = 0
    lease_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=60,
            description=(
                "A step is run elsewhere if its worker has not renewed its lease for this many "
                "seconds."
            ),
        ),
    ] = 8.0
    wakeup_grace: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description=(
                "A queued step whose wake-up was lost gets another one after this many seconds."
            ),
        ),
    ] = 2.0
    shutdown_grace: Annotated[
        float,
        Meta(
            ge=0,
            description=(
                "Seconds that running steps have after SIGTERM before they are handed back."
            ),
        ),
    ] = 100.0

    # How many workers are wanted, for whoever starts and stops them.
    scaling_deployment: Annotated[
        str,
        Meta(
            max_length=64,
            pattern="^[A-Za-z0-9_.-]*$",
            description=(
                "Web writes metrics of CloudWatch for this deployment to its stdout every 10 s, "
                "the number of wanted workers among them; empty: it does not."
            ),
        ),
    ] = ""
    scaling_acceptable_wait: Annotated[
        float, Meta(gt=0, description="Seconds that a step may wait before another worker helps.")
    ] = 300.0
    scaling_max_workers: Annotated[
        int, Meta(ge=1, description="The most workers that are ever wanted.")
    ] = 10

    ecs_agent_uri: Annotated[
        str,
        Meta(
            description=(
                "Set by Amazon ECS: where a worker asks not to be ended while a step runs for "
                "more than 30 s."
            )
        ),
    ] = ""

    # Traces: how many there are, and how much of them is kept.
    trace_sample_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description=(
                "Share of the traces that begin here which are sampled; a caller's own trace is "
                "sampled as the caller says."
            ),
        ),
    ] = 1.0
    trace_max_kb: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Kilobytes of a job's trace that are kept with it, compressed; 0: none. 1,000 "
                "articles take 500 to 1,000."
            ),
        ),
    ] = 1024

    # Jobs: limits of time and size, retries, how long jobs and results are kept.
    task_soft_time_limit: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "Seconds of work after which a step is cancelled and fails as timed out; "
                "waiting for the engine is not counted."
            ),
        ),
    ] = 300.0
    task_hard_time_limit: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "The engine is killed if it works on one step for more than this many seconds."
            ),
        ),
    ] = 600.0
    task_max_retries: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Retries of a failed step; 3 retries are 4 tries.",
        ),
    ] = 3
    task_retry_delay: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "Seconds before the first retry; doubled each time up to 15 minutes, plus up to a "
                "quarter at random."
            ),
        ),
    ] = 60.0
    result_ttl: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "Seconds that a result is kept, unless its job asks for another time or a schedule "
                "made it."
            ),
        ),
    ] = 3600
    schedule_result_ttl: Annotated[
        int, Meta(ge=1, description="Seconds that the result of a schedule's job is kept.")
    ] = 604_800
    max_result_ttl: Annotated[
        int,
        Meta(
            ge=1,
            le=10 * 366 * 86_400,
            description="Seconds that may be asked for, at most, for keeping a result.",
        ),
    ] = 2_592_000
    job_ttl: Annotated[
        int,
        Meta(
            ge=1,
            description="Seconds that a finished job is kept; at least as long as its result.",
        ),
    ] = 86400
    max_urls_per_job: Annotated[int, Meta(ge=1, le=100_000, description="URLs in one batch.")] = (
        1000
    )
    max_articles_per_topic: Annotated[
        int, Meta(ge=1, le=10_000, description="Articles that one topic job may keep.")
    ] = 100

    # What is taken before a submit is refused: of one caller with 429, of all with 503.
    max_jobs_per_caller: Annotated[int, Meta(ge=1, description="Active jobs of one caller.")] = (
        5_000
    )
    max_articles_per_caller: Annotated[
        int, Meta(ge=1, description="Articles of one caller's active jobs.")
    ] = 50_000
    max_mb_per_caller: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description=(
                "Megabytes, about, of one caller's jobs until they have expired. Empty: half of "
                "MAX_MB."
            )
        ),
    ] = None
    max_schedules_per_caller: Annotated[int, Meta(ge=1, description="Schedules of one caller.")] = (
        200
    )
    max_jobs: Annotated[int, Meta(ge=1, description="Active jobs of all callers.")] = 50_000
    max_articles: Annotated[
        int, Meta(ge=1, description="Articles of all callers' active jobs.")
    ] = 500_000
    max_mb: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description=(
                "Megabytes, about, of all callers' jobs until they have expired. Empty: two fifths "
                "of the limit of the embedded Valkey, or 1024 where it has none or is not used."
            )
        ),
    ] = None

    # Sources: which are asked for a topic, with their addresses and keys.
    sources: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description=f"Where topics are looked up: {', '.join(SOURCE_KEYS)}."),
    ] = ("feeds", "gdelt")
    source_timeout: Annotated[
        float,
        Meta(
            gt=0,
            description=(
                "Seconds that each source has for one topic, including its wait for the rate limit."
            ),
        ),
    ] = 60.0
    candidates_per_article: Annotated[
        int,
        Meta(
            ge=1,
            le=50,
            description=("Candidates that a topic job examines for each article that it may keep."),
        ),
    ] = 5
    feed_urls: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Feeds and OPML lists; `{query}` in a URL is replaced by the topic. Empty: a "
                "built-in list."
            )
        ),
    ] = ()
    gdelt_url: Annotated[str, _service("The GDELT DOC 2.0 service.")] = (
        "https://api.gdeltproject.org/api/v2/doc/doc"
    )
    hackernews_url: Annotated[str, _service("Algolia's search of Hacker News.")] = (
        "https://hn.algolia.com/api/v1/search"
    )
    arxiv_url: Annotated[str, _service("arXiv's search.")] = "https://export.arxiv.org/api/query"
    wikipedia_url: Annotated[str, _service("The api.php of the Wikipedia that is searched.")] = (
        "https://en.wikipedia.org/w/api.php"
    )
    newsapi_url: Annotated[str, _service("NewsAPI's search.")] = "https://newsapi.org/v2/everything"
    newsapi_key: Annotated[
        _Key | None, Meta(description="Your API key for NewsAPI.", extra=SECRET)
    ] = None
    guardian_url: Annotated[str, _service("The Guardian's search.")] = (
        "https://content.guardianapis.com/search"
    )
    guardian_key: Annotated[
        _Key | None, Meta(description="Your API key for the Guardian.", extra=SECRET)
    ] = None
    googlenews_url: Annotated[str, _service("Google News as a feed, in a language.")] = (
        "https://news.google.com/rss/search?hl=en-US&gl=US&ceid=US:en"
    )
    bingnews_url: Annotated[str, _service("Bing News as a feed.")] = (
        "https://www.bing.com/news/search?format=rss"
    )

    # Fetching: how much at once, how politely, and which addresses are allowed.
    fetch_concurrency: Annotated[int, Meta(ge=1, description="Requests of one worker at once.")] = (
        32
    )
    fetch_concurrency_per_host: Annotated[
        int, Meta(ge=1, description="Requests of all workers together to one host at once.")
    ] = 2
    fetch_delay_per_host: Annotated[
        float,
        Meta(
            ge=0,
            le=30,
            description=(
                "Seconds between the starts of two requests to one host, of all workers "
                "together; more where its robots.txt asks for more."
            ),
        ),
    ] = 0.25
    fetch_timeout: Annotated[
        float, Meta(gt=0, description="Seconds for one fetch, including redirects.")
    ] = 30.0
    fetch_retry_delay: Annotated[
        float,
        Meta(
            ge=0,
            le=30,
            description=(
                "Seconds after which a page is fetched once more within the same try, where the "
                "connection failed or the site answered 5xx; 0: never."
            ),
        ),
    ] = 2.0
    fetch_max_bytes: Annotated[
        int, Meta(ge=1000, description="The largest body, in bytes after decompression.")
    ] = 5_000_000
    user_agent: Annotated[
        str,
        Meta(
            min_length=1,
            description=(
                "The User-Agent of all requests; robots.txt is matched against its first word."
            ),
        ),
    ] = "content-curator/0.1"
    egress_proxy: Annotated[
        Annotated[str, Meta(pattern="^https?://")] | None,
        Meta(
            description="An HTTP proxy for all fetches; it resolves host names itself.",
            extra=SECRET,
        ),
    ] = None
    allow_private_addresses: Annotated[
        bool,
        Meta(description="Whether non-public addresses may be fetched. For local work only."),
    ] = False

    # Caches in Redis: of fetched documents, and of analyses.
    http_cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Megabytes of Redis for fetched documents, shared by all workers, but at most a "
                "fifth of its `maxmemory`; 0: off."
            ),
        ),
    ] = 256
    http_cache_ttl: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "Seconds that a fetched document is kept, so that its site need only confirm "
                "that it is unchanged."
            ),
        ),
    ] = 604_800
    http_cache_max_age: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "The most seconds that a fetched document is used without revalidation, where "
                "its site allows that; 0: always revalidate."
            ),
        ),
    ] = 3600
    analysis_cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Megabytes of Redis for analyses, shared by all jobs, but at most a fifth of its "
                "`maxmemory`; 0: off."
            ),
        ),
    ] = 256
    analysis_cache_ttl: Annotated[
        int, Meta(ge=1, description="Seconds that an analysis is kept.")
    ] = 604_800

    # Engine: threads, memory and models.
    engine_threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads of the engine; 0: one for each core.")
    ] = 0
    engine_memory_mb: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description=(
                "Megabytes that one analysis may use in addition to the models, on Linux; 0: no "
                "limit. Empty: by the memory of the container or machine, at most 2048."
            )
        ),
    ] = None
    models_dir: Annotated[
        Path | None,
        Meta(
            description=(
                "The directory that `curator models export` writes to. Empty: `models` in the "
                "virtual environment, or content-curator/models in the user's cache directory."
            )
        ),
    ] = None
    embedder: Annotated[
        str,
        Meta(
            pattern="^(auto|onnx|sentence-transformers)$",
            description=(
                "onnx, sentence-transformers (on a GPU if there is one), or auto: onnx where the "
                "model has been exported."
            ),
        ),
    ] = "auto"
    embedding_model: Annotated[
        str | None,
        Meta(
            description=(
                "A model other than the packaged one, by its path or name; only for sentence-"
                "transformers."
            )
        ),
    ] = None

    # Scoring: the words that an article needs, the weights, the half-lives.
    min_word_count: Annotated[int, Meta(ge=1, description="Words that an article must have.")] = 100
    weight_readability: Annotated[
        float, Meta(ge=0, le=1, description="Share of readability in the composite.")
    ] = 0.12
    weight_ner: Annotated[
        float, Meta(ge=0, le=1, description="Share of entity density in the composite.")
    ] = 0.12
    weight_sentiment: Annotated[
        float, Meta(ge=0, le=1, description="Share of neutrality in the composite.")
    ] = 0.12
    weight_relevance: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description=(
                "Share of relevance in the composite without a query; with one, relevance "
                "multiplies the rest."
            ),
        ),
    ] = 0.20
    weight_recency: Annotated[
        float, Meta(ge=0, le=1, description="Share of recency in the composite.")
    ] = 0.12
    weight_reputation: Annotated[
        float, Meta(ge=0, le=1, description="Share of reputation in the composite.")
    ] = 0.12
    weight_coherence: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description=(
                "Share of topic coherence in the composite without a query; with one it does "
                "not count."
            ),
        ),
    ] = 0.20
    recency_half_life_days: Annotated[
        float, Meta(gt=0, description="Days after which an article's recency is halved.")
    ] = 7.0
    topic_half_life_days: Annotated[
        dict[str, float],
        Meta(
            description=(
                "Half-lives for single topics, as `finance:1,tech:3`, used for topics that "
                "contain that word."
            )
        ),
    ] = field(default_factory=dict)

    # Selection: relevance, duplicates, caps per domain and per cluster.
    min_relevance: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Relevance (0–100) below which a topic job drops a candidate.",
        ),
    ] = RELEVANCE_FLOOR
    dup_sim_threshold: Annotated[
        float,
        Meta(
            gt=0, le=1, description="Cosine similarity from which two articles are near-duplicates."
        ),
    ] = 0.97
    diversify_results: Annotated[
        bool,
        Meta(
            description=(
                "Whether the caps per domain and per cluster apply to jobs that ask for diversity."
            )
        ),
    ] = True
    domain_cap: Annotated[int, Meta(ge=1, description="Articles kept per registrable domain.")] = 2
    use_embedding_clustering: Annotated[
        bool,
        Meta(description="Whether articles are clustered by meaning, for the cap per cluster."),
    ] = True
    cluster_cap: Annotated[int, Meta(ge=1, description="Articles kept per cluster.")] = 3
    clustering_threshold: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description=(
                "Mean similarity from which two groups of articles are one story: the cosines of "
                "title and lead, of words and of names, weighted and added up, less for dates "
                "that are weeks apart."
            ),
        ),
    ] = 0.75

    @property
    def max_tries(self) -> int:
        """How often a step is tried before it fails for good."""
        return self.task_max_retries + 1

    @property
    def engine_limit_mb(self) -> int:
        """ENGINE_MEMORY_MB, or what suits the memory of this container or machine."""
        chosen = self.engine_memory_mb
        return memory_shares(available_memory_mb()).engine if chosen is None else chosen

    @property
    def embedded_valkey_limit_mb(self) -> int:
        """EMBEDDED_VALKEY_MEMORY_MB, or what suits the memory of this container or machine."""
        chosen = self.embedded_valkey_memory_mb
        return memory_shares(available_memory_mb()).embedded_valkey if chosen is None else chosen

    @property
    def jobs_limit_mb(self) -> int:
        """MAX_MB, or what leaves the embedded Valkey room for its caches and for running jobs."""
        if self.max_mb is not None:
            return self.max_mb
        embedded_mb = 0 if self.redis_url else self.embedded_valkey_limit_mb
        return embedded_mb * 2 // 5 or DEFAULT_JOBS_MB

    @property
    def models_path(self) -> Path:
        """Where the exported models are."""
        return self.models_dir or default_models_dir() or self.state_dir / "models"


def check_settings(settings: Settings) -> None:
    """Checks what the type of a setting does not say, and what spans several. Raises
    InvalidSettings."""
    _check_redis_url(settings)
    _check_other_urls(settings)
    _check_weights(settings)
    _check_time_limits(settings)
    check_sources(settings)
    _check_embedding(settings)
    _check_proxies(settings)


def _check_redis_url(settings: Settings) -> None:
    if settings.redis_url:
        try:
            check_redis_url(settings.redis_url)
        except ValueError as error:
            raise InvalidSettings(f"REDIS_URL={shown(settings.redis_url)!r}: {error}") from error


def _check_proxies(settings: Settings) -> None:
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InvalidSettings(f"TRUSTED_PROXIES: {error}.") from error


def _check_other_urls(settings: Settings) -> None:
    """The pattern of these settings says only how they begin."""
    names = (name for name in Settings.__struct_fields__ if name.endswith("_url"))
    for name in (*names, "egress_proxy"):
        url = getattr(settings, name)
        if not url or name == "redis_url":
            continue
        try:
            parts = urlsplit(url)
            problem = "" if parts.hostname and parts.port != 0 else "it names no host and port"
        except ValueError as error:
            problem = str(error)
        if problem:
            raise InvalidSettings(f"{name.upper()}={shown(url)!r}: {problem}")


def _check_weights(settings: Settings) -> None:
    """The composite must be a weighted mean."""
    weights = (name for name in Settings.__struct_fields__ if name.startswith("weight_"))
    total = math.fsum(getattr(settings, name) for name in weights)
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise InvalidSettings(f"WEIGHT_*: the weights must sum to 1, and they sum to {total:g}")


def _check_time_limits(settings: Settings) -> None:
    """A step must be cancelled before its engine is killed."""
    if settings.task_hard_time_limit < settings.task_soft_time_limit:
        raise InvalidSettings("TASK_HARD_TIME_LIMIT: must not be below TASK_SOFT_TIME_LIMIT")


def check_sources(settings: Settings) -> None:
    """Raises InvalidSettings where SOURCES names an unknown source, or one without its key."""
    for name in settings.sources:
        if name not in SOURCE_KEYS:
            known = ", ".join(SOURCE_KEYS)
            raise InvalidSettings(f"SOURCES: there is no source {name[:80]!r}; there are {known}")
        key = SOURCE_KEYS[name]
        if key and not getattr(settings, key):
            raise InvalidSettings(f"{key.upper()}: the source {name} in SOURCES needs a key")


def _check_embedding(settings: Settings) -> None:
    """Only one of the embedders can run another model than the packaged one."""
    if settings.embedding_model and settings.embedder != "sentence-transformers":
        raise InvalidSettings("EMBEDDING_MODEL: another model needs EMBEDDER=sentence-transformers")


def default_models_dir(
    environ: Mapping[str, str] = os.environ,
    prefix: str = sys.prefix,
    base_prefix: str = sys.base_prefix,
) -> Path | None:
    """Where exported models are if no setting names a directory.

    That is in the virtual environment, beside the weights; outside one, in the user's cache; None
    where there is neither. An image is built by one user and run by another without a home: the
    environment is what both have.
    """
    if prefix != base_prefix:
        return Path(prefix) / "models"
    cache = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # which the XDG specification says to ignore
        home = environ.get("HOME", "")
        cache = f"{home}/.cache" if os.path.isabs(home) else ""
    return Path(cache) / "content-curator" / "models" if cache else None
