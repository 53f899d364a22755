"""Geometric augmentation: every image of a batch rotated, sheared, zoomed and shifted at random, resampled once."""

from math import radians

from robust_digits.learn.settings import Augmentation
from robust_digits.learn.training import Distort
from robust_digits.runtime import keras, tf


def distortion(ranges: Augmentation, *, seed: int) -> Distort:
    """Return a function that distorts each image of a batch by amounts drawn evenly from `ranges`, by `seed`.

    What comes into view at an edge repeats the edge. Where all ranges are 0, images are returned as they are.
    """
    if not any(reach for _, reach in ranges):
        return lambda images: images
    generator = keras.random.SeedGenerator(seed)

    def distort(images: tf.Tensor) -> tf.Tensor:
        count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]

        def draw(reach: float) -> tf.Tensor:
            return keras.random.uniform((count,), -reach, reach, seed=generator)

        # Where in the image each pixel of the result comes from: rotation times shear times zoom, about the centre.
        angle, shear = draw(radians(ranges.rotation)), draw(radians(ranges.shear))
        across, down = 1 + draw(ranges.zoom), 1 + draw(ranges.zoom)
        xx, xy = tf.cos(angle) * across, -tf.sin(angle + shear) * down
        yx, yy = tf.sin(angle) * across, tf.cos(angle + shear) * down
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        x = centre_x - xx * centre_x - xy * centre_y + draw(ranges.shift * width)
        y = centre_y - yx * centre_x - yy * centre_y + draw(ranges.shift * height)
        none = tf.zeros_like(x)  # no perspective
        transform = tf.stack([xx, xy, x, yx, yy, y, none, none], axis=1)
        return keras.ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="nearest")

    return distort
