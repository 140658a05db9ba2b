"""Libraries without the symbols that only a debugger reads: half of what compiled requirements weigh."""

import struct

# https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html, for 64-bit little-endian files.
_MAGIC = b"\x7fELF\x02\x01"
_SEGMENTS_AT, _SECTIONS_AT, _SEGMENT_SIZE_AT, _SECTION_COUNTS_AT = 32, 40, 54, 58
_OFFSET, _SIZE = 8, 32


def stripped(library: bytes) -> bytes:
    """The library up to where its last segment ends, which is all that is loaded; sections and debugging symbols come behind.

    Raises ValueError for what is no 64-bit little-endian ELF file.
    """
    if not library.startswith(_MAGIC):
        raise ValueError("not a library of x86-64 Linux")
    (table,) = struct.unpack_from("<Q", library, _SEGMENTS_AT)
    size, count = struct.unpack_from("<HH", library, _SEGMENT_SIZE_AT)
    end = table + size * count
    for segment in range(table, table + size * count, size):
        (offset,) = struct.unpack_from("<Q", library, segment + _OFFSET)
        (length,) = struct.unpack_from("<Q", library, segment + _SIZE)
        end = max(end, offset + length)
    left = bytearray(library[:end])
    struct.pack_into("<Q", left, _SECTIONS_AT, 0)
    struct.pack_into("<HHH", left, _SECTION_COUNTS_AT, 0, 0, 0)
    return bytes(left)
