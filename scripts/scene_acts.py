"""The kinds of scenes that ``make_scenes.py`` films.

Each kind draws one act: what moves, and when it is heard. ``HELD_OUT`` kinds are never trained on:
what is measured on them was not learnt by heart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scene_things import (
    CONTROL_HZ,
    HEIGHT,
    WIDTH,
    Act,
    Array,
    Hit,
    Rng,
    Thing,
    disc,
    fixed,
    glide,
    limb,
    rhythm,
    wander,
)


def bounce(rng: Rng, t: Array) -> Act:
    """Balls that fall and bounce; thrown again when they lie still."""
    things, hits = [], []
    floor, gravity = rng.uniform(24, 35), rng.uniform(60, 300)
    for _ in range(rng.integers(1, 4)):
        radius, spring = rng.uniform(1.5, 5), rng.uniform(0.6, 0.92)
        y, speed = rng.uniform(-5, 15), 0.0
        heights = np.empty(len(t))
        for n in range(len(t)):
            speed += gravity / CONTROL_HZ
            y += speed / CONTROL_HZ
            if y > floor - radius and speed > 0:
                if speed > 12:
                    hits.append(Hit(n / CONTROL_HZ, min(1.0, speed / 80)))
                y, speed = floor - radius, -spring * speed
                if -speed < 15:
                    speed = -rng.uniform(40, 110) * (gravity / 150) ** 0.5
            heights[n] = y
        x = rng.uniform(5, 59) + rng.uniform(-12, 12) * t
        x = radius + np.abs((x - radius) % (2 * (WIDTH - 2 * radius)) - (WIDTH - 2 * radius))
        things.append(disc(x, heights, radius))
    return Act(things, hits)


def collide(rng: Rng, t: Array) -> Act:
    """Discs that knock each other and the walls, pushed now and then."""
    count = int(rng.integers(2, 6))
    radius = rng.uniform(2, 5)
    place = rng.uniform([6, 6], [58, 30], size=(count, 2))
    speed = rng.normal(0, 30, size=(count, 2))
    low, high = np.array([radius, radius]), np.array([WIDTH - radius, HEIGHT - radius])
    path, hits = np.empty((len(t), count, 2)), []
    for n in range(len(t)):
        if rng.random() < 0.8 / CONTROL_HZ:
            speed[rng.integers(count)] += rng.normal(0, 50, size=2)
        place += speed / CONTROL_HZ
        walls = ((place < low) & (speed < 0)) | ((place > high) & (speed > 0))
        knock = float(np.abs(speed[walls]).sum())
        speed[walls] *= -0.9
        apart = place[:, None] - place[None]
        distance = np.hypot(apart[..., 0], apart[..., 1]) + 1e3 * np.eye(count)
        for a, b in np.argwhere(np.triu(distance < 2 * radius)):
            normal = apart[a, b] / max(distance[a, b], 1e-6)
            closing = float((speed[a] - speed[b]) @ normal)
            if closing < 0:
                speed[a] -= closing * normal
                speed[b] += closing * normal
                knock += 1.5 * abs(closing)
        if knock > 8:
            hits.append(Hit(n / CONTROL_HZ, min(1.0, knock / 70)))
        speed *= 1 - 0.1 / CONTROL_HZ
        path[n] = place
    return Act([disc(path[:, k, 0], path[:, k, 1], radius) for k in range(count)], hits)


def swing(rng: Rng, t: Array) -> Act:
    """A pendulum that swishes, or ticks where it turns or passes."""
    rate = 2 * np.pi * rng.uniform(0.3, 1.3)
    angle = rng.uniform(0.4, 1.2) * np.cos(rate * t + rng.uniform(0, 6))
    length = rng.uniform(12, 28)
    top = fixed(rng.uniform(16, 48), t), fixed(rng.uniform(-4, 6), t)
    x, y = top[0] + length * np.sin(angle), top[1] + length * np.cos(angle)
    moved = np.gradient(angle)
    watched = angle if rng.random() < 0.5 else moved
    passes = np.flatnonzero(watched[:-1] * watched[1:] < 0) / CONTROL_HZ
    hits = [Hit(float(time), 0.7) for time in passes] if rng.random() < 0.6 else []
    drive = (moved / np.abs(moved).max()) ** 2
    things = [limb(*top, angle, length, 1.2), disc(x, y, rng.uniform(2, 5))]
    return Act(things, hits, drive=drive)


def walk(rng: Rng, t: Array) -> Act:
    """Someone who walks up and down, a step for every stride."""
    pace = rng.uniform(1.3, 3.2)  # steps a second
    phase = np.pi * pace * t + rng.uniform(0, 3)
    span, speed = rng.uniform(0, 20), rng.uniform(4, 20)
    x = rng.uniform(25, 39) + span * np.sin(speed * t / max(span, 4))
    tall = rng.uniform(6, 11)
    hip = rng.uniform(16, 26) + rng.uniform(0.4, 1.5) * np.abs(np.cos(phase))
    stride = rng.uniform(0.3, 0.7)
    things = [
        limb(x, hip, stride * np.sin(phase), tall, 2.0),
        limb(x, hip, -stride * np.sin(phase), tall, 2.0),
        Thing(False, x, hip - tall / 2, np.array([tall / 4]), np.array([tall / 2])),
        disc(x, hip - tall - 2, rng.uniform(1.5, 3)),
        limb(x, hip - tall + 1, -stride * np.sin(phase), tall * 0.8, 1.4),
    ]
    turns = np.sin(phase - np.pi / 2)
    steps = np.flatnonzero(turns[:-1] * turns[1:] < 0) / CONTROL_HZ
    return Act(things, [Hit(float(time), float(rng.uniform(0.5, 0.9))) for time in steps])


def lamps(rng: Rng, t: Array) -> Act:
    """Lights that go on and off, and click or sound as they do."""
    hits, things = rhythm(rng, float(t[-1])), []
    for n in range(count := int(rng.integers(1, 6))):
        light = np.zeros(len(t))
        stays = rng.uniform(0.06, 0.6)
        for hit in hits[n::count]:
            after = t - hit.time
            light += hit.strength * ((after >= 0) & (after < stays))
        x, y = fixed(rng.uniform(6, 58), t), fixed(rng.uniform(6, 30), t)
        things.append(disc(x, y, rng.uniform(3, 11), np.minimum(light, 1.3)))
    return Act(things, hits)


def crowd(rng: Rng, t: Array) -> Act:
    """Many small ones that stir all at once, and rustle as much as they stir."""
    stir = np.clip(wander(rng, t, 0.9, rng.uniform(0.3, 1.2)), 0, 1.5) + 0.05
    things = []
    for _ in range(rng.integers(5, 13)):
        x, y = (
            place + np.cumsum(stir * wander(rng, t, rng.uniform(15, 45), 0.25)) / CONTROL_HZ
            for place in rng.uniform([4, 4], [60, 32])
        )
        things.append(disc(x % WIDTH, y % HEIGHT, rng.uniform(1.2, 4)))
    return Act(things, [], drive=np.minimum(stir / 1.5, 1))


def dance(rng: Rng, t: Array) -> Act:
    """A figure that goes from pose to pose, each reached (or left) on a beat."""
    hits = rhythm(rng, float(t[-1]))
    chosen = [hit for hit in hits if rng.random() < 0.9] or hits
    arrive, length = bool(rng.random() < 0.7), rng.uniform(0.12, 0.4)
    size = rng.uniform(7, 13)

    def poses(low: float, high: float) -> Array:
        places = rng.uniform(low, high, size=int(rng.integers(2, 6)))
        return glide(t, chosen, places, length, arrive=arrive)

    x = poses(20, 44) + wander(rng, t, 0.5, 0.7)
    y = poses(13, 20)
    things = [
        Thing(False, x, y, np.array([size / 4]), np.array([size / 2])),
        disc(x + poses(-2, 2), y - size * 0.75, size / 4),
        limb(x - size / 4, y - size / 2, poses(-2.8, 0.2), size, 1.8),
        limb(x + size / 4, y - size / 2, poses(-0.2, 2.8), size, 1.8),
        limb(x - size / 5, y + size / 2, poses(-0.8, 0.2), size, 2.0),
        limb(x + size / 5, y + size / 2, poses(-0.2, 0.8), size, 2.0),
    ]
    return Act(things, hits)


def talk(rng: Rng, t: Array) -> Act:
    """A face whose mouth opens with every syllable."""
    opening = np.zeros(len(t))
    time = rng.uniform(0, 1)
    while time < t[-1]:
        length = rng.uniform(0.08, 0.3)
        inside = np.clip((t - time) / length, 0, 1)
        opening += rng.uniform(0.3, 1.0) * np.sin(np.pi * inside) ** 2
        time += length * rng.uniform(0.9, 1.2) + (rng.exponential(0.6) if rng.random() < 0.2 else 0)
    seen = np.roll(opening, -int(rng.uniform(0, 0.12) * CONTROL_HZ))  # lips move first
    seen = np.convolve(seen, np.ones(9) / 9, "same") * rng.uniform(0.3, 1.2)
    size = rng.uniform(6, 17)
    x = rng.uniform(20, 44) + wander(rng, t, size / 12, 0.8)
    y = rng.uniform(15, 21) + wander(rng, t, size / 14, 0.7) + rng.uniform(0, 0.05) * size * seen
    blink = (np.sin(t * rng.uniform(1, 2.5) + rng.uniform(0, 6)) < 0.985).astype(float)
    one = np.ones(1)
    things = [
        Thing(True, x, y, 0.75 * size * one, size * one),
        disc(x - 0.3 * size, y - 0.25 * size, 0.12 * size, blink),
        disc(x + 0.3 * size, y - 0.25 * size, 0.12 * size, blink),
        Thing(True, x, y + 0.45 * size, 0.3 * size * one, size * (0.04 + 0.22 * seen)),
    ]
    return Act(things, [], drive=np.minimum(opening, 1), speaks=True)


def camera(rng: Rng, t: Array) -> Act:
    """Nothing moves but the camera: whip pans, zooms and jolts, each on its sound."""
    hits = rhythm(rng, float(t[-1]))
    view = np.zeros((3, len(t)))
    style = rng.integers(3)
    if style == 0:
        for axis, reach in ((0, 40.0), (1, 12.0)):
            places = rng.uniform(-reach, reach, size=5)
            view[axis] = glide(t, hits, places, rng.uniform(0.1, 0.4), arrive=rng.random() < 0.6)
    for hit in hits:
        after = np.maximum(t - hit.time, 0)
        fade = hit.strength * np.exp(-after / rng.uniform(0.06, 0.3)) * (t >= hit.time)
        if style == 1:
            view[2] += 0.25 * fade
        elif style == 2:
            view[0] += rng.choice([-1, 1]) * 4 * fade * np.cos(after * rng.uniform(25, 60))
            view[1] += rng.choice([-1, 1]) * 3 * fade * np.cos(after * rng.uniform(25, 60))
    drive = np.hypot(np.gradient(view[0]), np.gradient(view[1])) * CONTROL_HZ / 150
    return Act(still_life(rng, t), hits, drive=np.clip(drive, 0, 1), camera=view)


def still_life(rng: Rng, t: Array) -> list[Thing]:
    """Some shapes that stay where they are."""
    return [
        Thing(
            bool(rng.random() < 0.5),
            fixed(rng.uniform(-10, 74), t),
            fixed(rng.uniform(0, 36), t),
            rng.uniform(2, 8, size=1),
            rng.uniform(2, 8, size=1),
            angle=rng.uniform(0, 3, size=1),
        )
        for _ in range(rng.integers(2, 7))
    ]


def spin(rng: Rng, t: Array) -> Act:
    """A wheel with spokes that races and slows down, and hums or clatters with it."""
    speed = np.clip(wander(rng, t, 4.0, rng.uniform(0.5, 1.5)), 0.2, 9)
    angle = np.cumsum(speed) / CONTROL_HZ
    x, y = fixed(rng.uniform(18, 46), t), fixed(rng.uniform(12, 24), t)
    spokes = int(rng.integers(1, 4))
    length = rng.uniform(8, 17)
    things = [limb(x, y, angle + 2 * np.pi * k / spokes, length, 2.2) for k in range(spokes)]
    turns = np.floor(angle * spokes / (2 * np.pi))
    passes = np.flatnonzero(np.diff(turns)) / CONTROL_HZ
    hits = [Hit(float(time), 0.6) for time in passes] if rng.random() < 0.5 else []
    return Act(things, hits, drive=speed / 9)


def blast(rng: Rng, t: Array) -> Act:
    """Bursts of light that spread and die, each with its bang."""
    hits = [hit for hit in rhythm(rng, float(t[-1])) if rng.random() < 0.5]
    things = still_life(rng, t)[:2]
    for hit in hits:
        after = np.maximum(t - hit.time, 0)
        light = (t >= hit.time) * hit.strength * 1.5 * np.exp(-after / rng.uniform(0.08, 0.5))
        radius = 1 + rng.uniform(8, 20) * hit.strength * (1 - np.exp(-after / 0.12))
        x, y = fixed(rng.uniform(10, 54), t), fixed(rng.uniform(6, 28), t)
        things.append(disc(x, y, radius, np.where(light > 0.02, light, 0.0)))
    return Act(things[:12], hits[: 12 - 2])


def drop(rng: Rng, t: Array) -> Act:
    """Things that fall from above and lie where they land."""
    hits, things = rhythm(rng, float(t[-1]))[:12], []
    floor, length = rng.uniform(24, 34), rng.uniform(0.15, 0.5)
    for hit in hits:
        half_width, half_height = rng.uniform(1.5, 5, size=2)
        fall = np.clip((t - hit.time + length) / length, 0, 1) ** 2
        y = -8 + (floor - half_height + 8) * fall
        x = fixed(rng.uniform(4, 60), t)
        size = np.array([half_width]), np.array([half_height])
        things.append(Thing(bool(rng.random() < 0.5), x, y, *size))
    return Act(things, hits)


def doors(rng: Rng, t: Array) -> Act:
    """Panels that slide shut or open: a scrape, and a knock where they stop."""
    hits = [hit for hit in rhythm(rng, float(t[-1])) if rng.random() < 0.6]
    length, places = rng.uniform(0.15, 0.6), rng.uniform(4, 60, size=int(rng.integers(2, 5)))
    x = fixed(float(places[0]), t)
    drive = np.zeros(len(t))
    for n, hit in enumerate(hits):
        before, after = places[n % len(places)], places[(n + 1) % len(places)]
        x += (after - before) * np.clip((t - hit.time + length) / length, 0, 1)
        drive[(t < hit.time) & (t > hit.time - length)] = 0.6
    size = rng.uniform(4, 14, size=1), rng.uniform(8, 18, size=1)
    return Act([Thing(False, x, fixed(18, t), *size)], hits, drive=drive)


def hammer(rng: Rng, t: Array) -> Act:
    """An arm that is raised slowly and strikes fast."""
    hits = [hit for hit in rhythm(rng, float(t[-1])) if rng.random() < 0.7]
    angle = fixed(0.4, t)
    last = -1.0
    for hit in hits:
        rise = max(0.1, min(0.6, hit.time - last - 0.1))
        up = np.clip((t - hit.time + 0.1 + rise) / rise, 0, 1)
        down = np.clip((t - hit.time + 0.1) / 0.1, 0, 1) ** 2
        angle += 1.6 * hit.strength * (0.5 - 0.5 * np.cos(np.pi * up) - down)
        last = hit.time
    x, y, length = rng.uniform(14, 40), rng.uniform(24, 32), rng.uniform(14, 22)
    arm = limb(fixed(x, t), fixed(y, t), np.pi / 2 + angle, length, 2)
    end = x + length * np.cos(angle), y - length * np.sin(angle)
    head = Thing(False, *end, np.array([2.5]), np.array([4.0]), -angle)
    return Act([arm, head], hits)


def jump(rng: Rng, t: Array) -> Act:
    """A blob that crouches, leaps and lands, flattened by the landing."""
    hits, last = [], -1.0
    for hit in rhythm(rng, float(t[-1])):
        if hit.time - last > 0.55:
            hits.append(hit)
            last = hit.time
    height, squash = np.zeros(len(t)), np.zeros(len(t))
    for hit in hits:
        air = rng.uniform(0.25, 0.5)
        flight = np.clip((t - hit.time + air) / air, 0, 1)
        height += 4 * rng.uniform(6, 16) * hit.strength * flight * (1 - flight)
        after = np.maximum(t - hit.time, 0)
        squash += (t >= hit.time) * 0.4 * np.exp(-after / 0.08) * np.cos(30 * after)
    size, floor = rng.uniform(3, 6), rng.uniform(26, 33)
    y = floor - size * (1 - squash) - height
    x = rng.uniform(20, 44) + wander(rng, t, 4, 1.5)
    return Act([Thing(True, x, y, size * (1 + squash), size * (1 - squash))], hits)


Kind = Callable[[Rng, Array], Act]
TRAINED: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        *(bounce, collide, swing, walk, lamps, crowd, dance, talk),
        *(camera, spin, blast, drop, doors),
    )
}
HELD_OUT: dict[str, Kind] = {kind.__name__: kind for kind in (hammer, jump)}
