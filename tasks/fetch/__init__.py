"""Polite, bounded, safe HTTP.

From the outside in:

- `fetcher` is what the rest of the project uses, with a `FetchPolicy` (`tasks.policies`) from the
  operator;
- `robots` decides whether a site allows a page, by its `robots_rules`;
- `client` follows one GET through its redirects, within a deadline: `redirects` says where they
  lead, and `cookies` what has been set on the way;
- `http_cache` and `cache_headers` avoid requests whose answer is known;
- `rate_limiter` and `local_rate_limiter` decide when a request may be sent;
- `content` and `failures` interpret the response, `decompression` decodes its body;
- `resolver` looks up the names of hosts, so that a name server that hangs harms no other fetch;
- `addresses` defines which addresses are never fetched, and `transport` enforces that for each
  connection; `heads` mends what servers write, before the HTTP parser sees it.

An egress proxy resolves names itself, so the proxy must check the addresses that a name leads to:
it must refuse private, loopback and link-local addresses after resolution, and ports other than
those of public sites. Addresses that are written in the URL itself are refused here in either case.
"""
