"""What travels over the HTTP interface, as JSON: one type for each resource.

The web service writes these types and the command line reads them. They import no web framework,
so that the command starts fast.
"""
