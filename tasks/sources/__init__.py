"""From a topic to candidates: feeds, search services, plain lists of URLs.

A source speaks to the web only through a `Fetcher`. Those that take turns with a service (GDELT)
count on being built once per process.
"""
