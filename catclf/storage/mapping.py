"""A contiguous array in an HDF5 file, as a memory map of that file shows it."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.storage.hdf5_arrays import StoredArray


@dataclass(frozen=True, eq=False, repr=False)
class MappedArray:
    """An array in a memory map of its file.

    Parameters
    ----------
    values
        The array, read only: a view of the map.
    file
        The map.
    end
        Where in the file the array ends.
    """

    values: NDArray[Any]
    file: mmap.mmap
    end: int

    @property
    def is_whole(self) -> bool:
        """Whether the file still holds it: to touch what it does not would end the process."""
        return self.file.size() >= self.end


def map_array(stored: StoredArray) -> MappedArray | None:
    """Map a contiguous array; None where the system does not: for want of addresses, for example.

    Raises
    ------
    DatasetError
        Where the file ends before the array.
    """
    stored.check_end()
    before = stored.start % mmap.ALLOCATIONGRANULARITY  # a map begins at a multiple
    try:
        file = mmap.mmap(
            stored.descriptor,
            before + stored.stored_bytes,
            access=mmap.ACCESS_READ,
            offset=stored.start - before,
        )
    except (OSError, OverflowError, ValueError):  # the last two where addresses are 32-bit
        return None
    values = np.frombuffer(file, stored.dtype, math.prod(stored.shape), before)
    return MappedArray(values.reshape(stored.shape), file, stored.start + stored.stored_bytes)
