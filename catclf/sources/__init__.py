"""Where labeled pictures come from: class folders, a CSV or TSV, the course's HDF5 files.

A source is only listed here; its pictures are read later, one by one.
"""

from catclf.sources.labeled import Labeled, Listing
from catclf.sources.listing import list_sources

__all__ = ["Labeled", "Listing", "list_sources"]
