"""Image files to pixels, the same way in training and in `predict`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from budgetnas.data.dataset import Images
from budgetnas.exceptions import DataError
from budgetnas.text import one_line

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")  # as torchvision's
MOST_PIXELS = 178_956_970  # of a file, as PIL has it: more is an attack or a mistake
MODES = {1: "L", 3: "RGB"}  # PIL's names by number of channels

SQUEEZED = "squeezed to other proportions"
TURNED = "turned by EXIF orientation"
LAID = "laid over white where transparent"
FIRST = "cut to the first of several frames"
HALVED = "cut from 16 bits a channel to the upper 8"

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM")  # no others: PIL would run an EPS through Ghostscript
_GREY = frozenset({"1", "L", "LA"})
_PALETTES = frozenset({"P", "PA"})
_COLOUR = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_WORDS = {"L": "grey", "RGB": "colour"}
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


class PictureError(DataError):
    """One image file that cannot be used.

    Attributes:
        path: the file.
        fault: the rest of a sentence that begins with its name.
        step: the fix.
    """

    def __init__(self, path: Path, fault: str, step: str) -> None:
        super().__init__(f"`{path}` {fault}: {step}.")
        self.path, self.fault, self.step = path, fault, step


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """Size and mode of an image file.

    Attributes:
        size: (width, height) after its EXIF orientation.
        is_grey: whether it is grey by its mode, or by every colour of its palette.
    """

    size: tuple[int, int]
    is_grey: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Picture:
    """An image file as a network sees it.

    Attributes:
        pixels: uint8 [H, W, C].
        resized: whether it was resized.
        done: other conversions, as words after "was" or "were": `TURNED`, `LAID`, `FIRST`, `HALVED`, `SQUEEZED`,
            "converted from mode CMYK to colour".
    """

    pixels: Images
    resized: bool
    done: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Read size and mode without decoding the pixels; only an image with a palette is decoded.

    Raises:
        PictureError: the file is no readable image, too large, or not of 8 bits per channel.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.format != "TIFF" and _orientation(image) in _SIDEWAYS:  # PIL has turned a TIFF's size
            width, height = height, width
        return Header(size=(width, height), is_grey=_is_grey(image))


def read_picture(path: Path, *, channels: int, size: tuple[int, int] | None = None) -> Picture:
    """Read an image file as a viewer shows it: EXIF orientation applied, 8 bits per channel, resized on request.

    Args:
        path: the file.
        channels: 1 for grey, 3 for colour.
        size: (width, height) for a bilinear resize; None to keep the image's own.

    Raises:
        PictureError: the file is no readable image, too large, or would be blank over white.
        DataError: `channels` is neither 1 nor 3.
    """
    mode = MODES.get(channels)
    if mode is None:
        raise DataError(f"`{path}` has no {channels} channels: only networks of 1 (grey) or 3 (colour) see images.")
    with _opened(path) as opened:
        done = [FIRST] if _has_frames(opened) else []
        if _has_16_bits(opened):
            done.append(HALVED)
        if opened.mode != mode:
            done.append(f"converted from mode {opened.mode} to {_WORDS[mode]}")
        turn = _orientation(opened) if opened.format == "TIFF" else None  # PIL turns a TIFF as it loads it
        opened.load()
        image: Image.Image = opened
        if opened.format != "TIFF" and (turn := _orientation(opened)) is not None:
            image = image.transpose(_TURNS[turn])
        if turn is not None:
            done.append(TURNED)
        if _is_transparent(image):
            done.append(LAID)
            image = _over_white(path, image)
        image = image.convert(mode)
        resized = size is not None and image.size != size
        if size is not None and resized:
            if image.width * size[1] != image.height * size[0]:
                done.append(SQUEEZED)
            image = image.resize(size, Resampling.BILINEAR)
        pixels = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, channels)
        return Picture(pixels=pixels, resized=resized, done=tuple(done))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open an image of 8 bits per channel; every error of the decoder becomes a PictureError."""
    try:
        if not path.is_file():  # a pipe would never end
            raise PictureError(path, "is no file, or a link to none", "replace or remove it")
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PictureError(path, f"has {image.width}x{image.height} pixels", "give a smaller image")
            if image.mode not in _GREY | _PALETTES | _COLOUR:
                raise PictureError(
                    path,
                    f"is an image of mode {image.mode}, but must have 8 bits a channel, grey or colour",
                    "scale its values to 0..255, and save it so",
                )
            yield image
    except PictureError:
        raise
    except Exception as error:
        fault = f"cannot be read as an image ({_reason(path, error)})"
        raise PictureError(path, fault, "replace or remove it") from error


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        with contextlib.suppress(OSError):
            if not path.stat().st_size:
                return "it is empty"
        return "it holds no PNG, JPEG, BMP, WebP, TIFF or PPM"
    return one_line(error)


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in _PALETTES:
        return image.mode in _GREY
    colours = image.convert("RGB").getcolors(256) or []
    return all(len(set(colour)) == 1 for _, colour in colours if isinstance(colour, tuple))


def _orientation(image: Image.Image) -> int | None:
    """Return the orientation of an image by EXIF or XMP, 2 to 8; None for an upright one or damaged metadata.

    A PNG may hold its metadata after its pixels, so its orientation is known only once it is loaded.
    """
    try:
        found = Image.Image.getexif(image).get(ExifTags.Base.Orientation)  # a PNG's own would load its pixels
    except Exception:
        return None
    return found if isinstance(found, int) and found in _TURNS else None


def _has_16_bits(image: ImageFile.ImageFile) -> bool:
    """Return whether an image, not loaded yet, has 16 bits per channel; PIL will keep the upper 8."""
    for decoder, _, _, args in image.tile:
        words = args if isinstance(args, tuple) else (args,)
        if any(isinstance(word, str) and ";16" in word for word in words):
            return True
        if decoder.startswith("ppm") and any(isinstance(word, int) and word > 255 for word in words):
            return True
    return False


def _has_frames(image: Image.Image) -> bool:
    """Return whether the file has several frames; the previews that cameras add (MPO) do not count."""
    return bool(getattr(image, "is_animated", False)) and image.format != "MPO"


def _is_transparent(image: Image.Image) -> bool:
    return image.has_transparency_data and bool((_alpha(image.convert("RGBA")) < 255).any())


def _over_white(path: Path, image: Image.Image) -> Image.Image:
    """Lay an image over white, as most viewers do; refuse an image that would be blank there."""
    image = image.convert("RGBA")
    laid = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    is_blank = not np.ptp(np.asarray(laid), axis=(0, 1)).any()
    if is_blank and np.ptp(_alpha(image)):
        step = "lay it over another colour"
        raise PictureError(path, "is white on transparent, and white behind it would hide it", step)
    return laid


def _alpha(image: Image.Image) -> Images:
    return np.asarray(image.getchannel("A"))
