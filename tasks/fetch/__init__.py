"""Polite, bounded, safe HTTP.

From the outside in: `fetcher` is what the rest of the project sees; `client` follows one GET
through its redirects; `caching` spares those whose answer is known; `robots`, `limits` and
`deadline` say whether, when and for how long; `body` and `replies` read the answer; `target` and
`addresses` say where we may go, and `transport` sees to it that the connection goes there.

An egress proxy resolves names itself, so what a name leads to is for the proxy to check: it must
refuse private, loopback and link-local addresses after resolution, and ports other than those of
public sites. What a URL spells out is refused here in either case.
"""
