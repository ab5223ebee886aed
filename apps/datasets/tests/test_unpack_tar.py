"""Tar archives: the same bounds as zip, whatever their headers claim."""

import gzip
import io
import tarfile
from typing import Any

import pytest

from apps.datasets.tests.cast import make_image, outcomes


def packed(*entries: tuple[str, bytes], mode: str = "w", **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, **options) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_class_folders(contribute: Any, mode: str, kind: int) -> None:
    data = packed(
        ("train/cat/1.png", make_image(1)),
        ("test/dog/2.png", make_image(2)),
        ("__MACOSX/x", b"litter"),
        mode=mode,
        format=kind,
    )
    batch = contribute({"pets.tar": data})
    found = batch.samples.order_by("pk").values_list("label__name", "declared_split")
    assert list(found) == [("cat", "train"), ("dog", "test")]
    assert outcomes(batch)["pets.tar"] == "unpacked"


def test_long_and_turned_names(contribute: Any) -> None:
    long = "图" * 300 + ".png"
    data = packed((f"cat/{long}", make_image(1)), ("cat/\u202egnp.exe.png", make_image(2)))
    names = outcomes(contribute({"a.tar": data}))
    assert f"cat/{long}" in names
    assert "cat/gnp.exe.png" in names


def test_names_that_are_not_utf8(contribute: Any) -> None:
    """As old Chinese systems pack them, and as nobody can read: no other entry suffers."""
    old = {"encoding": "gbk", "format": tarfile.GNU_FORMAT}
    chinese = packed(("猫/狗.png", make_image(1)), ("cat/plain.png", make_image(2)), **old)
    batch = contribute({"a.tar": chinese})
    assert outcomes(batch) == {
        "a.tar": "unpacked",
        "猫/狗.png": "accepted",
        "cat/plain.png": "accepted",
    }
    assert batch.samples.get(receipts__name="猫/狗.png").claimed_class == "猫"

    odd = packed(
        ("cat/XX.png", make_image(3)), ("cat/good.png", make_image(4)), ("cat/XX.zip", b"x")
    )
    for name in (b"cat/XX.png", b"cat/XX.zip"):
        odd = with_name(odd, name, name.replace(b"XX", b"\xff\xff"))
    assert outcomes(contribute({"b.tar": odd})) == {
        "b.tar": "unpacked",
        "cat/\ufffd\ufffd.png": "accepted",
        "cat/good.png": "accepted",
        "cat/\ufffd\ufffd.zip": "nested_archive",
    }


def with_name(data: bytes, name: bytes, other: bytes) -> bytes:
    """The tar with an entry's name replaced by another of the same length."""
    at = data.index(name.ljust(100, b"\0"))
    header = data[at : at + 148].replace(name, other) + b" " * 8 + data[at + 156 : at + 512]
    total = b"%06o\0 " % sum(header)
    return data[:at] + header[:148] + total + header[156:] + data[at + 512 :]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packed(("../../etc/1.png", make_image(1))), "unsafe_name"),
        (packed(("/etc/1.png", make_image(1))), "unsafe_name"),
        (packed(("c:\\1.png", make_image(1))), "unsafe_name"),
        (packed(("a/b.tar.gz", b"x")), "nested_archive"),
        (special("a", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (special("a", tarfile.LNKTYPE, "b"), "link"),
        (special("a", tarfile.CHRTYPE), "link"),
        (special("a", tarfile.FIFOTYPE), "link"),
    ],
)
def test_entries_that_are_refused(contribute: Any, data: bytes, code: str) -> None:
    found = outcomes(contribute({"a.tar": data}))
    assert sorted(found.values()) == sorted([code, "unpacked"])


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"no tar at all"),
        packed(("a/1.png", make_image(1)))[:700],
        packed(),
        b"\x1f\x8b\x08broken",
    ],
    ids=["gzip", "short", "empty", "broken"],
)
def test_what_is_no_tar(contribute: Any, data: bytes) -> None:
    assert outcomes(contribute({"a.tar.gz": data}))["a.tar.gz"] in {"bad_archive", "not_an_image"}


def test_bounds_on_both_sides(contribute: Any, settings: Any) -> None:
    two = packed(("cat/1.png", make_image(1)), ("cat/2.png", make_image(2)))
    settings.MAX_ARCHIVE_FILES = 2
    assert outcomes(contribute({"a.tar": two}))["a.tar"] == "unpacked"
    settings.MAX_ARCHIVE_FILES = 1
    assert outcomes(contribute({"b.tar": two}))["b.tar"] == "archive_too_many_files"
    settings.MAX_ARCHIVE_FILES = 9
    settings.MAX_ARCHIVE_UNPACKED_BYTES = len(make_image(1)) + len(make_image(2))
    assert outcomes(contribute({"c.tar": two}))["c.tar"] == "unpacked"
    settings.MAX_ARCHIVE_UNPACKED_BYTES -= 1
    assert outcomes(contribute({"d.tar": two}))["d.tar"] == "archive_too_large"


def test_an_entry_is_as_large_as_an_image_may_be(contribute: Any, settings: Any) -> None:
    data = make_image(1)
    settings.MAX_IMAGE_BYTES = len(data)
    found = outcomes(contribute({"a.tar": packed(("at.png", data), ("over.png", data + b"x"))}))
    assert found == {"a.tar": "unpacked", "at.png": "accepted", "over.png": "file_too_large"}


def test_a_tar_gz_unpacks_to_its_ratio_and_a_megabyte(contribute: Any, settings: Any) -> None:
    tar = packed(("x", bytes(3 * 2**20)))
    data = gzip.compress(tar)
    settings.MAX_ARCHIVE_RATIO = -(-(len(tar) - 2**20) // len(data))
    assert outcomes(contribute({"at.tar.gz": data}))["x"] == "not_an_image"
    settings.MAX_ARCHIVE_RATIO -= 1
    assert outcomes(contribute({"over.tar.gz": data})) == {"over.tar.gz": "bomb"}


def test_a_bomb_is_not_unpacked(contribute: Any, settings: Any) -> None:
    settings.MAX_ARCHIVE_UNPACKED_BYTES = 2**40
    zeros = packed(("cat/1.png", bytes(2**26)), mode="w:gz")
    found = outcomes(contribute({"a.tar.gz": zeros}))
    assert found == {"a.tar.gz": "bomb"}


@pytest.mark.parametrize(("size", "code"), [(2**16, "unpacked"), (2**16 + 1, "bad_archive")])
def test_a_header_has_its_length(contribute: Any, size: int, code: str) -> None:
    info = tarfile.TarInfo("cat/1.png")
    info.size = len(make_image(1))
    info.pax_headers = {"comment": "x" * (size - len("65536 comment=\n"))}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(make_image(1)))
    assert outcomes(contribute({"a.tar": out.getvalue()}))["a.tar"] == code


def test_an_endless_header_is_not_read(contribute: Any) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**34
    assert outcomes(contribute({"a.tar": header.tobuf() + bytes(1024)})) == {"a.tar": "bad_archive"}
