"""LZF data, the compression that h5py brings along, measured before it is unpacked.

LZF (liblzf 3.6, which h5py bundles) is a run of instructions. A first byte below 32 is followed by
that many bytes and one more, to be copied as they are. Any other repeats earlier output: its upper
three bits are a length (where they are 7, the next byte is added), and 2 more bytes are repeated
than it says; its lower five bits and the byte that follows are how far back they begin.
"""

from __future__ import annotations

MAX_LITERAL = 32
LONG_LENGTH = 7


def unpacked_bytes(packed: bytes, max_bytes: int) -> int:
    """Return the number of bytes that LZF data unpack to, without unpacking them.

    Parameters
    ----------
    packed
        The data.
    max_bytes
        Where to stop counting: no memory is taken, and not much more time than so many bytes need.

    Raises
    ------
    ValueError
        Where they are no LZF data: cut short, or repeating what is before the beginning.
    """
    position, unpacked, end = 0, 0, len(packed)
    try:
        while position < end and unpacked <= max_bytes:
            control = packed[position]
            if control < MAX_LITERAL:
                position += control + 2
                unpacked += control + 1
                continue
            length = control >> 5
            if length == LONG_LENGTH:
                position += 1
                length += packed[position]
            distance = ((control & 31) << 8) + packed[position + 1] + 1
            if distance > unpacked:
                raise ValueError("LZF data that repeat what is before their beginning")
            position += 2
            unpacked += length + 2
    except IndexError:
        position = end + 1
    if position > end:
        raise ValueError("LZF data that are cut short")
    return unpacked
