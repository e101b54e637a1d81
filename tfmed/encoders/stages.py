"""How many halvings lead from an image to a map of 4 x 4 or less, and their channels."""

from math import ceil

MAP_SIDE = 4


def widths(side: int, least: int, most: int) -> list[int]:
    """Channels after each convolution of stride 2, such as [16, 32, 64] for a side of 28.

    Args:
        side: of the image.
        least: channels of the first one at least.
        most: channels of the last one; each has twice those before, as far as `least` allows.
    """
    stages = 0
    while side > MAP_SIDE:
        side, stages = ceil(side / 2), stages + 1
    return [min(most, max(least, most >> left)) for left in reversed(range(stages))]
