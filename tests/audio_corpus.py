"""Broken, odd and hostile sound files, each with the end that it must come to.

:func:`make_corpus` writes them; the tests open each one, and edit each one through
the command line. A bug that was found adds a case here.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from tests.sounds import band

RATE = 8_000
SECONDS = 4.0
CANARY = "canary-7f3a"
"""Content of a file that no track, list or page may ever hold."""


@dataclass(frozen=True)
class Case:
    """One file and what must come of it."""

    path: Path
    """The file."""
    fault: str
    """The class of fault."""
    opening: str
    """'ok', the code of a warning, or the code of an error when it is opened and read whole."""
    editing: str
    """The same for `editorbot edit`."""
    options: tuple[str, ...] = ()
    """Flags that the edit is given."""


@dataclass(frozen=True)
class Made:
    """One file's bytes before it has a path."""

    name: str
    content: bytes
    opening: str = "ok"
    editing: str | None = None
    options: tuple[str, ...] = ()


def make_corpus(folder: Path, faults: Sequence[str] = ()) -> list[Case]:
    """Write every file of some classes of faults, or of all, into a folder; return the cases."""
    cases = []
    for fault in faults or FAULTS:
        for number, made in enumerate(FAULTS[fault]()):
            path = folder / f"{fault}-{number}-{made.name}"
            path.write_bytes(made.content)
            cases.append(Case(path, fault, made.opening, made.editing or made.opening, made.options))
    (folder / "secret.txt").write_text(CANARY)
    return cases


def music(seconds: float = SECONDS, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Return music, shape=(samples, channels)."""
    sound = band(seconds, rate)[:, None]
    return np.repeat(sound, channels, axis=1)


def encoded(sound: np.ndarray, kind: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    """Return a sound as the bytes of a file."""
    buffer = io.BytesIO()
    sf.write(buffer, sound, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def by_av(kind: str, codec: str, sound: np.ndarray, rate: int = 44_100, *, streams: int = 1) -> bytes:
    """Return a sound encoded by FFmpeg, once or as several streams."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream, *others = [container.add_stream(codec, rate=rate, layout="mono") for _ in range(streams)]
        for one in (stream, *others):
            one.bit_rate = 128_000
        format_name = stream.codec_context.codec.audio_formats[0].name
        samples = (sound[:, 0] * 32_767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        size = stream.frame_size or 1024
        resampler = av.AudioResampler(format=format_name, layout="mono", rate=rate, frame_size=size)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            for one in (stream, *others):
                container.mux(one.encode(piece))
    return buffer.getvalue()


def wav(
    sound: np.ndarray, *, size: int | None = None, rate: int = RATE, tail: bytes = b"", riff: bytes = b"RIFF"
) -> bytes:
    """Return a 16-bit WAV whose header says what is asked."""
    body = np.round(np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    channels = sound.shape[1]
    head = struct.pack("<HHIIHH", 1, channels, rate, min(rate * 2 * channels, 2**32 - 1), 2 * channels, 16)
    data = b"data" + struct.pack("<I", len(body) if size is None else size) + body + tail
    inside = b"WAVEfmt " + struct.pack("<I", 16) + head + data
    return riff + struct.pack("<I", min(len(inside), 2**32 - 1)) + inside


def _empty() -> Iterator[Made]:
    yield Made("zero.wav", b"", "EMPTY")
    yield Made("zero.mp3", b"", "EMPTY")
    yield Made("noframes.wav", wav(np.zeros((0, 1))), "EMPTY")
    yield Made("noframes-with-list.wav", wav(np.zeros((0, 1)), tail=b"LIST\x04\0\0\0INFO"), "EMPTY")
    yield Made("noframes.flac", encoded(np.zeros((0, 1)), "FLAC"), "EMPTY")
    yield Made("noframes.aiff", encoded(np.zeros((0, 1)), "AIFF"), "EMPTY")


def _short() -> Iterator[Made]:
    for samples in (1, 2, 80, 2_047, 15_999):
        yield Made(f"{samples}.wav", wav(music()[:samples]), "ok", "TOO_SHORT")
    yield Made("one.flac", encoded(music()[:1], "FLAC"), "ok", "TOO_SHORT")
    yield Made("copied.wav", wav(music()[:100]), "ok", "COPIED", ("--copy-short",))
    yield Made("kept.wav", wav(music()[:100]), "ok", "ok", ("--editor", "keep-all"))


def _silent() -> Iterator[Made]:
    quiet = np.zeros((32_000, 1))
    yield Made("zeros.wav", wav(quiet), "ok", "SILENT")
    yield Made("denormal.wav", encoded(quiet + 1e-40, subtype="FLOAT"), "ok", "SILENT")
    yield Made("dc.wav", wav(quiet + 0.5), "ok", "SILENT")
    yield Made("kept.wav", wav(quiet), "ok", "ok", ("--editor", "keep-all"))
    yield Made("zeros.flac", encoded(quiet, "FLAC"), "ok", "SILENT")


def _offset() -> Iterator[Made]:
    for offset in (0.3, -0.3):
        yield Made("dc.wav", wav(0.5 * music() + offset), "ok", "DC_OFFSET")


def _nonfinite() -> Iterator[Made]:
    for at, value in ((0, np.nan), (31_999, np.inf), (9_999, -np.inf), (20_000, np.nan)):
        sound = music()
        sound[at] = value
        yield Made(f"{at}.wav", encoded(sound, subtype="FLOAT"), "NONFINITE")
        yield Made(f"{at}-healed.wav", encoded(sound, subtype="FLOAT"), "NONFINITE", "REPAIRED", ("--repair",))
    long = music()
    long[5_000:6_000] = np.nan
    yield Made("long.wav", encoded(long, subtype="DOUBLE"), "NONFINITE", "NONFINITE", ("--repair",))


def _loud() -> Iterator[Made]:
    sound = music() / np.abs(music()).max()
    for peak in (1.5, 7.5, 1e4, 1e30):
        yield Made(f"{peak}.wav", encoded(sound * peak, subtype="FLOAT"), "ok", "OVER_FULL_SCALE")
    for peak in (1e30, 1e45, 1e200):
        yield Made(f"double-{peak}.wav", encoded(sound * peak, subtype="DOUBLE"), "ok", "OVER_FULL_SCALE")


def _depths() -> Iterator[Made]:
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"):
        yield Made(f"{subtype}.wav", encoded(music(), subtype=subtype))
    for subtype in ("PCM_S8", "PCM_16", "PCM_24"):
        yield Made(f"{subtype}.aiff", encoded(music(), "AIFF", subtype))
        yield Made(f"{subtype}.flac", encoded(music(), "FLAC", subtype))


def _rates() -> Iterator[Made]:
    for rate in (4_000, 11_025, 22_050, 44_101, 96_000, 384_000, 768_000):
        yield Made(f"{rate}.wav", wav(music(3, rate), rate=rate))
    for rate in (0, 1, 3_999, 768_001, 2**31 - 1, 2**32 - 1):
        yield Made(f"{rate}.wav", wav(music(), rate=rate), "RATE")


def _channels() -> Iterator[Made]:
    for channels in (2, 3, 6, 8, 64):
        yield Made(f"{channels}.wav", wav(music(3, RATE, channels)))
    yield Made("1024.wav", wav(music(2.5, RATE, 1024)))
    broken = bytearray(wav(music()))
    for channels in (0, 1_025, 65_535):
        broken[22:24] = struct.pack("<H", channels)
        broken[32:34] = struct.pack("<H", (2 * channels) % 65_536)
        yield Made(f"{channels}.wav", bytes(broken), "CHANNELS|DAMAGED|NOT_AUDIO")


def _polarity() -> Iterator[Made]:
    sound = music()
    yield Made("inverted.wav", wav(np.hstack([sound, -sound])))
    yield Made("dead.wav", wav(np.hstack([sound, 0 * sound])))


def _crashed() -> Iterator[Made]:
    for size in (0, 2**32 - 1):
        yield Made(f"{size}.wav", wav(music(), size=size), "RECOVERED")
        yield Made(f"{size}-stereo.wav", wav(music(SECONDS, RATE, 2), size=size), "RECOVERED")
    yield Made("half.wav", wav(music(), size=20_000), "RECOVERED")
    yield Made("rf64.wav", wav(music(), size=2**32 - 1, riff=b"RF64"), "RECOVERED")


def _truncated_wav() -> Iterator[Made]:
    whole = wav(music())
    for share in (0.999, 0.9, 0.7, 0.55):
        yield Made(f"{share}.wav", whole[: int(len(whole) * share)], "TRUNCATED")
    for size in (4, 11, 12, 20, 36, 43):
        yield Made(f"{size}.wav", whole[:size], "EMPTY|DAMAGED|NOT_AUDIO")
    yield Made("44.wav", whole[:44], "EMPTY")


def _trailing() -> Iterator[Made]:
    yield Made("list.wav", wav(music(), tail=b"LIST\x04\0\0\0INFO"))
    yield Made("odd.wav", wav(music(), tail=b"id3 \x03\0\0\0abc\0"))
    yield Made("junk.wav", wav(music(), tail=b"\x01\x02\x03"))


def _truncated_lossy() -> Iterator[Made]:
    for kind, subtype in (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("FLAC", "PCM_16")):
        whole = encoded(music(8.0), kind, subtype)
        for share in (0.8, 0.5):
            ending = "opus" if subtype == "OPUS" else kind.lower()
            yield Made(f"{share}.{ending}", whole[: int(len(whole) * share)], "ok|TRUNCATED|DAMAGED")
        yield Made(f"head.{kind.lower()}", whole[:30], "EMPTY|DAMAGED|NOT_AUDIO|NO_DECODER")


def _cut_sized() -> Iterator[Made]:
    for kind in ("AIFF", "AU", "CAF", "W64"):
        whole = encoded(music(8.0), kind, "PCM_16")
        yield Made(f"half.{kind.lower()}", whole[: len(whole) // 2], "TRUNCATED")


def _midway() -> Iterator[Made]:
    """Streams that were recorded from the middle of a frame on, and one with a hole."""
    mp3, aac = encoded(music(8.0), "MP3"), by_av("adts", "aac", music(8.0, 44_100))
    yield Made("rip.mp3", mp3[1_000:], "DAMAGED")
    yield Made("rip.aac", aac[100:], "DAMAGED")
    yield Made("hole.mp3", mp3[: len(mp3) // 2] + bytes(1_500) + mp3[len(mp3) // 2 + 1_500 :], "DAMAGED")


def _flipped() -> Iterator[Made]:
    rng = np.random.default_rng(5)
    for kind in ("OGG", "FLAC", "MP3"):
        whole = np.frombuffer(encoded(music(8.0), kind), np.uint8)
        for number in range(3):
            broken = whole.copy()
            at = rng.integers(len(broken) // 2, len(broken), 200)
            broken[at] = rng.integers(0, 256, 200)
            yield Made(f"{number}.{kind.lower()}", broken.tobytes(), "ok|TRUNCATED|DAMAGED")


def _misnamed() -> Iterator[Made]:
    sound = music()
    for kind in ("FLAC", "OGG", "MP3", "AIFF"):
        yield Made(f"{kind}.wav", encoded(sound, kind))
    yield Made("wav.mp3", wav(sound))
    yield Made("wav", wav(sound))
    yield Made("wav.txt", wav(sound))


def _not_audio() -> Iterator[Made]:
    for name, content in {
        "text.wav": b"this is a text\n" * 100, "page.mp3": b"<!DOCTYPE html><html></html>", "json.flac": b'{"a": 1}',
        "png.wav": b"\x89PNG\r\n\x1a\n" + bytes(100), "jpeg.wav": b"\xff\xd8\xff\xe0" + bytes(100),
        "pdf.ogg": b"%PDF-1.7\n", "zip.wav": b"PK\x03\x04" + bytes(100), "midi.wav": b"MThd" + bytes(100),
        "zeros.wav": bytes(10_000), "avi.wav": b"RIFF\x64\0\0\0AVI " + bytes(100), "elf.wav": b"\x7fELF" + bytes(100),
        "random.wav": np.random.default_rng(0).bytes(5_000), "gzip.wav": b"\x1f\x8b\x08" + bytes(50),
    }.items():  # fmt: skip
        yield Made(name, content, "NOT_AUDIO|DAMAGED")


def _playlists() -> Iterator[Made]:
    for name, content in {
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nsecret.txt\n", "list.wav": b"#EXTM3U\n#EXTINF:1,\nfile:secret.txt\n",
        "concat.wav": b"ffconcat version 1.0\nfile 'secret.txt'\n", "concat.txt": b"file 'secret.txt'\n",
        "pls.wav": b"[playlist]\nFile1=secret.txt\n", "sdp.wav": b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        "dash.wav": b'<?xml version="1.0"?><MPD><BaseURL>secret.txt</BaseURL></MPD>',
        "smil.mp4": b'<?xml version="1.0"?>\n<smil><audio src="secret.txt"/></smil>',
    }.items():  # fmt: skip
        yield Made(name, content, "NOT_AUDIO")


def _tags() -> Iterator[Made]:
    mp3 = encoded(music(), "MP3")
    padding = 500_000
    size = bytes((padding >> shift) & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\x03\0\0" + size + bytes(padding)
    yield Made("big-id3.mp3", tag + mp3)
    yield Made("id3v1.mp3", mp3 + b"TAG" + b"<img src=x onerror=alert(1)>".ljust(125, b"\0"))
    yield Made("ape.mp3", mp3 + b"APETAGEX" + bytes(24))


def _containers() -> Iterator[Made]:
    sound = music(SECONDS, 44_100)
    for kind, codec, name in (
        ("ipod", "aac", "m4a"), ("mp4", "aac", "mp4"), ("ipod", "alac", "alac.m4a"), ("adts", "aac", "aac"),
        ("matroska", "pcm_s16le", "mka"), ("asf", "wmav2", "wma"), ("wv", "wavpack", "wv"), ("caf", "pcm_s16be", "caf"),
    ):  # fmt: skip
        yield Made(name, by_av(kind, codec, sound))
    yield Made("m4a.wav", by_av("ipod", "aac", sound))
    yield Made("half.m4a", by_av("ipod", "aac", sound)[:9_000], "DAMAGED|TRUNCATED")


def _other_containers() -> Iterator[Made]:
    for kind in ("W64", "AU", "CAF", "AIFF", "WAVEX", "RF64"):
        yield Made(f"{kind}.snd", encoded(music(), kind, "PCM_16"))


def _no_beat() -> Iterator[Made]:
    rng = np.random.default_rng(1)
    t = np.arange(10 * RATE)[:, None] / RATE
    yield Made("noise.wav", wav(0.1 * rng.standard_normal((10 * RATE, 1))), "ok", "NO_BEAT")
    yield Made("drone.wav", wav(0.3 * np.sin(2 * np.pi * 110 * t)), "ok", "NO_BEAT")


def _headers() -> Iterator[Made]:
    whole = wav(music())
    yield Made("two-formats.wav", whole[:36] + whole[12:36] + whole[36:])
    yield Made("many-chunks.wav", whole[:36] + b"JUNK\x02\0\0\0ab" * 500 + whole[36:])
    yield Made("huge-chunk.wav", whole[:36] + b"JUNK\xff\xff\xff\x7fab" + whole[36:], "DAMAGED|EMPTY|NOT_AUDIO|ok")
    yield Made("no-format.wav", whole[:12] + whole[36:], "DAMAGED|NOT_AUDIO|NO_DECODER")
    yield Made("huge-chunk.caf", b"caff\0\1\0\0desc" + (2**63 + 5).to_bytes(8, "big") + bytes(100), "DAMAGED")
    for bits, tag in ((17, 1), (0, 1), (16, 3), (64, 1), (16, 0x9999)):
        head = bytearray(whole)
        head[20:22], head[32:36] = struct.pack("<H", tag), struct.pack("<HH", bits // 8, bits)
        yield Made(f"{bits}-{tag}.wav", bytes(head), "ok|DAMAGED|NOT_AUDIO|NO_DECODER|EMPTY|RATE|CHANNELS")


def _chained() -> Iterator[Made]:
    for kind, subtype in (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("FLAC", "PCM_16")):
        one = encoded(music(), kind, subtype)
        yield Made(f"two.{(subtype or kind).lower()}", one + one)


def id3(size: int, *, footer: bool = False) -> bytes:
    """Return an ID3 tag of `size` empty bytes."""
    shown = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0" + (b"\x10" if footer else b"\0") + shown + bytes(size) + (b"3DI" + bytes(7) if footer else b"")


def _tagged_before() -> Iterator[Made]:
    for kind in ("FLAC", "MP3"):
        yield Made(f"{kind.lower()}", id3(1_000) + encoded(music(), kind))
    yield Made("odd.wav", id3(1_001) + wav(music()))
    yield Made("footer.wav", id3(1_000, footer=True) + wav(music()))
    yield Made("aac", id3(1_000) + by_av("adts", "aac", music(SECONDS, 44_100)))
    mp3 = encoded(music(), "MP3")
    yield Made("between.mp3", mp3 + id3(2_000) + mp3, "ok|DAMAGED")


def _unpadded() -> Iterator[Made]:
    whole = wav(music())
    for content in (b"abc", b"a", b"x" * 601):
        chunk = b"bext" + struct.pack("<I", len(content)) + content
        yield Made(f"{len(content)}-none.wav", whole[:36] + chunk + whole[36:])
        yield Made(f"{len(content)}-zero.wav", whole[:36] + chunk + b"\0" + whole[36:])


def _broadcast() -> Iterator[Made]:
    whole = wav(music())
    bext = b"bext" + struct.pack("<I", 6_000) + b"<img src=x onerror=alert(1)>".ljust(6_000, b"\0")
    yield Made("bext.wav", whole[:12] + bext + whole[12:])
    yield Made("bext-behind.wav", whole + bext)
    for subtype in ("ULAW", "IMA_ADPCM"):
        compressed = encoded(music(), subtype=subtype)
        at = compressed.index(b"fact")
        yield Made(f"bext-{subtype}.wav", compressed[:at] + bext + compressed[at:])


def _piped() -> Iterator[Made]:
    for size in (0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFFF - 36, 0x80000000, 0xFFFFFFFF - 36):
        yield Made(f"{size:x}.wav", wav(music(), size=size), "RECOVERED")


def _wide_containers() -> Iterator[Made]:
    """24 bits in 32, left-justified as the format asks, plain and extensible."""
    values = (np.round(music() * (2**23 - 1)).astype("<i4") << 8).tobytes()
    plain = struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)
    tail = bytes.fromhex("0100000000001000800000aa00389b71")
    wide = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 4 * RATE, 4, 32, 22, 24, 4) + tail
    for name, head in (("plain", plain), ("extensible", wide)):
        inside = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(values)) + values
        yield Made(f"{name}.wav", b"RIFF" + struct.pack("<I", len(inside)) + inside)


def _several_streams() -> Iterator[Made]:
    sound = music(SECONDS, 44_100)
    yield Made("two.mka", by_av("matroska", "pcm_s16le", sound, streams=2), "STREAMS")
    yield Made("two.m4a", by_av("ipod", "aac", sound, streams=2), "STREAMS")


def _protected() -> Iterator[Made]:
    plain = by_av("ipod", "aac", music(SECONDS, 44_100))
    for tag in (b"enca", b"zzzz"):
        yield Made(f"{tag.decode()}.m4a", plain.replace(b"mp4a", tag), "NO_DECODER|DAMAGED|ok")


def _odd_tags() -> Iterator[Made]:
    title = b"\xff\xfe<script>\x00\xff"
    frame = b"TIT2" + struct.pack(">I", len(title) + 1) + b"\0\0\x03" + title
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    yield Made("title.mp3", b"ID3\x03\0\0" + size + frame + encoded(music(), "MP3"))
    info = b"INFOINAM" + struct.pack("<I", len(title)) + title
    yield Made("info.wav", wav(music(), tail=b"LIST" + struct.pack("<I", len(info)) + info))


def _dead_channels() -> Iterator[Made]:
    six = music(SECONDS, RATE, 6)
    for channel in (0, 3, 5):
        dead = six.copy()
        dead[:, channel] = 0
        yield Made(f"{channel}.wav", wav(dead))
    only = np.zeros_like(six)
    only[:, 4] = six[:, 4]
    yield Made("only-4.wav", wav(only))


def _free_time() -> Iterator[Made]:
    rng = np.random.default_rng(3)
    t = np.arange(8 * RATE) / RATE
    syllables = np.clip(np.sin(2 * np.pi * np.cumsum(3 + 2 * rng.standard_normal(t.size)) / RATE), 0, 1)
    voice = 0.4 * syllables * np.sign(np.sin(2 * np.pi * 130 * t + 4 * np.sin(2 * np.pi * 0.7 * t)))
    yield Made("speech.wav", wav(voice[:, None]), "ok", "ok|NO_BEAT")
    at = np.cumsum(rng.uniform(0.2, 1.4, 10))
    plucks = sum(np.where(t >= s, np.exp(-4 * (t - s)) * np.sin(2 * np.pi * 220 * (t - s)), 0) for s in at)
    yield Made("rubato.wav", wav(0.3 * np.asarray(plucks)[:, None]), "ok", "ok|NO_BEAT")
    two = np.concatenate([band(6, RATE, bpm=90), band(6, RATE, bpm=150)])
    yield Made("tempo-change.wav", wav(two[:, None]), "ok", "ok|NO_BEAT")


FAULTS: dict[str, Callable[[], Iterator[Made]]] = {
    "empty": _empty, "short": _short, "silent": _silent, "offset": _offset, "nonfinite": _nonfinite, "loud": _loud,
    "depth": _depths, "rate": _rates, "channels": _channels, "polarity": _polarity, "crashed": _crashed,
    "truncated": _truncated_wav, "trailing": _trailing, "broken-off": _truncated_lossy, "flipped": _flipped,
    "misnamed": _misnamed, "not-audio": _not_audio, "playlist": _playlists, "tags": _tags, "container": _containers,
    "other-container": _other_containers, "no-beat": _no_beat, "header": _headers, "chained": _chained,
    "tagged-before": _tagged_before, "unpadded": _unpadded, "broadcast": _broadcast, "piped": _piped,
    "wide-container": _wide_containers, "streams": _several_streams, "protected": _protected, "odd-tags": _odd_tags,
    "dead-channel": _dead_channels, "free-time": _free_time, "cut-sized": _cut_sized, "midway": _midway,
}  # fmt: skip
"""Makers of the files of each class of fault."""
