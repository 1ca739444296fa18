"""From the bytes of a page to its article; `extract` is the way in."""
