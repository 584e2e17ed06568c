"""Image files of every kind, made from a seed."""

import struct
import zlib

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def drawing(width, height, channels, seed):
    """Return a smooth image with edges and a little noise: uint8 [h, w] or [h, w, channels]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(width, height)
    layers = [
        128
        + 70 * np.sin(rng.uniform(3, 12) * x + rng.uniform(3, 12) * y + rng.uniform(0, 6))
        + 60 * (np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1)) < 0.3)
        + rng.normal(0, 5, (height, width))
        for _ in range(channels)
    ]
    image = np.clip(np.stack(layers, axis=-1), 0, 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def upright(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def raw_png(path, samples, kind):
    """Write 16-bit samples [h, w, c] as PNG, which Pillow cannot for more than one channel."""
    height, width = samples.shape[:2]

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def write_images(folder):
    """Write one file of each kind into a folder and return their paths."""

    def save(name, image, mode=None, **options):
        image = Image.fromarray(image)
        (image.convert(mode) if mode else image).save(folder / name, **options)

    save("grey-own-size.png", drawing(8, 8, 1, 1))
    save("grey.png", drawing(100, 70, 1, 2))
    save("grey-tall.png", drawing(31, 97, 1, 3))
    save("colour-own-size.png", drawing(64, 64, 3, 4))
    save("colour.png", drawing(301, 200, 3, 5))
    save("tiny.png", drawing(3, 5, 3, 6))
    save("large.png", drawing(1600, 1100, 3, 7))
    save("alpha.png", drawing(90, 120, 4, 8))
    save("grey-alpha.png", drawing(50, 40, 2, 9))
    ink = drawing(60, 50, 4, 32) * np.array([0, 0, 0, 1], dtype=np.uint8)
    save("black-ink.png", ink)
    save("black-ink.webp", ink, lossless=True, exact=True)
    save("grey-black-ink.png", ink[..., 2:])
    save("nothing-drawn.png", np.zeros((40, 50, 4), dtype=np.uint8))
    save("palette.png", drawing(77, 55, 3, 10), "P")
    save("palette-16.png", np.asarray(Image.fromarray(drawing(40, 41, 3, 11)).quantize(16).convert("RGB")))
    Image.fromarray(drawing(60, 50, 3, 12)).quantize(12).save(folder / "palette-4-bit.png", bits=4)
    Image.fromarray(drawing(60, 50, 3, 13)).quantize(200).save(folder / "palette-clear.png", transparency=3)
    save("one-bit.png", drawing(45, 65, 1, 14), "1")
    Image.fromarray(drawing(40, 60, 1, 15).astype(np.uint16) * 257 + 90).save(folder / "grey-16-bit.png")
    raw_png(folder / "colour-16-bit.png", drawing(40, 50, 3, 16).astype(np.uint16) * 257 + 11, 2)
    raw_png(folder / "alpha-16-bit.png", drawing(50, 40, 4, 17).astype(np.uint16) * 257, 6)
    save("turned.png", drawing(70, 50, 3, 18), exif=upright(6))
    save("grey.jpg", drawing(120, 90, 1, 19), quality=90)
    save("colour.jpg", drawing(203, 133, 3, 20), quality=85)
    save("colour-444.jpg", drawing(64, 80, 3, 21), quality=95, subsampling=0)
    for orientation in range(2, 9):
        save(f"turned-{orientation}.jpg", drawing(96, 64, 3, 21 + orientation), exif=upright(orientation))
    save("lossless.webp", drawing(80, 60, 3, 30), lossless=True)
    save("still.gif", drawing(64, 48, 1, 31))
    return sorted(folder.iterdir())
