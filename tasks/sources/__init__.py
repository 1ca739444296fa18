"""From a topic to candidates: feeds, search services, plain lists of URLs.

A source speaks to the web only through a `Fetcher`. Each is one module with one class; what they
share is how services are asked (`query`, `keyed`, `bounded`), how answers are read
(`json_answer`, `feed_answer`, `refusal`), and how finds become candidates (`candidates`,
`merging`). docs/sources.md says what each service asks of its users.
"""
