"""The value of a score that cannot be measured."""

NEUTRAL = 50.0
"""The middle of 0–100: it neither raises nor lowers an article in the composite."""


class Unmeasurable(Exception):
    """There is nothing to measure. The message is the reason, shown to users."""
