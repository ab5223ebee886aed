"""Names in zips that do not say how they are written, as Windows and macOS make them."""

import io
import zipfile
from typing import Any
from zipfile import ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.ingest.zip_names import FAT, encoding_of, name_of
from apps.datasets.tests.cast import make_image, outcomes

UNIX = 3


def unmarked(files: dict[bytes, bytes], system: int = FAT) -> bytes:
    """A zip of files with these bytes for names, without the mark for UTF-8."""
    out = io.BytesIO()
    stand_ins = {f"{number:0{len(name)}d}": name for number, name in enumerate(files, 1)}
    with zipfile.ZipFile(out, "w") as archive:
        for stand_in, name in stand_ins.items():
            entry = ZipInfo(stand_in)
            entry.create_system = system
            archive.writestr(entry, files[name])
    raw = out.getvalue()
    for stand_in, name in stand_ins.items():
        raw = raw.replace(stand_in.encode(), name)
    return raw


def read(names: list[bytes], system: int) -> list[str]:
    entries = []
    for name in names:
        entry = ZipInfo("x")
        entry.filename = entry.orig_filename = name.decode("cp437")
        entry.create_system = system
        entries.append(entry)
    encoding = encoding_of(entries)
    return [name_of(entry, encoding) for entry in entries]


@pytest.mark.parametrize(
    ("names", "encoding", "system"),
    [
        (["照片/猫/1.png"], "gbk", FAT),
        (["猫/1.png"], "gbk", FAT),  # right in UTF-8, too: "è"
        (["猫/1.png", "狗/2.png"], "gbk", UNIX),
        (["朱镕基/堃/1.png", "plain.txt"], "gbk", FAT),
        (["新建文件夹 (2)/x.png"], "gbk", FAT),
        (["１２３，测试/猫。png"], "gbk", FAT),
        (["照片/猫/1.png", "Möwe/2.png"], "utf-8", UNIX),
        (["Möwe/1.png"], "utf-8", UNIX),
        (["正常/1.png", "异常/2.png"], "utf-8", FAT),
        (["Möwe/Größe/é.png"], "cp437", FAT),
        (["Größe/1.png"], "cp437", FAT),  # right in GB 18030, too: "Gr斸e"
        (["piñata/à la carte.png"], "cp437", FAT),
        (["plain/1.png"], "ascii", FAT),
    ],
)
def test_names_are_read_as_they_were_meant(names: list[str], encoding: str, system: int) -> None:
    assert read([name.encode(encoding) for name in names], system) == names


@given(st.lists(st.binary(max_size=50), max_size=5), st.sampled_from([FAT, UNIX]))
def test_any_bytes_are_some_name(names: list[bytes], system: int) -> None:
    assert all(isinstance(name, str) for name in read(names, system))


def test_what_is_marked_stays(contribute: Any) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("猫/1.png", make_image())
        archive.writestr("xxxx/2.png", make_image(2))
    mixed = out.getvalue().replace(b"xxxx", "狗狗".encode("gbk"))
    names = outcomes(contribute({"mixed.zip": mixed}))
    assert {"猫/1.png", "狗狗/2.png"} <= set(names)


def test_a_name_that_the_library_took_from_elsewhere_stays() -> None:
    """The field for Unicode names, which Python reads from 3.12 on."""
    entry = ZipInfo("mao/1.png")
    entry.filename = "猫/1.png"
    assert name_of(entry, encoding_of([entry])) == "猫/1.png"


def test_a_name_that_is_not_the_utf_8_it_says_it_is(contribute: Any) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("猫/1.png", make_image())
    lying = out.getvalue().replace("猫".encode(), b"\xff\xfe\xfd")
    assert outcomes(contribute({"lying.zip": lying})) == {"lying.zip": "bad_archive"}


def test_a_chinese_folder_is_its_class(contribute: Any) -> None:
    files = {"猫/1.png".encode("gbk"): make_image(), "猫/坏.png".encode("gbk"): b"none"}
    contribution = contribute({"windows.zip": unmarked(files)})
    found = outcomes(contribution)
    assert (found["猫/1.png"], found["猫/坏.png"]) == ("accepted", "not_an_image")
    assert contribution.samples.get().claimed_class == "猫"
