"""Folders of class folders, and folders of splits of class folders."""

from __future__ import annotations

import os

from catclf.errors import DatasetError, name_some
from catclf.observer import Observer
from catclf.pictures.folders import find_pictures, is_litter, looks_like_picture, subfolders
from catclf.sources.labeled import (
    HDF5_SUFFIXES,
    Labeled,
    Listing,
    tell_validation,
)
from catclf.sources.names import name_splits, used_splits
from catclf.splits import SplitName


def list_folder(folder: str, observer: Observer) -> Listing:
    """List a folder of class folders, or of split folders of class folders.

    DatasetError where it holds no class folders, or one without pictures, or cannot be opened.
    """
    names = _subfolders(folder)
    splits = name_splits(names)
    if "train" not in splits.values() or (len(names) > 1 and {*splits.values()} == {"train"}):
        splits = {}  # a class may be called 'train': the vehicle
    listing = Listing([], [])
    used = used_splits(splits.values())
    for name, split in splits.items():
        path = os.path.join(folder, name)
        if split in used:
            _list_classes(path, used[split], listing)
        else:
            tell_validation(path, len(find_pictures(path)[0]), observer)
    if not splits:
        _list_classes(folder, None, listing)
    if not listing.pictures and any(map(looks_like_picture, listing.skipped)):
        fix = "Name the folder above it, or sort the pictures into a folder for each class."
        raise DatasetError("holds pictures, but no class folders", folder, fix)
    hdf5 = [path for path in listing.skipped if path.lower().endswith(HDF5_SUFFIXES)]
    if not listing.pictures and hdf5:
        raise DatasetError(
            "holds no class folders, but HDF5 files", folder, f"Name the files: {name_some(hdf5)}"
        )
    if not listing.pictures:
        fix = "Make a folder for each class inside it, such as cat/ and noncat/."
        raise DatasetError("holds no class folders with pictures", folder, fix)
    beside = [name for name in names if name not in splits] if splits else []
    listing.skipped.extend(os.path.join(folder, name) for name in beside)
    return listing


def _subfolders(folder: str) -> list[str]:
    try:
        return subfolders(folder)
    except OSError as error:
        raise DatasetError(
            f"cannot be opened ({error.strerror})", folder, "Let it be read: chmod +rx."
        ) from error


def _list_classes(folder: str, split: SplitName | None, listing: Listing) -> None:
    """Add the pictures of each class folder in `folder`, and what stands beside the folders."""
    for name in _subfolders(folder):
        pictures, skipped = find_pictures(os.path.join(folder, name))
        listing.pictures.extend(Labeled(path, name, split, path) for path in pictures)
        listing.skipped.extend(skipped)
        if not pictures:
            fix = "Put pictures of the class into it, or move it elsewhere."
            raise DatasetError("a class folder without pictures", os.path.join(folder, name), fix)
    with os.scandir(folder) as entries:
        files = sorted(entry.path for entry in entries if not is_litter(entry.name))
    listing.skipped.extend(path for path in files if not os.path.isdir(path))
