"""The names of the metric that web emits and alarms watch."""

from __future__ import annotations

SIGNAL = ("ContentCurator", {"workers_wanted"}, "service")
"""Namespace, metrics, dimension."""
