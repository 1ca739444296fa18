"""Feeds and lists of feeds: from the bytes that a stranger sent to entries.

`reader` reads a document of any of the formats: `xml_feed` RSS and Atom, `json_feed` JSON Feed,
`opml` lists of feeds; `markup` prepares XML that is not well-formed. `topic` chooses the entries on
a topic, and `feed` is the data that all of them share.
"""
