"""Grey images as PNG files, without an image library (ISO/IEC 15948)."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["data_uri", "encode_grey", "montage"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_grey(image: NDArray[np.uint8]) -> bytes:
    """Return an 8-bit grey PNG of an image of shape (height, width)."""
    height, width = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    # Each line starts with its filter type; 0 is none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), image], axis=1).tobytes()
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def montage(
    images: NDArray[np.floating], *, low: float, high: float, gap: int = 1, columns: int | None = None
) -> NDArray[np.uint8]:
    """Return images of shape (n, height, width) in rows of `columns`, on white, as dark ink.

    `low` becomes white and `high` black; values beyond are clipped.
    """
    count, height, width = images.shape
    columns = columns or count
    rows = -(-count // columns)
    span = max(high - low, 1e-12)
    ink = 255 - np.clip(np.nan_to_num((images - low) / span), 0, 1) * 255
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for index, image in enumerate(ink.round().astype(np.uint8)):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        page[top : top + height, left : left + width] = image
    return page


def data_uri(image: NDArray[np.uint8]) -> str:
    """Return the image as a `data:` address, for an `<img>` that needs no other file."""
    return "data:image/png;base64," + base64.b64encode(encode_grey(image)).decode("ascii")
