"""An image file shows a network what it shows a person, or is refused, or what was done to it is told."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from budgetnas.data.picture import FIRST, HALVED, LAID, SQUEEZED, TURNED, PictureError, read_header, read_picture
from budgetnas.exceptions import DataError

COLOUR = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8))
GREY = COLOUR.convert("L")


def oriented(number):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = number
    return exif


def with_alpha(image, alpha):
    image = image.copy()
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("number", range(1, 9))
def test_an_image_is_turned_as_every_viewer_turns_it(tmp_path, suffix, number):
    path = tmp_path / f"1.{suffix}"
    COLOUR.save(path, exif=oriented(number), **({"lossless": True} if suffix == "webp" else {}))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    picture = read_picture(path, channels=3)
    assert np.array_equal(picture.pixels, expected)
    assert read_header(path).size == expected.shape[1::-1]
    assert picture.done == (() if number == 1 else (TURNED,))


def test_an_orientation_behind_the_pixels_of_a_png_counts_and_a_damaged_one_does_not(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    path = tmp_path / "1.png"
    COLOUR.save(path)
    content, end = path.read_bytes(), path.read_bytes().rindex(b"IEND") - 4
    for exif, shape in ((oriented(6).tobytes()[6:], (9, 6, 3)), (b"no EXIF at all", (6, 9, 3))):
        path.write_bytes(content[:end] + chunk(b"eXIf", exif) + content[end:])
        assert read_picture(path, channels=3).pixels.shape == shape


@pytest.mark.parametrize(
    ("image", "suffix", "is_grey"),
    [
        (GREY, "png", True),
        (GREY, "pgm", True),
        (GREY.convert("1"), "png", True),
        (GREY.convert("1"), "tif", True),
        (GREY.convert("P"), "png", True),
        (GREY.convert("LA"), "png", True),
        (GREY.convert("RGB"), "png", False),
        (COLOUR, "ppm", False),
        (COLOUR.quantize(8), "png", False),
        (COLOUR.convert("RGBA"), "png", False),
        (COLOUR.convert("CMYK"), "tif", False),
    ],
)
def test_modes_that_show_the_same_picture_are_read_and_told(tmp_path, image, suffix, is_grey):
    path = tmp_path / f"1.{suffix}"
    image.save(path)
    assert read_header(path).is_grey == is_grey
    channels, mode = (1, "L") if is_grey else (3, "RGB")
    picture = read_picture(path, channels=channels)
    assert np.array_equal(picture.pixels, np.asarray(image.convert(mode)).reshape(6, 9, channels))
    assert len(picture.done) == (image.mode != mode)
    assert all(words.startswith(f"converted from mode {image.mode} to ") for words in picture.done)


@pytest.mark.parametrize(
    "image",
    [with_alpha(GREY, 100), with_alpha(COLOUR, GREY), with_alpha(COLOUR, GREY).quantize(8)],
    ids=lambda image: image.mode,
)
def test_transparent_parts_are_laid_over_white_and_told(tmp_path, image):
    image.save(tmp_path / "1.png")
    picture = read_picture(tmp_path / "1.png", channels=3)
    whole = image.convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    assert np.array_equal(picture.pixels, np.asarray(expected))
    assert picture.done[-1] == LAID


def test_a_transparent_colour_counts_only_where_a_pixel_has_it(tmp_path):
    COLOUR.save(tmp_path / "1.png", transparency=COLOUR.getpixel((0, 0)))
    picture = read_picture(tmp_path / "1.png", channels=3)
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    assert picture.done == (LAID,)
    Image.new("RGB", (4, 4)).save(tmp_path / "2.png", transparency=(1, 2, 3))
    assert read_picture(tmp_path / "2.png", channels=3).done == ()


def test_white_on_transparent_is_refused_since_white_would_hide_it(tmp_path):
    image = Image.new("RGBA", (5, 5), (255, 255, 255, 0))
    image.putpixel((2, 2), (255, 255, 255, 255))
    image.save(tmp_path / "1.png")
    with pytest.raises(PictureError, match=r"1\.png` is white on transparent.*: lay it over another colour"):
        read_picture(tmp_path / "1.png", channels=3)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_beyond_eight_bits_are_never_clipped(tmp_path, kind, channels):
    Image.fromarray(np.full((4, 4), 60_000, kind)).save(tmp_path / "1.tif")
    for step in (read_header, lambda path: read_picture(path, channels=channels, size=(2, 2))):
        with pytest.raises(PictureError, match="must have 8 bits a channel, grey or colour: scale its values"):
            step(tmp_path / "1.tif")


def test_what_is_read_of_several_frames_is_told(tmp_path):
    for suffix in ("tif", "png", "webp"):
        path = tmp_path / f"1.{suffix}"
        COLOUR.save(path, save_all=True, append_images=[COLOUR.rotate(180)], lossless=True)
        assert read_picture(path, channels=3).done == (FIRST,)


def test_a_size_is_held_and_other_proportions_are_told(tmp_path):
    path = tmp_path / "1.png"
    COLOUR.save(path)
    half, square = read_picture(path, channels=3, size=(3, 2)), read_picture(path, channels=1, size=(4, 4))
    assert (half.pixels.shape, half.resized, half.done) == ((2, 3, 3), True, ())
    assert (square.pixels.shape, square.done) == ((4, 4, 1), ("converted from mode RGB to grey", SQUEEZED))
    assert not read_picture(path, channels=3, size=(9, 6)).resized
    with pytest.raises(DataError, match="only networks of 1"):
        read_picture(path, channels=4)


def test_what_is_no_image_is_named_with_the_reason(tmp_path):
    COLOUR.save(tmp_path / "other.gif")
    (tmp_path / "gif.png").write_bytes((tmp_path / "other.gif").read_bytes())
    (tmp_path / "empty.png").touch()
    header = b"P6 20000 20000 255 "
    (tmp_path / "huge.ppm").write_bytes(header)
    for name, words in (
        ("gif.png", "it holds no PNG, JPEG, BMP, WebP, TIFF or PPM"),
        ("empty.png", "it is empty"),
        ("none.png", "is no file"),
        (".", "is no file"),
        ("huge.ppm", "20000x20000|400000000 pixels"),
    ):
        with pytest.raises(PictureError, match=words):
            read_header(tmp_path / name)


def png_of_16_bits(colour_type, values):
    """Write a PNG by hand, since PIL writes none of 16 bits a channel in colour: [H, W, C] uint16."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["png", "png with alpha", "ppm"])
def test_of_16_bits_a_channel_in_colour_the_upper_8_are_kept_and_that_is_said(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 2**16, (5, 7, 3), dtype=np.uint16)
    opaque = np.full((5, 7, 1), 2**16 - 1, np.uint16)
    content = {
        "png": png_of_16_bits(2, values),
        "png with alpha": png_of_16_bits(6, np.concatenate([values, opaque], axis=2)),
        "ppm": b"P6 7 5 65535\n" + values.astype(">u2").tobytes(),
    }[kind]
    path = tmp_path / f"1.{kind[:3]}"
    path.write_bytes(content)
    picture = read_picture(path, channels=3)
    assert HALVED in picture.done
    assert np.abs(picture.pixels.astype(int) - values // 256).max() <= 1
    COLOUR.save(tmp_path / "8.ppm")
    assert read_picture(tmp_path / "8.ppm", channels=3).done == ()
