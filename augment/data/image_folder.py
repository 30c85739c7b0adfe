"""A folder of images: each subfolder a class, each file in it a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data.array_files import column_of
from augment.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_image_folder"]

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_DEEP = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_EXTRA = "pip install 'augment-service[images]'"


def read_image_folder(path: Path) -> pa.Table:
    """Read `path/class/file.png` and so on: columns `image` (bytes) and `label` (the subfolder).

    Images right in the folder have no label, and then there is no such column. Grey images give arrays
    (height, width), all others (height, width, 3). Files are read in the order of their names.

    Raises:
        DataFileError: Pillow is not installed, there is no image, one cannot be read, or they differ in size.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    if not files:
        rule = "must be a file, or a folder of images with one subfolder a class"
        remedy = f"Images end in {', '.join(sorted(_SUFFIXES))}"
        raise DataFileError.of("file", rule, "a directory without images", remedy, context=str(path))
    images = [_image(file) for file in files]
    colour = any(image.ndim > 2 for image in images)  # noqa: PLR2004 - height and width
    images = [_coloured(image) if colour else image for image in images]
    _require_one_size(files, images)
    columns = {"image": column_of("image", np.stack(images), path)}
    labels = [file.relative_to(path).parts[0] if file.parent != path else None for file in files]
    if any(label is not None for label in labels):
        columns["label"] = pa.array(labels, pa.string())
    return pa.table(columns)


def _image(file: Path) -> np.ndarray:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - an optional extra
    except ImportError as exc:
        raise DataFileError.of("folder", "needs Pillow to read images", "not installed", _EXTRA) from exc
    try:
        with Image.open(file) as image:
            if image.mode in _DEEP:
                rule = "must have at most 8 bits a channel"
                remedy = "Save the images with 8 bits, or as an NPZ file, whose numbers are kept as they are"
                raise DataFileError.of("image", rule, f"mode {image.mode}", remedy, context=str(file))
            grey = image.mode in {"1", "L", "LA"}
            return np.asarray(image.convert("L" if grey else "RGB"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as exc:
        remedy = "Mend the file or take it away"
        raise DataFileError.of("image", "must be readable", str(exc), remedy, context=str(file)) from exc


def _coloured(image: np.ndarray) -> np.ndarray:
    return image if image.ndim > 2 else np.repeat(image[:, :, None], 3, axis=2)  # noqa: PLR2004


def _require_one_size(files: list[Path], images: list[np.ndarray]) -> None:
    first = images[0].shape
    for file, image in zip(files, images, strict=True):
        if image.shape != first:
            value = f"{_size(image.shape)} beside {_size(first)} of {files[0].name}"
            remedy = "Crop or resize the images to one size"
            raise DataFileError.of("images", "must have one size", value, remedy, context=str(file))


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
