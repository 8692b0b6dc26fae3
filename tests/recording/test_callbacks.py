"""Files for C libraries: errors are kept until they can be raised, offsets are hidden."""

from __future__ import annotations

import errno
import io

import pytest

from editorbot.recording.callbacks import CallbackFile, OffsetFile


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError(errno.EIO, "broken")


def test_the_first_failure_is_kept_and_everything_after_it_is_empty() -> None:
    file = CallbackFile(Broken(b"content"))
    file.check()
    assert file.seek(3) == 3
    assert file.read(4) == b""
    assert file.tell() == 0
    assert file.write(b"more") == 0
    with pytest.raises(OSError, match="broken"):
        file.check()


def test_what_works_is_passed_on() -> None:
    target = io.BytesIO()
    file = CallbackFile(target)
    assert file.write(b"abcdef") == 6
    assert (file.seek(2), file.read(2), file.tell()) == (2, b"cd", 4)
    file.check()


def test_a_file_from_one_of_its_bytes_on() -> None:
    behind = io.BufferedReader(OffsetFile(io.BytesIO(b"0123456789"), 4))
    assert behind.seek(0) == 0
    assert behind.read() == b"456789"
    assert behind.seek(-2, io.SEEK_END) == 4
    assert (behind.read(1), behind.tell()) == (b"8", 5)
