"""Which columns of a table are the file, the label and the split: by name, else by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from catclf import DatasetError
from catclf.sources.headers import assign_roles, read_table
from catclf.sources.places import Files
from sources.conftest import touch


def roles(folder: Path, text: str) -> tuple[str, str, str | None]:
    """Return what messages call the columns of a table; 1.jpg, 2.jpg, 3.jpg stand beside it."""
    touch(folder, "1.jpg", "2.jpg", "3.jpg")
    (folder / "a.csv").write_text(text)
    files = Files(str(folder / "a.csv"))
    found = assign_roles(read_table(str(folder / "a.csv"), files), files)
    labels = "+".join(column.header or column.name for column in found.labels)
    split = found.split.name if found.split else None
    return found.file.header or found.file.name, labels, split


@pytest.mark.parametrize(
    "file",
    ["file", "FileName", "file_name", "image", "Image Path", "img", "path", "filepath", "id", "url",
     "image_id", "name", "fname", "Image Index", "id_code", "photo-id", "picture", "images"],
)  # fmt: skip
@pytest.mark.parametrize(
    "label",
    ["label", "Labels", "class", "class_name", "Category", "target", "y", "breed", "label id",
     "species", "true-label", "dx"],
)  # fmt: skip
def test_the_usual_names_are_known(tmp_path: Path, file: str, label: str) -> None:
    """In any case, with any separators, and beside other columns."""
    text = f"w,{label},{file},note\n1,cat,1.jpg,x\n2,dog,2.jpg,y\n"
    assert roles(tmp_path, text) == (file, label, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # No header.
        ("1.jpg,cat\n2.jpg,dog\n", ("column 1", "column 2", None)),
        ("train,cat,1.jpg\ntest,dog,2.jpg\n", ("column 3", "column 2", "'column 1'")),
        ("1,cat\n2,dog\n", ("column 1", "column 2", None)),
        ("1,target\n2,dog\n", ("column 1", "column 2", None)),
        ("gone.jpg,cat\nlost.jpg,dog\n", ("column 1", "column 2", None)),
        # Other names, where one column alone is left.
        ("foo,bar\n1.jpg,cat\n2.jpg,dog\n", ("foo", "bar", None)),
        (",what,foo\n0,cat,1\n1,dog,2\n", ("foo", "what", None)),
        ("file,emotion,fold\n1.jpg,cat,0\n2.jpg,dog,1\n", ("file", "emotion", None)),
        ("emotion,file,phase\ncat,1.jpg,train\ndog,2.jpg,val\n", ("file", "emotion", "'phase'")),
        # Of several files, those that are there.
        ("id,filename,label\n77,1.jpg,cat\n88,2.jpg,dog\n", ("filename", "label", None)),
        ("filename,id,label\ngone.jpg,1,cat\nlost.jpg,2,dog\n", ("id", "label", None)),
        ("id,foo,label\n77,1.jpg,cat\n88,2.jpg,dog\n", ("foo", "label", None)),
        ("id,image,label\n1,1.jpg,cat\n2,2.jpg,dog\n", ("image", "label", None)),
        ("id,file,label\n7,gone.jpg,cat\n8,lost.jpg,dog\n", ("file", "label", None)),
        # Of several labels that say the same, the words.
        ("file,label,class_name\n1.jpg,0,cat\n2.jpg,1,dog\n", ("file", "class_name", None)),
        ("file,class,label\n1.jpg,Cat,cat\n2.jpg,Dog,dog\n", ("file", "label", None)),
        ("file,label,class\n1.jpg,cat,\n2.jpg,dog,\n", ("file", "label", None)),
        ("file,label,breed\n1.jpg,cat,siam\n2.jpg,cat,manx\n", ("file", "label", None)),
        # Of several that differ, what is called exactly so.
        ("id,File,label\n2,1.jpg,cat\n3,2.jpg,dog\n", ("File", "label", None)),
        ("file,id,label\ngone.jpg,1,cat\nlost.jpg,2,dog\n", ("file", "label", None)),
        ("file,category,Label\n1.jpg,a,cat\n2.jpg,b,cat\n", ("file", "Label", None)),
        # A column for each class.
        ("filename,cat,dog\n1.jpg,1,0\n2.jpg,0,1\n", ("filename", "cat+dog", None)),
        ("image,MEL,NV,age\n1,1.0,0.0,40\n2,0.0,1.0,50\n", ("image", "MEL+NV", None)),
        ("image,a,b,is_test\n1,TRUE,false,1\n2,0,1,0\n", ("image", "a+b", "'is_test'")),
        ("file,bus,train\n1.jpg,1,0\n2.jpg,0,1\n", ("file", "bus+train", None)),
        # Splits, by name and by content.
        ("file,label,dataset\n1.jpg,cat,train\n2.jpg,dog,test\n", ("file", "label", "'dataset'")),
        ("file,label,dataset\n1.jpg,cat,flickr\n2.jpg,dog,web\n", ("file", "label", None)),
        ("file,label,part\n1.jpg,cat,Train\n2.jpg,dog,TEST\n", ("file", "label", "'part'")),
        ("file,label,part\n1.jpg,cat,train\n2.jpg,dog,engine\n", ("file", "label", None)),
        ("file,label,split\n1.jpg,cat,0\n2.jpg,dog,1\n", ("file", "label", "'split'")),
        ("file,label,set,split\n1.jpg,cat,test,train\n2.jpg,dog,test,test\n",
         ("file", "label", "'split'")),
        ("file,label,set,is_test\n1.jpg,cat,train,0\n2.jpg,dog,test,1\n",
         ("file", "label", "'set'")),
    ],
)  # fmt: skip
def test_columns_are_known_by_names_else_by_what_is_in_them(
    tmp_path: Path, text: str, found: tuple[str, str, str | None]
) -> None:
    """Where one alone can be meant."""
    if found[2] and "column" in found[2]:
        found = (*found[:2], found[2].strip("'"))
    assert roles(tmp_path, text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo,bar,baz\nx,cat,1\ny,dog,1\n", "no column is clearly the file: 'foo', 'bar', 'baz'\n"
         "Name the columns file and label"),
        ("file,a,b,c,d\n1.jpg,u,v,w,0\n",
         "no column is clearly the label: 'file', 'a', 'b' and 2 more\nName the columns file"),
        ("file,text,is_cat\n1.jpg,x,1\n2.jpg,y,1\n", "no column is clearly the label"),
        ("file,split\n1.jpg,train\n2.jpg,test\n", "no column is clearly the label"),
        ("file,what,x,y2\n1.jpg,cat,1,1\n2.jpg,dog,0,0\n", "no column is clearly the label"),
        ("1.jpg,cat,x\n2.jpg,dog,y\n",
         "has 3 columns and no header: it is unclear which is the label"),
        ("file,class,category\n1.jpg,cat,a\n2.jpg,cat,b\n",
         "several columns may be the label: 'class', 'category'\nName the right one label, and"),
        ("file,label,label\n1.jpg,cat,dog\n2.jpg,cat,cat\n", "several columns may be the label"),
        ("image,path,label\n1.jpg,2.jpg,cat\n2.jpg,3.jpg,dog\n", "several columns may be the file"),
        ("file,label,set,subset\n1.jpg,cat,train,test\n2.jpg,dog,test,train\n",
         "several columns may be the split: 'set', 'subset'"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_an_error_that_names_the_columns(
    tmp_path: Path, text: str, says: str
) -> None:
    """And says what to call them."""
    with pytest.raises(DatasetError) as caught:
        roles(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}: {says}")
