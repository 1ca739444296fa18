"""What each type of job does in its three steps."""

from tasks.kinds.kind import Discovery, Kind

__all__ = ["Discovery", "Kind"]
