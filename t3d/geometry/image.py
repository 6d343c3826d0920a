"""What a renderer makes of one camera: a picture on white, and what stands behind every pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Image:
    """A picture on white. rgb: (H, W, 3) sRGB bytes. mask: (H, W) bytes, the coverage of each pixel.

    rgb = mask / 255 * own colour + (1 - mask / 255) * 255, on sRGB codes, so the background can be replaced.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Maps:
    """What the ray through the middle of each pixel meets first; nothing is mixed between neighbours.

    depth: (H, W) float32 along the camera's axis, in lengths of the camera's world; infinite where there is
    nothing. normals: (H, W, 3) float32 unit vectors in camera axes (OpenGL: +X right, +Y up, +Z towards the
    viewer), turned to the side that is seen; zero where there is nothing. albedo: (H, W, 3) sRGB bytes
    without any light, white where there is nothing.
    """

    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    albedo: NDArray[np.uint8]
