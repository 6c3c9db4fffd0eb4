"""Folders as people have them: what is a class and what a split is known, or asked."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from catclf import DatasetError
from catclf.pictures.folders import Folder
from catclf.sources import UNUSED
from catclf.sources.class_folders import BESIDE, STRAY, UNLABELED, UNLISTED, LabelFrom
from sources.conftest import Warned, listing, rows, touch

PETS = "{cat,dog}/{1,2}.jpg"


def expanded(pattern: str) -> list[str]:
    """Return the paths of a pattern with alternatives in braces."""
    parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
    return ["".join(chosen) for chosen in itertools.product(*parts)]


CONTENTS = {".zip": b"PK\3\4" + bytes(40), ".npy": b"\x93NUMPY\1\0", ".md": b"#", ".xml": b"<a/>"}


def make(folder: Path, *patterns: str) -> None:
    """Make files of the paths of patterns, of their kinds; a folder where a slash ends a path."""
    for path in (path for pattern in patterns for path in expanded(pattern)):
        if path.endswith("/"):
            (folder / path).mkdir(parents=True)
        else:
            touch(folder, path)
            (folder / path).write_bytes(CONTENTS.get(Path(path).suffix, b""))


def counted(folder: Path, label_from: LabelFrom = "layout") -> dict[tuple[str, str | None], int]:
    """Return how many pictures of each class and split a folder holds."""
    found = listing(folder, label_from=label_from)
    return dict(Counter((picture.class_name, picture.split) for picture in found.pictures))


def in_two_splits(train: int = 2, test: int = 2) -> dict[tuple[str, str], int]:
    """Return so many pictures of cats and of dogs in each split."""
    counts = {"train": train, "test": test}
    return {(name, split): n for split, n in counts.items() for name in ("cat", "dog")}


def skipped(folder: Path) -> dict[str, str]:
    """Return what is skipped, by its path in `folder`."""
    return {os.path.relpath(each.path, folder): each.kind for each in listing(folder).skipped}


def test_class_folders_name_the_classes(tmp_path: Path) -> None:
    """A picture's class is the folder it is in; no split is set, and nothing is told."""
    touch(tmp_path, "cat/1.jpg", "cat/2.png", "dog/1.jpg")
    touch(tmp_path, "cat/notes.txt", "loose.jpg", "README")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert rows(found, tmp_path) == [
        ("cat/1.jpg", "cat", None),
        ("cat/2.png", "cat", None),
        ("dog/1.jpg", "dog", None),
    ]
    assert skipped(tmp_path) == {
        "cat/notes.txt": "empty file",
        "README": "empty file",
        "loose.jpg": STRAY,
    }
    assert (heard.texts, heard.notes) == ([], [])


@pytest.mark.parametrize(
    "litter",
    [
        "@eaDir/1.jpg", "#recycle/cat/1.jpg", "@Recycle/1.jpg", "$RECYCLE.BIN/S-1/1.jpg",
        "System Volume Information/1.jpg", "lost+found/1.jpg", "LOST.DIR/1.jpg", "FOUND.000/1.jpg",
        ".Trashes/501/1.jpg", "__MACOSX/cat/._1.jpg", ".ipynb_checkpoints/1.jpg",
        "@Recently-Snapshot/1.jpg", "RECYCLER/1.jpg", "FOUND.012/1.jpg", "$Extend/1.jpg",
        "@Transcode/1.jpg", "~snapshot/1.jpg", "._1.jpg", "Thumbs.db", ".DS_Store", "Icon\r",
    ],
)  # fmt: skip
def test_what_systems_leave_behind_is_no_class_at_any_depth(tmp_path: Path, litter: str) -> None:
    """Neither a class, nor a picture of one, nor worth a word; nor named by an error's advice."""
    make(tmp_path, PETS, litter, f"cat/{litter}", f"cat/more/{litter}")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert (len(found.pictures), found.skipped, heard.texts, heard.notes) == (4, [], [], [])
    make(tmp_path / "empty", litter)
    with pytest.raises(DatasetError) as caught:
        listing(tmp_path / "empty")
    assert litter.split("/")[0] not in str(caught.value)


# ---------------------------------------------------------------------------------- splits


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"), ("Training", "TESTING"), ("train", "val"), ("train", "Valid"),
        ("training_set", "test_set"), ("train_images", "test_images"), ("trainset", "testset"),
        ("TrainSet", "TestSet"), ("train_data", "test_data"), ("seg_train", "seg_test"),
        ("pets-train", "pets-valid"), ("train", "eval"), ("train", "dev"), ("train", "holdout"),
        ("train", "hold-out"), ("train", "held_out"), ("Train ", "test"),
        ("train1", "test1"), ("train_224", "test_224"),
        ("Train images", "Validation images"), ("trainval", "test"), ("train", "public_test"),
        ("images.train", "images.test"), ("TRAIN_DATASET", "Test Dataset"),
        ("train_resized", "test"),
    ],
)  # fmt: skip
def test_split_folders_are_known_by_their_names(tmp_path: Path, train: str, test: str) -> None:
    """Whatever case, blanks and usual additions; what is not plain is told."""
    make(tmp_path, f"{train}/{PETS}", f"{test}/{PETS}")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert Counter((p.class_name, p.split) for p in found.pictures) == in_two_splits()
    assert all(p.split == ("train" if f"/{train}/" in p.name else "test") for p in found.pictures)
    told = [f"{train} as train"] * (train.lower() not in ("train", "training", "trainval"))
    told += [f"{test} as test"] * (test.lower() not in ("test", "testing", "holdout"))
    assert heard.notes == ([f"taken as splits: {', '.join(told)}"] if told else [])


@pytest.mark.parametrize(
    "pattern",
    [
        "x/{training_set,test_set}/" + PETS,
        "train/train/" + PETS + " test/test/" + PETS,
        "{cat,dog}/{train,test}/{1,2}.jpg",
        "cat/cat_{train,test}/{1,2}.jpg dog/dog_{train,test}/{1,2}.jpg",
        "archive/{cat,dog}/{Train,Test}/{1,2}.jpg",
        "pets/images/{train,test}/pets/" + PETS,
    ],
)
def test_splits_are_found_wherever_they_stand(tmp_path: Path, pattern: str) -> None:
    """Inside of folders that hold nothing else, one layer twice, or in the class folders."""
    make(tmp_path, *pattern.split())
    assert counted(tmp_path) == in_two_splits()


def test_a_class_may_be_in_one_split_alone_where_it_stands_first(tmp_path: Path) -> None:
    """Class folders of split folders need not all have a test split."""
    make(tmp_path, "{cat,dog}/train/{1,2}.jpg", "dog/test/3.jpg")
    assert counted(tmp_path) == {("cat", "train"): 2, ("dog", "train"): 2, ("dog", "test"): 1}


def test_a_validation_folder_beside_train_and_test_is_left_out_and_told(tmp_path: Path) -> None:
    """Its pictures are skipped as what they are; also where classes come first."""
    make(tmp_path, "a/{Train,test,valid}/" + PETS, "a/valid/notes.txt")
    make(tmp_path, "b/{cat,dog}/{train,test,val}/{1,2}.jpg")
    for source in (tmp_path / "a", tmp_path / "b"):
        assert counted(source) == in_two_splits()
        assert [*skipped(source).values()].count(UNUSED) == 4


def test_what_stands_beside_splits_is_left_out_and_counted(tmp_path: Path) -> None:
    """Pictures without labels, and other files."""
    make(tmp_path, "{train,test}/" + PETS, "single_prediction/{1,2}.jpg", "models/x.npz", "1.jpg")
    assert counted(tmp_path) == in_two_splits()
    assert Counter(skipped(tmp_path).values()) == {BESIDE: 3}
    flats = ("test", "val/images", "test/test", "test_set/test_set")
    for source, flat in ((tmp_path / str(i), flat) for i, flat in enumerate(flats)):
        make(source, "train/" + PETS, flat + "/{7,8,9}.jpg")
        assert {split for _, split in counted(source)} == {"train"}
        assert Counter(skipped(source).values()) == {UNLABELED: 3}


def test_a_table_named_as_a_test_split_may_have_its_labels(tmp_path: Path) -> None:
    """Then the pictures of the split are not left out as if they had none."""
    make(tmp_path, "train/" + PETS, "test/{1,2}.jpg", "test.csv")
    with pytest.raises(DatasetError, match=r"Name the tables that hold the labels: .*test\.csv"):
        listing(tmp_path)


@pytest.mark.parametrize(
    "patterns",
    [
        ("{train,car}/{1,2}.jpg",),
        ("{steam_train,test_tube}/{1,2}.jpg",),
        ("{latest,trainers,protest}/{1,2}.jpg",),
    ],
)
def test_a_class_may_have_a_splits_word_in_its_name(
    tmp_path: Path, patterns: tuple[str, ...]
) -> None:
    """Train is the vehicle where another class stands beside it, and a test tube is no test."""
    make(tmp_path, *patterns)
    names = {os.path.relpath(path, tmp_path).split("/")[0] for path in tmp_path.glob("*/1.jpg")}
    assert counted(tmp_path) == {(name, None): 2 for name in names}


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["{lot1,lot2}/" + PETS], "same names (cat, dog) are in several folders (lot1, lot2)"),
        (
            ["{cat,dog}/{indoor,outdoor}/1.jpg"],
            "(indoor, outdoor) are in several folders (cat, dog)",
        ),
        (["{train,test,more}/" + PETS], "'more' is not named as a split, but 'train' is"),
        ([PETS, "test/" + PETS], "'cat' is not named as a split, but 'test' is"),
        ([PETS, "test/{1,2}.jpg"], "'cat' is not named as a split"),
        (["train/" + PETS, "car/1.jpg"], "'car' is not named as a split"),
        (["{valid,invalid}/1.jpg"], "'invalid' is not named as a split"),
        (["{val,test}/" + PETS], "holds no train split, only test, val"),
        (["{cats_train,cats_test,dogs_train,dogs_test}/1.jpg"], "combine a class and a split"),
        ([PETS, "{cat,dog}_test/1.jpg"], "combine a class and a split"),
        (["{train,test}_{cat,dog}/1.jpg"], "combine a class and a split"),
        (["{raw,done}/{train,test}/" + PETS], "(cat, dog) are in several folders (done, raw)"),
        (["new/{train,test}/" + PETS, "old/{train,test}/1.jpg"], "or those inside them (cat, dog)"),
        (
            ["cat/{1,1_mask,1_mask_1}.png", "dog/2.png"],
            "holds 2 pictures that are masks of other pictures",
        ),
        (["{images,masks}/1.jpg"], "(images, masks) do not look like classes"),
        (["{images_001,images_002}/{cat,dog}.{1,2}.jpg"], "do not look like classes"),
        (["{learn,exam}/{cat,dog}.{1,2}.jpg"], "begin with the same words (cat, dog)"),
        (["pets/" + PETS, "more/1.jpg"], "(more, pets), or those inside them (cat, dog)"),
        (
            ["animals/{cat,dog}/1.jpg", "cars/{van,bus}/1.jpg"],
            "(animals, cars), or those inside them (bus, ",
        ),
        (["JPEGImages/1.jpg", "PedMasks/1.jpg"], "(JPEGImages, PedMasks) do not look like"),
        (["{train,train_masks}/1.jpg"], "(train, train_masks) do not look like classes"),
        (["{100CANON,101CANON}/1.jpg"], "(100CANON, 101CANON) do not look like classes"),
        (["{fold1,fold2}/{train,val}/" + PETS], "(cat, dog) are in several folders (fold1, fold2)"),
        (["new/{train,test}/" + PETS, "old/1.jpg"], "'new' holds splits (test, train), but others"),
        (["train/" + PETS, "test/ape/1.jpg"], "only the test split has pictures of ape"),
        (["{cat,dog}/{train,test}/1.jpg", "cat/9.jpg"], "holds pictures outside its splits"),
        (["{cat,dog}/{train,test}/1.jpg", "dog/new/9.jpg"], "holds pictures outside its splits"),
        ([PETS, "pets/" + PETS], "holds folders with the names of its siblings (cat, dog)"),
        (["{train,test}/{cat.1,cat.2,dog.1,dog.2}.jpg"], "(cat, dog), choose `label_from` name"),
        ([PETS.replace("cat", "{Cat,cat}")], "'Cat' and 'cat' may be the same class"),
        (["{maine coon,maine_coon}/1.jpg"], "'maine coon' and 'maine_coon' may be the same class"),
        (["{cat,cat.}/1.jpg"], "'cat' and 'cat.' may be the same class"),
        (["train/" + PETS, "test/{cat,Dog}/1.jpg"], "'Dog' and 'dog' may be the same class"),
        (["{hot dog,hotdog}/1.jpg"], "'hot dog' and 'hotdog' may be the same class"),
        (["{1,1.0}/1.jpg"], "'1' and '1.0' may be the same class"),
        (["{a  b,a b,c}/1.jpg"], "'a  b' and 'a b' may be the same class: they differ only by"),
        (["x/{cafe\u0301,caf\u00e9}/1.jpg"], "blanks or Unicode form\nGive the class one name"),
        (
            ["{2024-05-31,2024-06-01,20240602}/1.jpg"],
            "its folders (2024-05-31, 2024-06-01, 20240602) do not look like classes",
        ),
        (
            ["train/" + PETS, "test/{cat,dog,bird}/1.jpg"],
            "only the test split has pictures of bird",
        ),
    ],
)
def test_what_cannot_be_known_is_asked(tmp_path: Path, patterns: list[str], said: str) -> None:
    """One message says what was seen, and how to say what is meant; no dataset is guessed."""
    make(tmp_path, *patterns)
    with pytest.raises(DatasetError, match=re.escape(said)) as caught:
        listing(tmp_path)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("label_from", "counts"),
    [
        ("top", {("lot1", None): 4, ("lot2", None): 4}),
        ("parent", {("cat", None): 4, ("dog", None): 4}),
    ],
)
def test_label_from_answers_what_is_asked(
    tmp_path: Path, label_from: LabelFrom, counts: dict[tuple[str, None], int]
) -> None:
    """The top folders are the classes, or those that the pictures stand in."""
    make(tmp_path, "{lot1,lot2}/" + PETS)
    assert counted(tmp_path, label_from) == counts


def test_parents_are_the_classes_of_each_split(tmp_path: Path) -> None:
    """Splits are still splits; pictures in no folder below are skipped."""
    make(tmp_path, "{train,test}/{farm,house}/{cat,dog}/1.jpg", "train/2.jpg")
    assert counted(tmp_path, "parent") == in_two_splits()


def test_composed_and_decomposed_names_are_one_class(tmp_path: Path) -> None:
    """As macOS and others write the same name, with or without blanks around it."""
    make(tmp_path, "train/{cafe\u0301,dog\u200b}/1.jpg", "test/{caf\u00e9,dog }/1.jpg")
    assert {name for name, _ in counted(tmp_path)} == {"caf\u00e9", "dog"}


# --------------------------------------------------------------------- one folder too many


@pytest.mark.parametrize("inside", ["pets", "pets/pets", "archive/a/b", "images"])
def test_a_folder_that_holds_one_folder_is_entered_and_told(tmp_path: Path, inside: str) -> None:
    """However many; files beside it are skipped as what they are."""
    make(tmp_path, f"{inside}/{PETS}", "README.md", "annotations/1.xml")
    heard = Warned()
    assert len(listing(tmp_path, observer=heard).pictures) == 4
    assert heard.notes == [f"{tmp_path}: used the folder inside it, {tmp_path / inside}"]
    assert skipped(tmp_path) == {"README.md": "text file", "annotations/1.xml": "text file"}


def test_what_stands_deeper_in_a_class_folder_is_told(tmp_path: Path) -> None:
    """It is of that class: a note names the folders."""
    make(tmp_path, "cat/images/{1,2}.jpg", "dog/images/1.jpg", "dog/2.jpg")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert Counter(p.class_name for p in found.pictures) == {"cat": 2, "dog": 2}
    (note,) = heard.notes
    assert note.endswith("those inside them are included: cat/images, dog/images")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["{cat,bird}/1.jpg", "dog/"], "dog: an empty class folder"),
        (["pets/cat/1.jpg", "pets/dog/"], "dog: an empty class folder"),
        ([], "holds no class folders with pictures\nMake a folder"),
        ([".hidden/1.jpg"], "holds no class folders with pictures\nMake a folder"),
        (["1.jpg", "2.jpg"], "holds pictures, but no class folders\nSort them into"),
        (
            ["cat.1.jpg", "cat.2.jpg", "dog.1.jpg", "dog.2.jpg"],
            r"\(cat, dog\), choose `label_from`",
        ),
        (["images/{a_1,a_2,b_1,b_2}.jpg", "xml/1.xml"], r"\(a, b\), choose `label_from` name"),
        (["images/{1,2}.jpg", "labels/1.txt"], "images: holds pictures, but no class folders"),
        (
            ["{train,test}/{1,2}.jpg", "{train,test}.csv"],
            r"Name the tables that hold .*: .*train\.csv",
        ),
        (["x/pets.zip"], "but archives: .*pets.zip\nExtract it"),
        (["x_train.npy"], "but array files: .*x_train.npy\nName those"),
    ],
)
def test_a_folder_without_class_folders_is_an_error(
    tmp_path: Path, names: list[str], said: str
) -> None:
    """The message says to make class folders, or what the folder holds instead."""
    make(tmp_path, *names)
    with pytest.raises(DatasetError, match=said):
        listing(tmp_path)


@pytest.mark.parametrize("locked", ["", "train", "train/cat", "train/cat/more"])
def test_a_folder_that_may_not_be_opened_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    """It is named, at any depth: the pictures in it would be missing in silence."""
    touch(tmp_path, "train/cat/more/1.jpg", "train/dog/1.jpg", "test/cat/2.jpg", "test/dog/2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match=r"cannot be opened \(Permission denied\)") as caught:
        listing(tmp_path)
    assert caught.value.where == str(tmp_path / locked)


# -------------------------------------------------------------- tables and names of files


@pytest.mark.parametrize("folder", ["", "images/", "images/images/"])
def test_a_table_beside_pictures_says_their_labels(tmp_path: Path, folder: str) -> None:
    """In their folder, or beside the one that holds them; what it does not list is counted."""
    make(tmp_path, folder + "{1,2,3}.jpg")
    (tmp_path / "labels.csv").write_text(f"file,label\n{folder}1.jpg,cat\n{folder}2.jpg,dog\n")
    heard = Warned()
    found = listing(tmp_path, observer=heard)
    assert [picture.class_name for picture in found.pictures] == ["cat", "dog"]
    assert f"the labels are read from {tmp_path / 'labels.csv'}" in heard.notes
    assert skipped(tmp_path) == {f"{folder}3.jpg": UNLISTED}


def test_a_table_beside_split_folders_without_labels_is_read(tmp_path: Path) -> None:
    """As competitions hand them out: train.csv, train_images/, and pictures without labels.

    A template for results, which lists the test pictures alone, says no labels.
    """
    make(tmp_path, "train_images/{cat.1,dog.2}.jpg", "test_images/{8,9}.jpg")
    (tmp_path / "sample.csv").write_text("id,label\n8,cat\n9,dog\n")
    with pytest.raises(DatasetError, match="holds pictures, but no class folders"):
        listing(tmp_path)
    by_name = counted(tmp_path, "name")
    assert by_name == {("cat", "train"): 1, ("dog", "train"): 1}
    (tmp_path / "train.csv").write_text("id,label\ncat.1,tom\ndog.2,rex\n")
    assert counted(tmp_path) == {("tom", None): 1, ("rex", None): 1}
    assert [*skipped(tmp_path).values()].count(UNLISTED) == 2
    assert counted(tmp_path, "name") == by_name


@pytest.mark.parametrize("folders", ["images/{1,2,3,4}.jpg", "{train,test}/{1,2,3,4}.jpg"])
def test_tables_named_as_splits_are_the_splits(tmp_path: Path, folders: str) -> None:
    """Of pictures in one folder, or in one for each; two tables that are not are asked."""
    make(tmp_path, folders)
    (tmp_path / "train_labels.csv").write_text("file,label\n1.jpg,cat\n2.jpg,dog\n")
    (tmp_path / "test_labels.csv").write_text("file,label\n3.jpg,cat\n4.jpg,dog\n")
    assert counted(tmp_path) == in_two_splits(1, 1)


def test_a_table_beside_class_folders_agrees_or_is_asked(tmp_path: Path) -> None:
    """What it says of most pictures is compared; where it has their splits, these are used."""
    make(tmp_path, "{cat,dog}/{1,2}.jpg")
    rows = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in (1, 2)]
    table, plain = tmp_path / "metadata.csv", {("cat", None): 2, ("dog", None): 2}
    table.write_text("file,label\n" + "".join(f"{row},x{row[-5]}\n" for row in rows))
    with pytest.raises(DatasetError, match=r"\(cat, dog\) and metadata.csv give different"):
        listing(tmp_path)
    assert counted(tmp_path, "top") == plain
    table.write_text("file,label\n" + "".join(f"{row},{row[:3]}\n" for row in rows))
    assert counted(tmp_path) == plain
    table.write_text("file,label\ncat/1.jpg,tom\n")  # of one picture in four
    assert counted(tmp_path) == plain
    table.write_text("some,numbers\n1,2\n")  # no table of pictures
    assert counted(tmp_path) == plain
    splits = ["train", "test"] * 2
    lines = [f"{row},{row[:3]},{split}\n" for row, split in zip(rows, splits, strict=True)]
    table.write_text("file,label,split\n" + "".join(lines))
    assert counted(tmp_path) == in_two_splits(1, 1)


def test_lists_of_splits_that_are_not_used_are_told(tmp_path: Path) -> None:
    """As some sets have them beside class folders: train.txt, or meta/test.csv."""
    make(tmp_path, "images/" + PETS, "meta/train.txt", "meta/test.csv", "meta/notes.txt")
    for name in ("train.txt", "test.csv", "notes.txt"):
        (tmp_path / "meta" / name).write_text("cat/1\n")
    heard = Warned()
    listing(tmp_path, observer=heard)
    lists = f"{tmp_path / 'meta/test.csv'}, {tmp_path / 'meta/train.txt'}"
    assert heard.notes[-1] == f"not used, though they may list the splits: {lists}"


def test_a_table_beside_folders_that_are_no_classes_is_read(tmp_path: Path) -> None:
    """As of sets that come in parts."""
    make(tmp_path, "part_1/{a,b}.jpg", "part_2/{c,d}.jpg")
    labels = zip("abcd", ("cat", "dog") * 2, strict=True)
    text = "id,label\n" + "".join(f"{name},{label}\n" for name, label in labels)
    (tmp_path / "metadata.csv").write_text(text)
    assert counted(tmp_path) == {("cat", None): 2, ("dog", None): 2}


def test_each_split_may_have_its_table(tmp_path: Path) -> None:
    """As Hugging Face's metadata.csv in each folder; two tables in one are asked."""
    for split in ("train", "test"):
        make(tmp_path, split + "/{1,2}.jpg")
        (tmp_path / split / "metadata.csv").write_text("file,label\n1.jpg,cat\n2.jpg,dog\n")
    assert counted(tmp_path) == in_two_splits(1, 1)
    metadata = tmp_path / "test" / "metadata.csv"
    metadata.write_text("file,label,split\n1.jpg,cat,test\n2.jpg,dog,train\n")
    with pytest.raises(
        DatasetError, match=r"metadata\.csv: assigns pictures to another split than test"
    ):
        listing(tmp_path)
    (tmp_path / "test" / "more.csv").write_text("file,label\n")
    with pytest.raises(DatasetError, match=r"2 tables\nName the tables that hold the labels: .*m"):
        listing(tmp_path)


def test_label_from_name_takes_what_stands_before_the_last_number(tmp_path: Path) -> None:
    """At any depth, in splits; a test split without labels is left out, and told."""
    make(tmp_path, "a/train/{cat,dog}.{1,2}.jpg", "a/test1/{1,2,3}.jpg")
    heard = Warned()
    found = listing(tmp_path / "a", observer=heard, label_from="name")
    assert Counter((p.class_name, p.split) for p in found.pictures) == {
        ("cat", "train"): 2,
        ("dog", "train"): 2,
    }
    assert [each.kind for each in found.skipped] == [UNLABELED] * 3
    make(tmp_path, "b/{cat_1,car-001,new}.jpg")
    with pytest.raises(DatasetError, match=r"1 of 3 file names have no label .*new\.jpg"):
        listing(tmp_path / "b", label_from="name")


def test_the_sample_has_six_classes_by_name() -> None:
    """Its noncat pictures are named by what they show."""
    sample = Path(__file__).parents[2] / "data" / "sample"
    assert counted(sample, "name") == {
        (name, split): n if name != "cat" else 5 * n
        for split, n in (("train", 24), ("test", 6))
        for name in ("car", "cat", "dog", "flower", "house", "tree")
    }


def test_a_plain_folder_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find its layout costs no second reading of its folders."""
    make(tmp_path, "{train,test}/" + PETS)
    opened: list[str] = []
    scandir = os.scandir

    def count(path: str) -> object:
        opened.append(os.path.relpath(path, tmp_path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", count)
    assert len(Folder(str(tmp_path)).find().pictures) == 8
    opened.clear()
    listing(tmp_path)
    assert Counter(opened).most_common(1)[0][1] <= 2
