"""All settings as one struct, whose groups follow a job on its way.

storage     where Redis is, and what is ours in it
web         where web listens, and what it accepts
worker      steps at once, leases, shutdown
jobs        limits of time and size, retries, how long jobs and results are kept
sources     which sources are asked for a topic, their addresses and keys
fetching    requests at once and per host, sizes, proxy, private addresses
caches      of what was fetched and of what was analysed
engine      threads, memory, models
scoring     words that an article needs, weights, half-lives
selection   relevance, duplicates, caps per domain and per cluster

Each group has its file, and its struct extends that of the group before it: a msgspec struct
cannot inherit the fields of two others. The order of the chain is that of docs/settings.md.
"""

from __future__ import annotations

from tasks.settings.selection import SelectionSettings


class Settings(SelectionSettings, frozen=True, kw_only=True):
    """Everything that an operator may set."""
