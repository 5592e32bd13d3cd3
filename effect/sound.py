"""What a clip sounds like: a soft track made from its own swarm, or a file of the user's.

Sound is float32 (n, 2), left and right, -1 to 1, at SOUND_RATE samples a second, as long as the clip.
"""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.swarm import Swarm
from effect.timeline import Timeline
from effect.video import SOUND_RATE, ffmpeg_executable

SILENT, BUILT_IN = "none", "flutter"  # instead of a file's name
LOUDNESS = 0.1  # root mean square: 20 dB below full scale, where speech lies in most clips
LOUDEST = 0.89  # no sample passes this: 1 dB of room, so that no decoder clips
FADE_OUT_SECONDS, FADE_IN_SECONDS, LOOP_FADE_SECONDS = 1.2, 0.05, 0.01

FLOCKS = 16  # butterflies that share one stream of noise, and one place between the ears
FLUTTER_HERTZ = (220.0, 1100.0)  # where air under wings is loudest
FLUTTER_LEVEL, PAD_LEVEL, CHIME_LEVEL, ECHO_LEVEL = 0.3, 0.45, 0.75, 0.5  # of parts made equally loud before
SCALE_HERTZ = 587.33 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)  # D major, pentatonic
PAD_HERTZ = 146.83 * 2 ** (np.array([0, 7, 12, 16, 21]) / 12)
CHIME_PARTIALS = (
    (1.0, 1.0, 1.6),
    (2.0, 0.35, 1.0),
    (3.01, 0.22, 0.6),
    (4.17, 0.1, 0.3),
)  # ratio, level, seconds
CHIME_GAP_SECONDS = (0.18, 0.55)
ECHO_SECONDS = 1.6

Sound = NDArray[np.float32]
Array = NDArray[np.float64]


def flutter_sound(timeline: Timeline, seed: int) -> Sound:
    """The built-in track: wings that rustle as the swarm in the picture does, chimes as butterflies take off."""
    generator = np.random.default_rng([seed, 1])  # a stream of its own, whatever the picture drew
    swarm, fps = timeline.swarm, float(timeline.fps)
    count = sample_count(timeline.frame_count, timeline.fps)
    if not len(swarm.species):
        return np.zeros((count, 2), np.float32)
    presence = (swarm.opacity * (swarm.lift > 0)).astype(np.float64)
    wings = FLUTTER_LEVEL * _equally_loud(_flutter(swarm, presence, fps, count, generator))
    pad = PAD_LEVEL * _equally_loud(_pad(presence, fps, count, generator))
    chimes = CHIME_LEVEL * _equally_loud(_chimes(swarm, fps, count, generator))
    mixed = wings + pad + chimes + ECHO_LEVEL * _echo(chimes + 0.4 * wings, generator)
    return _levelled(_faded(mixed))


def file_sound(path: Path, frame_count: int, fps: Fraction) -> Sound:
    """The sound of any file that ffmpeg reads, cut or repeated to the clip's length and faded out.

    moviepy 2.2.1 would do for most, but its reader runs past the end of files of a second or less.
    UserError where there is no such file or no sound in it.
    """
    if not path.is_file():
        raise UserError(
            f"--audio {path} is no file: name one that holds sound, or say {BUILT_IN} or {SILENT}"
        )
    count = sample_count(frame_count, fps)
    read = ("-hide_banner", "-v", "error", "-i", f"file:{path.resolve()}", "-vn", "-sn", "-dn")
    write = ("-t", f"{count / SOUND_RATE:.6f}", "-ac", "2", "-ar", str(SOUND_RATE), "-f", "f32le", "pipe:1")
    done = subprocess.run([ffmpeg_executable(), *read, *write], capture_output=True, stdin=subprocess.DEVNULL)
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 8 * 8], "<f4").reshape(-1, 2)
    if done.returncode or not len(samples):
        raise UserError(f"--audio {path} holds no sound that can be read: save it as WAV, MP3 or M4A")
    if len(samples) < count:
        piece = samples * _ramps(len(samples), LOOP_FADE_SECONDS, LOOP_FADE_SECONDS)
        samples = np.tile(piece, (-(-count // len(piece)), 1))
    samples = np.nan_to_num(samples[:count], posinf=0, neginf=0)
    return np.clip(_faded(samples), -1, 1).astype(np.float32)


def sample_count(frame_count: int, fps: Fraction) -> int:
    """Samples that last as long as the frames."""
    return round(frame_count / fps * SOUND_RATE)


def _flutter(swarm: Swarm, presence: Array, fps: float, count: int, generator: np.random.Generator) -> Array:
    """Noise that every flock's wing beats turn up and down, near ones louder, each where it flies."""
    usual_px = float(np.median(swarm.size_px[swarm.size_px > 0])) if (swarm.size_px > 0).any() else 1.0
    nearness = np.clip(swarm.size_px / usual_px, 0, 4)
    beats = presence * nearness * np.clip(swarm.wing_speed * fps / 30, 0, 1.5)
    noise = _coloured_noise(count, generator)
    width = max(float(swarm.x_px.max()), 1.0)
    sound = np.zeros((count, 2))
    for flock in range(min(FLOCKS, beats.shape[1])):
        members = beats[:, flock::FLOCKS]
        nearest = members.max(axis=1)  # one that stands out: all together would be a hiss
        aside = (members * swarm.x_px[:, flock::FLOCKS]).sum(axis=1) / (members.sum(axis=1) + 1e-9) / width
        gains = nearest[:, None] ** 1.5 * _panned(aside)
        heard = np.roll(noise, flock * count // FLOCKS)
        for side in range(2):
            sound[:, side] += heard * _at_samples(gains[:, side], fps, count)
    return sound


def _pad(presence: Array, fps: float, count: int, generator: np.random.Generator) -> Array:
    """A quiet chord that swells with the number of butterflies in the air."""
    many = presence.sum(axis=1)
    smoothed = np.convolve(many / max(many.max(), 1), np.hanning(2 * round(fps) + 1), "same") / max(fps, 1)
    swell = _at_samples(np.minimum(smoothed, 1), fps, count)
    seconds = np.arange(count) / SOUND_RATE
    chord = np.zeros((count, 2))
    for hertz in PAD_HERTZ:
        for side in range(2):  # a little out of tune between the ears: a wide, slow beating
            detuned = hertz * (1 + generator.uniform(-0.0015, 0.0015))
            phase = generator.uniform(0, 2 * np.pi)
            chord[:, side] += np.sin(2 * np.pi * detuned * seconds + phase) * (146.83 / hertz) ** 0.7
    return chord * swell[:, None]


def _chimes(swarm: Swarm, fps: float, count: int, generator: np.random.Generator) -> Array:
    """Small bells at some of the moments in which a butterfly leaves, or reaches, the person."""
    sound = np.zeros((count, 2))
    frames, butterflies = np.nonzero(np.diff(swarm.lift > 0, axis=0))
    width = max(float(swarm.x_px.max()), 1.0)
    free_from, note = 0.0, 0
    for frame, butterfly in zip(frames, butterflies, strict=True):
        seconds = frame / fps
        if seconds < free_from:
            continue
        free_from = seconds + generator.uniform(*CHIME_GAP_SECONDS)
        another = int(generator.integers(1, len(SCALE_HERTZ)))  # never twice the same
        note = (note + another) % len(SCALE_HERTZ)
        bell = _bell(SCALE_HERTZ[note]) * generator.uniform(0.4, 1.0)
        begin = int(seconds * SOUND_RATE)
        heard = bell[: max(count - begin, 0)]
        aside = np.array(float(swarm.x_px[frame, butterfly]) / width)
        sound[begin : begin + len(heard)] += heard[:, None] * _panned(aside)
    return sound


def _bell(hertz: float) -> Array:
    seconds = np.arange(int(2.5 * SOUND_RATE)) / SOUND_RATE
    attack = np.minimum(seconds / 0.004, 1)
    return attack * sum(
        level * np.exp(-3 * seconds / lasting) * np.sin(2 * np.pi * ratio * hertz * seconds)
        for ratio, level, lasting in CHIME_PARTIALS
    )


def _echo(sound: Array, generator: np.random.Generator) -> Array:
    """The sound in a large soft room: convolved with noise that dies away."""
    length = int(ECHO_SECONDS * SOUND_RATE)
    seconds = np.arange(length) / SOUND_RATE
    decay = np.exp(-5 * seconds / ECHO_SECONDS) * np.minimum(seconds / 0.02, 1)
    wet = np.empty_like(sound)
    for side in range(2):
        room = _coloured_noise(length, generator) * decay
        room /= np.sqrt(np.square(room).sum())
        size = 1 << (len(sound) + length).bit_length()
        spectrum = np.fft.rfft(sound[:, side], size) * np.fft.rfft(room, size)
        wet[:, side] = np.fft.irfft(spectrum, size)[: len(sound)]
    return wet


def _coloured_noise(count: int, generator: np.random.Generator) -> Array:
    """Noise in the band of fluttering wings, root mean square 1."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SOUND_RATE)
    low, high = FLUTTER_HERTZ
    spectrum *= (hertz / low) ** 2 / (1 + (hertz / low) ** 2) / (1 + (hertz / high) ** 2)
    noise = np.fft.irfft(spectrum, count)
    return _equally_loud(noise)


def _at_samples(values: Array, fps: float, count: int) -> Array:
    """Values per frame, linearly between the frames, for each sample."""
    return np.interp(np.arange(count) * (fps / SOUND_RATE), np.arange(len(values)), values)


def _panned(aside: Array) -> Array:
    """Levels of left and right, (..., 2), for places 0 (left) to 1: equal power, never one ear alone."""
    angle = (0.2 + 0.6 * np.clip(aside, 0, 1)) * np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _faded(sound: Array) -> Array:
    return sound * _ramps(len(sound), FADE_IN_SECONDS, FADE_OUT_SECONDS)


def _ramps(count: int, in_seconds: float, out_seconds: float) -> Array:
    """Levels (n, 1) that rise from 0 at the start and fall to 0 at the end; a short sound has shorter ramps."""
    position = np.arange(count) / SOUND_RATE
    lasting = count / SOUND_RATE
    rise = position / min(in_seconds, lasting / 4)
    fall = (lasting - position) / min(out_seconds, lasting / 4)
    return np.clip(np.minimum(rise, fall), 0, 1)[:, None]


def _equally_loud(sound: Array) -> Array:
    return sound / max(float(np.sqrt(np.square(sound).mean())), 1e-9)


def _levelled(sound: Array) -> Sound:
    """At the usual loudness; peaks are bent, not cut."""
    loudness = float(np.sqrt(np.square(sound).mean()))
    if loudness < 1e-9:
        return np.zeros_like(sound, np.float32)
    return (LOUDEST * np.tanh(sound * (LOUDNESS / loudness / LOUDEST))).astype(np.float32)
