"""URLs as lists and logs show them: without passwords, keys and tokens.

The URL itself stays as it is wherever it is fetched, stored or given back to its client.
"""

from __future__ import annotations

import re

HIDDEN = "…"

_SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|apikey|accesskey|signature|credential|jwt|session|oauth"
    r"|^(auth|authorization|key|pass|pin|otp|sig|sid|code)$"
)
"""In lower case, without separators: `access_token`, `X-Amz-Signature`, `apiKey`, `sig`."""

_USER = re.compile(r"(?<=//)[^/?#\s]*@")
_PARAMETER = re.compile(r"(?P<start>[?&;#])(?P<name>[^?&;#=\s]{1,100})=(?P<value>[^?&;#\s]+)")
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


def without_secrets(url: str) -> str:
    """The URL without its user and password, and with `…` for each value that looks secret."""
    return _PARAMETER.sub(_shortened, _USER.sub(f"{HIDDEN}@", url))


def text_without_secrets(text: str) -> str:
    """The text with every http and https URL in it shown like that."""
    return _URL.sub(lambda match_: without_secrets(match_[0]), text) if "://" in text else text


def _shortened(parameter: re.Match[str]) -> str:
    name = re.sub(r"[^a-z0-9]", "", parameter["name"].lower())
    value = HIDDEN if _SECRET_NAME.search(name) else parameter["value"]
    return f"{parameter['start']}{parameter['name']}={value}"
