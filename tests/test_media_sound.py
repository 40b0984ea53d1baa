"""The clock: sample k of the sound is at k / rate_hz seconds of the film."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.packet import Packet
from clips import (
    CHIRP_TIMES,
    CLIP_SECONDS,
    FloatArray,
    Packets,
    add_sound,
    chirp,
    chirps,
    encode,
    flash_time,
    like,
    place_of_chirp,
    write_sound,
)

from avsync.errors import MediaError
from avsync.media import iter_audio, probe, read_audio

HZ = 16_000
MS = 0.001


def places(path: Path, times: tuple[float, ...] = CHIRP_TIMES) -> FloatArray:
    samples = read_audio(path).samples
    return np.array([place_of_chirp(samples, HZ, time) for time in times])


def shifted(packet: Packet[AudioStream], seconds: float) -> Packet[AudioStream]:
    assert packet.pts is not None and packet.dts is not None
    ticks = round(seconds / packet.time_base)
    packet.pts += ticks
    packet.dts += ticks
    return packet


def seconds_of(packet: Packet[AudioStream]) -> float:
    return float((packet.pts or 0) * packet.time_base)


def noisy_chirps() -> FloatArray:
    """Chirps over noise, so that every second takes as many bytes as any other."""
    noise = np.random.default_rng(0).standard_normal(round(CLIP_SECONDS * 48_000))
    return (chirps(48_000) + 0.05 * noise).astype(np.float32)


# What each container and codec says of priming, padding and start is followed to the sample.


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "layout"),
    [
        ("a.mp4", "aac", 48_000, "stereo"),
        ("b.mp4", "aac", 44_100, "mono"),
        ("c.mp4", "aac", 22_050, "stereo"),
        ("d.mp4", "aac", 8_000, "mono"),
        ("e.mp4", "aac", 48_000, "5.1"),
        ("f.m4a", "aac", 44_100, "stereo"),
        ("a.mkv", "aac", 48_000, "stereo"),
        ("b.mkv", "libopus", 48_000, "stereo"),
        ("c.mkv", "libmp3lame", 44_100, "stereo"),
        ("d.mkv", "ac3", 48_000, "5.1"),
        ("e.mkv", "eac3", 48_000, "5.1"),
        ("f.mkv", "flac", 48_000, "stereo"),
        ("a.webm", "libopus", 48_000, "mono"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("b.mp3", "libmp3lame", 22_050, "mono"),
        ("c.mp3", "libmp3lame", 8_000, "mono"),
        ("a.flac", "flac", 44_100, "stereo"),
        ("a.wav", "pcm_s16le", 22_050, "mono"),
        ("b.wav", "pcm_s16le", 16_000, "mono"),
        ("a.ogg", "vorbis", 48_000, "stereo"),
        ("a.opus", "libopus", 48_000, "5.1"),
        ("a.avi", "pcm_s16le", 48_000, "stereo"),
        ("a.mov", "alac", 44_100, "stereo"),
    ],
)
def test_a_chirp_is_where_it_was_put(
    tmp_path: Path, name: str, codec: str, rate_hz: int, layout: str
) -> None:
    clip = write_sound(tmp_path / name, codec, rate_hz, layout=layout)
    np.testing.assert_allclose(places(clip), CHIRP_TIMES, atol=0.2 * MS)


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "priming"),
    [
        ("a.ts", "aac", 48_000, 1024),
        ("b.ts", "mp2", 48_000, 481),
        ("a.mpg", "mp2", 48_000, 481),
        ("a.aac", "aac", 44_100, 1024),
        ("a.flv", "aac", 44_100, 1024),
        ("b.avi", "libmp3lame", 44_100, 1105),
    ],
)
def test_priming_that_the_container_cannot_tell_of_is_a_constant_delay(
    tmp_path: Path, name: str, codec: str, rate_hz: int, priming: int
) -> None:
    clip = write_sound(tmp_path / name, codec, rate_hz)
    expected = np.add(CHIRP_TIMES, priming / rate_hz)
    np.testing.assert_allclose(places(clip), expected, atol=0.6 * MS)


@pytest.mark.parametrize(
    ("name", "codec", "within"),
    [
        ("a.mp4", "aac", 1 * MS),
        ("a.mkv", "aac", 1 * MS),
        ("b.mkv", "libopus", 1.5 * MS),  # Matroska rounds to whole milliseconds
        ("a.ts", "aac", 1 * MS),
        ("b.ts", "ac3", 1 * MS),
        ("a.mpg", "mp2", 1 * MS),
        ("a.nut", "aac", 1 * MS),
        ("a.avi", "libmp3lame", 1 / 25),  # AVI times sound by whole frames of picture
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.75])
def test_sound_and_picture_share_the_clock(
    tmp_path: Path, name: str, codec: str, within: float, late: float
) -> None:
    clip = write_sound(tmp_path / name, codec, picture=True, start=late)
    flash = flash_time(clip)
    heard = place_of_chirp(read_audio(clip).samples, HZ, 0.4 + late)
    assert heard - late == pytest.approx(flash, abs=within)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.ts", "mp2")])
def test_a_track_that_starts_late_is_silent_till_then(
    tmp_path: Path, name: str, codec: str
) -> None:
    clip = write_sound(tmp_path / name, codec, picture=True, start=1.5)
    samples = read_audio(clip).samples
    assert not samples[: int(1.4 * HZ)].any()
    heard = [place_of_chirp(samples, HZ, time + 1.5) for time in CHIRP_TIMES]
    np.testing.assert_allclose(heard, np.add(CHIRP_TIMES, 1.5), atol=12 * MS)
    (track,) = probe(clip).audio
    assert track.start == pytest.approx(1.5, abs=25 * MS)


def test_a_clip_whose_clock_starts_anywhere_starts_at_zero(tmp_path: Path) -> None:
    clip = write_sound(tmp_path / "a.ts", "mp2", start=5000.0)
    np.testing.assert_allclose(places(clip), np.add(CHIRP_TIMES, 0.01), atol=1 * MS)


# Timestamps that do not go on evenly.


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "aac"), ("a.ts", "aac"), ("a.mp4", "aac")])
def test_a_gap_is_silent_and_what_follows_is_in_place(
    tmp_path: Path, name: str, codec: str
) -> None:
    def drop(packets: Packets) -> Packets:
        return [p for p in packets if not 1.5 <= seconds_of(p) < 3.4]

    whole = places(write_sound(tmp_path / f"whole-{name}", codec, picture=True))
    clip = write_sound(tmp_path / name, codec, picture=True, edit=drop)
    heard = places(clip)
    assert np.isnan(heard[2:4]).all()
    np.testing.assert_allclose(heard[[0, 1, 4, 5, 6]], whole[[0, 1, 4, 5, 6]], atol=1 * MS)
    assert not read_audio(clip).samples[int(1.7 * HZ) : int(3.2 * HZ)].any()


def test_an_hour_of_gap_costs_no_memory(tmp_path: Path) -> None:
    def part(packets: Packets) -> Packets:
        return [shifted(p, 3600.0) if seconds_of(p) > 2.5 else p for p in packets]

    clip = write_sound(tmp_path / "a.mkv", "aac", edit=part)
    length, largest, last = 0, 0, np.zeros(0, np.float32)
    for block in iter_audio(clip):
        length, largest, last = length + len(block), max(largest, len(block)), block
    assert length / HZ == pytest.approx(3600 + CLIP_SECONDS, abs=0.05)
    assert largest == 10 * HZ
    heard = place_of_chirp(last, HZ, 3605.2 - (length - len(last)) / HZ)
    assert heard + (length - len(last)) / HZ == pytest.approx(3605.2, abs=1 * MS)


def test_lost_packets_do_not_add_up(tmp_path: Path) -> None:
    """Each is too short for a gap, and together they are 0.26 s."""

    def lose(packets: Packets) -> Packets:
        return [p for number, p in enumerate(packets) if number % 24 != 5 or not 30 < number < 320]

    times = (0.4, 3.5, 6.6, 9.5)
    sound = chirps(48_000, times=times, seconds=10.0)
    clip = write_sound(tmp_path / "a.mkv", "aac", sound=sound, edit=lose)
    np.testing.assert_allclose(places(clip, times), times, atol=25 * MS)
    assert places(clip, times)[-1] == pytest.approx(times[-1], abs=3 * MS)


def test_a_sound_card_with_a_clock_of_its_own_is_followed(tmp_path: Path) -> None:
    """0.2% off: 120 ms in a minute, which players follow by the timestamps."""

    def stretch(packets: Packets) -> Packets:
        return [shifted(p, 0.002 * seconds_of(p)) for p in packets]

    times = tuple(range(2, 58, 5))
    sound = chirps(48_000, times=times, seconds=60.0)
    clip = write_sound(tmp_path / "a.mkv", "flac", sound=sound, edit=stretch)
    np.testing.assert_allclose(places(clip, times), np.multiply(times, 1.002), atol=8 * MS)


def test_jitter_moves_nothing(tmp_path: Path) -> None:
    def shake(packets: Packets) -> Packets:
        random = np.random.default_rng(1)
        return [packets[0], *(shifted(p, random.uniform(0, 0.018)) for p in packets[1:])]

    clip = write_sound(tmp_path / "a.mkv", "aac", edit=shake)
    heard = places(clip)
    assert np.ptp(heard - np.array(CHIRP_TIMES)) < 12 * MS
    np.testing.assert_allclose(heard, CHIRP_TIMES, atol=20 * MS)


def test_what_is_there_twice_is_heard_once(tmp_path: Path) -> None:
    """The second half says again what the end of the first half said."""

    def rewind(packets: Packets) -> Packets:
        again = [like(p, bytes(p)) for p in packets if seconds_of(p) >= 2.7]
        return [p for p in packets if seconds_of(p) < 3.3] + again

    clip = tmp_path / "a.mkv"
    with av.open(str(clip), "w") as container:
        stream = add_sound(container, "flac", 48_000)
        packets = rewind(encode(stream, chirps(48_000)))
        for number, packet in enumerate(packets):
            packet.dts = 96 * number  # rising, as the muxer demands; Matroska stores only the pts
            container.mux(packet)
    np.testing.assert_allclose(places(clip), CHIRP_TIMES, atol=1 * MS)
    assert read_audio(clip).duration == pytest.approx(CLIP_SECONDS, abs=0.05)


@pytest.mark.parametrize("hours", [0.01, 5, 100])
def test_a_single_wrong_timestamp_is_not_believed(tmp_path: Path, hours: float) -> None:
    def spoil(packets: Packets) -> Packets:
        packet = packets[30]
        assert packet.pts is not None
        packet.pts += round(hours * 3600 / packet.time_base)
        return packets

    clip = write_sound(tmp_path / "a.mkv", "flac", edit=spoil)
    np.testing.assert_allclose(places(clip), CHIRP_TIMES, atol=1 * MS)
    assert read_audio(clip).duration == pytest.approx(CLIP_SECONDS, abs=0.1)


def test_a_jump_of_more_than_a_day_is_an_error(tmp_path: Path) -> None:
    def leap(packets: Packets) -> Packets:
        return [shifted(p, 90_000.0) if seconds_of(p) > 2.5 else p for p in packets]

    clip = write_sound(tmp_path / "a.mkv", "aac", edit=leap)
    with pytest.raises(MediaError, match=r"25\.0 h.*timestamps.*mkvmerge"):
        read_audio(clip)


def test_a_clock_that_starts_anew_goes_on(tmp_path: Path) -> None:
    """Two recordings in one file, as `cat a.ts b.ts` makes it."""
    first = write_sound(tmp_path / "1.ts", "mp2", sound=chirps(48_000, seconds=20.0))
    second = write_sound(tmp_path / "2.ts", "mp2")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    samples = read_audio(joined).samples
    length = read_audio(first).duration
    for time in CHIRP_TIMES:
        assert place_of_chirp(samples, HZ, time + 0.01) == pytest.approx(time + 0.01, abs=1 * MS)
    for time in CHIRP_TIMES[2:]:
        expected = length + time + 0.01
        assert place_of_chirp(samples, HZ, expected) == pytest.approx(expected, abs=60 * MS)


# Formats.


@pytest.mark.parametrize(
    ("name", "codec", "sample_format"),
    [
        ("u8.wav", "pcm_u8", "u8"),
        ("s16.wav", "pcm_s16le", "s16"),
        ("s24.wav", "pcm_s24le", "s32"),
        ("s32.wav", "pcm_s32le", "s32"),
        ("f32.wav", "pcm_f32le", "flt"),
        ("f64.wav", "pcm_f64le", "dbl"),
        ("mulaw.wav", "pcm_mulaw", "s16"),
        ("s16p.m4a", "alac", "s16p"),
        ("s32p.m4a", "alac", "s32p"),
        ("s16.flac", "flac", "s16"),
        ("s32.flac", "flac", "s32"),
    ],
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_every_sample_format_keeps_its_level(
    tmp_path: Path, name: str, codec: str, sample_format: str, layout: str
) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32)
    clip = write_sound(
        tmp_path / name, codec, sound=tone, layout=layout, sample_format=sample_format
    )
    samples = read_audio(clip).samples
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(HZ) / HZ)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples[100:-100], expected[100:-100], atol=0.02)


def level(path: Path) -> float:
    samples = read_audio(path).samples
    return float(np.sqrt(2 * np.mean(samples[1000:-1000] ** 2)))


def test_the_centre_is_loudest_in_the_mix_and_nothing_clips(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000).astype(np.float32)
    levels = []
    for channel in range(6):  # FL FR FC LFE BL BR
        sound = np.zeros((6, len(tone)), np.float32)
        sound[channel] = tone
        clip = write_sound(tmp_path / f"{channel}.flac", "flac", sound=sound, layout="5.1")
        levels.append(level(clip))
    left, right, centre, low, *back = levels
    assert centre == pytest.approx(2 * left, rel=0.01) == pytest.approx(2 * right, rel=0.01)
    assert centre > 0.4
    assert low < 1e-3
    assert 0 < max(back) < left
    everything = write_sound(tmp_path / "all.flac", "flac", sound=tone, layout="5.1")
    assert level(everything) == pytest.approx(1.0, rel=0.01)
    assert np.abs(read_audio(everything).samples).max() <= 1.0


@pytest.mark.parametrize(
    ("layout", "codec", "name"),
    [
        ("2.1", "flac", "a.flac"),
        ("4.0", "flac", "a.flac"),
        ("6.1", "flac", "a.flac"),
        ("7.1", "flac", "a.flac"),
        ("7.1", "aac", "a.mp4"),
        ("7.1", "libopus", "a.mkv"),
        ("7.1.4", "pcm_s16le", "a.wav"),
        ("hexadecagonal", "pcm_f32le", "a.wav"),
        ("22.2", "pcm_s16le", "a.wav"),
    ],
)
def test_any_number_of_channels_is_mixed(
    tmp_path: Path, layout: str, codec: str, name: str
) -> None:
    clip = write_sound(tmp_path / name, codec, layout=layout)
    np.testing.assert_allclose(places(clip), CHIRP_TIMES, atol=0.2 * MS)
    assert np.abs(read_audio(clip).samples).max() > 0.4


def test_six_channels_without_names_are_taken_as_5_1(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000).astype(np.float32)
    sound = np.zeros((6, len(tone)), np.float32)
    sound[2] = tone
    clip = write_sound(tmp_path / "a.wav", "pcm_s16le", sound=sound, layout="5.1")
    content = bytearray(clip.read_bytes())
    place = content.index(b"fmt ") + 8
    assert content[place : place + 2] == b"\xfe\xff"  # extensible, with a channel mask
    content[place + 20 : place + 24] = bytes(4)
    clip.write_bytes(content)
    assert level(clip) == pytest.approx(1 / 2.4, rel=0.01)


def test_samples_that_are_no_numbers_spoil_only_themselves(tmp_path: Path) -> None:
    sound = chirps(48_000)
    sound[[1000, 100_000]] = np.nan, np.inf
    sound[200_000:200_010] = 1e30
    clip = write_sound(tmp_path / "a.wav", "pcm_f32le", sound=sound, layout="mono")
    samples = read_audio(clip).samples
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0
    np.testing.assert_allclose(places(clip), CHIRP_TIMES, atol=1 * MS)


def test_rate_and_channels_may_change_on_the_way(tmp_path: Path) -> None:
    """As a broadcast does between programme and advertisement."""
    joined = tmp_path / "joined.ts"
    formats = [(48_000, "stereo"), (44_100, "mono"), (48_000, "5.1")]
    with joined.open("wb") as file:
        for number, (rate_hz, layout) in enumerate(formats):
            part = tmp_path / f"{number}.ts"
            write_sound(part, "aac", rate_hz, layout=layout, start=CLIP_SECONDS * number)
            file.write(part.read_bytes())
    samples = read_audio(joined).samples
    for number in range(len(formats)):
        for time in CHIRP_TIMES[1:]:
            priming = 0.0 if number else 1024 / 48_000  # the writer shifts what would be below 0
            expected = CLIP_SECONDS * number + time + priming
            heard = place_of_chirp(samples, HZ, expected)
            assert heard == pytest.approx(expected, abs=3 * MS)


# Length.


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.2345, 10.0])
def test_the_length_is_kept_and_the_tail_is_there(
    tmp_path: Path, rate_hz: int, seconds: float
) -> None:
    sound = np.zeros(round(seconds * rate_hz), np.float32)
    sound[-round(0.004 * rate_hz) :] = 0.5
    clip = write_sound(tmp_path / "a.wav", "pcm_s16le", rate_hz, sound=sound, layout="mono")
    samples = read_audio(clip).samples
    assert len(samples) == pytest.approx(len(sound) / rate_hz * HZ, abs=1.01)
    assert samples[-30:-3].min() > 0.3


def test_an_hour_does_not_drift(tmp_path: Path) -> None:
    """44.1 kHz in a sparse file, with a chirp near the end."""
    clip = write_sound(tmp_path / "a.wav", "pcm_s16le", 44_100, layout="mono", sound=chirps(44_100))
    head = clip.read_bytes()[: clip.stat().st_size - 2 * round(CLIP_SECONDS * 44_100)]
    seconds, place = 3600, 3599.5
    size = 2 * 44_100 * seconds
    with clip.open("wb") as file:
        file.write(bytes(head[:4]) + (len(head) - 8 + size).to_bytes(4, "little") + head[8:-4])
        file.write(size.to_bytes(4, "little"))
        file.truncate(len(head) + size)
        file.seek(len(head) + 2 * round(place * 44_100))
        file.write((chirp(44_100) * 32767).astype("<i2").tobytes())
    length, last = 0, np.zeros(0, np.float32)
    for block in iter_audio(clip):
        length, last = length + len(block), block
    assert length == seconds * HZ
    heard = place_of_chirp(last, HZ, 9.5) + seconds - 10
    assert heard == pytest.approx(place, abs=0.2 * MS)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_any_rate_can_be_asked_for(tmp_path: Path, rate_hz: int) -> None:
    clip = write_sound(tmp_path / "a.flac", "flac", 48_000, layout="mono")
    audio = read_audio(clip, rate_hz=rate_hz)
    assert audio.duration == pytest.approx(CLIP_SECONDS, abs=1 / rate_hz)
    for time in CHIRP_TIMES:
        assert place_of_chirp(audio.samples, rate_hz, time) == pytest.approx(time, abs=0.2 * MS)


def test_a_rate_of_nothing_is_a_bad_argument(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rate_hz"):
        next(iter_audio(tmp_path / "a.wav", rate_hz=0))


# Damage.


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "aac"),
        ("a.ts", "mp2"),
        ("a.mp3", "libmp3lame"),
        ("a.ogg", "vorbis"),
        ("a.flac", "flac"),
        ("a.wav", "pcm_s16le"),
        ("a.avi", "libmp3lame"),
    ],
)
def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path: Path, name: str, codec: str) -> None:
    clip = write_sound(tmp_path / name, codec, sound=noisy_chirps())
    whole = places(clip)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 6 // 10])
    samples = read_audio(clip).samples
    heard = np.array([place_of_chirp(samples, HZ, time) for time in CHIRP_TIMES])
    assert len(samples) > 0.4 * CLIP_SECONDS * HZ
    np.testing.assert_allclose(heard[:3], whole[:3], atol=1 * MS)
    assert np.isnan(heard[-1])


@pytest.mark.parametrize(
    ("name", "codec", "within"),
    [
        ("a.mkv", "aac", 3 * MS),
        ("b.mkv", "ac3", 3 * MS),
        ("c.mkv", "libopus", 3 * MS),
        ("a.ts", "aac", 3 * MS),
        ("a.mp4", "aac", 3 * MS),
        ("a.mp3", "libmp3lame", 0.4),  # MP3 has no timestamps: what is lost is lost
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_damage_in_the_middle_leaves_the_rest_in_place(
    tmp_path: Path, name: str, codec: str, within: float, seed: int
) -> None:
    clip = write_sound(tmp_path / name, codec, sound=noisy_chirps())
    whole = places(clip)
    content = bytearray(clip.read_bytes())
    first, last = len(content) * 42 // 100, len(content) * 48 // 100
    random = np.random.default_rng(seed)
    content[first:last] = random.bytes(last - first)
    clip.write_bytes(content)
    samples = read_audio(clip).samples
    heard = [place_of_chirp(samples, HZ, time, reach=within + 0.02) for time in CHIRP_TIMES]
    np.testing.assert_allclose(heard[:2], whole[:2], atol=1 * MS)
    assert heard[-1] == pytest.approx(whole[-1], abs=within)


def test_nothing_that_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    def spoil(packets: Packets) -> Packets:
        return [like(packet, b"\x55" * packet.size) for packet in packets]

    clip = write_sound(tmp_path / "a.mkv", "aac", edit=spoil)
    with pytest.raises(MediaError, match=r"a\.mkv: nothing of audio track 0 \(aac.*get the file"):
        read_audio(clip)


# How it is read.


def test_blocks_are_of_ten_seconds(tmp_path: Path) -> None:
    clip = write_sound(tmp_path / "a.flac", "flac", sound=chirps(48_000, seconds=25.0))
    assert [len(block) for block in iter_audio(clip)] == [10 * HZ, 10 * HZ, 5 * HZ]


def test_reading_the_film_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    sound = np.zeros(400 * 8_000, np.float32)
    clip = write_sound(tmp_path / "a.wav", "pcm_s16le", 8_000, sound=sound, layout="mono")
    for _ in iter_audio(clip, progress=lambda stage, fraction: told.append((stage, fraction))):
        pass
    assert {stage for stage, _ in told} == {"reading"}
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(set(fractions))
    assert 0 < fractions[0] < 0.1
    assert fractions[-1] == 1.0
    assert 20 <= len(fractions) <= 200


def test_a_film_that_is_put_down_lets_go_of_everything(tmp_path: Path) -> None:
    clip = write_sound(tmp_path / "a.flac", "flac", sound=chirps(48_000, seconds=60.0))
    blocks = iter_audio(clip)
    next(blocks)
    assert any("avsync-decode" in thread.name for thread in threading.enumerate())
    blocks.close()  # type: ignore[attr-defined]
    assert not any("avsync-decode" in thread.name for thread in threading.enumerate())
    clip.unlink()


def test_the_right_track_is_heard(tmp_path: Path) -> None:
    clip = tmp_path / "a.mkv"
    with av.open(str(clip), "w") as container:
        streams = [add_sound(container, "flac", 48_000) for _ in range(2)]
        streams[0].metadata["title"] = "Director's commentary"
        sounds = chirps(48_000, times=[1.0]), chirps(48_000, times=[2.0])
        for stream, sound in zip(streams, sounds, strict=True):
            for packet in encode(stream, sound):
                container.mux(packet)
    assert place_of_chirp(read_audio(clip).samples, HZ, 2.0) == pytest.approx(2.0, abs=MS)
    assert place_of_chirp(read_audio(clip, track=0).samples, HZ, 1.0) == pytest.approx(1, abs=MS)
    with pytest.raises(MediaError, match="track 7 is not an audio track"):
        read_audio(clip, track=7)
