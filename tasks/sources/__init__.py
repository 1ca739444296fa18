"""From a topic to candidates: feeds, search services, lists of feeds.

A source talks to the web only through a `Fetcher`. Each service is one module with one class;
`feeds` reads feeds and OPML lists, `base` holds what the services share, and `search` builds the
configured sources and merges their candidates. docs/sources.md describes the terms of each service.
"""
