"""What was fetched before, kept as RFC 9111 lets a shared cache keep it.

`said` reads what an answer's headers say about keeping it; `answer` is what is kept, and how long
it may be used; `cache` goes between the client and the site.

Shared, because the jobs of all callers use it; so what a site calls `private` is not kept. Where
the RFC leaves a choice we ask the site once more:

- no heuristic freshness: an article without a word about its age is checked, for what we rank by
  is what it says today;
- of `max-age` and `s-maxage` the shorter one holds, and of several the shortest: a site that gives
  its own proxies a year tells them when to forget, and does not tell us;
- what makes no sense (a broken number or date) has expired;
- a clock that was set back makes what is kept older, not younger.

hishel 2.0, the library for this, was tried and left. Its state machine takes an answer without a
`Date` for fresh for ever, passes over `Age`, calls a page fresh for up to a week because it is old,
sends back an `ETag` of `*`, takes a 304 to an unconditional request for a confirmation, and reads
the clock itself, so that none of this can be mended from outside or tested without waiting. Its
store in Redis leaves its bound to an eviction policy, which a server that holds the ledger must not
have. One method, one status and one variant of each document is what we need of the RFC.

Only 200 to a GET without headers of the caller's own is kept, under its own URL. A redirect is
followed anew each time, and each of its URLs is checked anew.
"""
