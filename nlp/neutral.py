"""What stands in for a score that cannot be measured."""

NEUTRAL = 50.0
"""The middle of 0–100: neither lifts nor sinks an article in the composite."""


class Unmeasurable(Exception):
    """There is nothing to measure; the message is the reason, for a reader."""
