"""The search services that sources ask, played in the formats of their manuals.

What they find is the sample catalogue's; what is not in any manual is not played.
"""
