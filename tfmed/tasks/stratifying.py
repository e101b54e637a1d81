"""Label subsets that keep the share of every finding, where an image may have several."""

import numpy as np


def iterative_parts(
    labels: np.ndarray, sizes: tuple[int, ...], rng: np.random.Generator
) -> list[np.ndarray]:
    """Deals rows into parts by iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011).

    The finding with the fewest rows left is dealt first, each of its rows to the part that lacks
    most of its share of that finding, of equal ones to the part with most places left, then at
    random. Rows without a finding fill the rest. Other than in the paper, a part that is full takes
    no more, so that the sizes are exact, and the first part gets a row of every finding before
    anything else is dealt: a share of a rare finding may be far below one row.

    Args:
        labels: 0 or 1, shape (n, findings).
        sizes: rows of each part, whose sum is n; the first at least as many as findings.
        rng: settles what is equal.

    Returns:
        Rows of each part.
    """
    order = rng.permutation(len(labels))
    findings = [np.flatnonzero(row).tolist() for row in labels[order]]
    left = labels.sum(axis=0, dtype=int).tolist()
    wanted = [[count * size / len(labels) for size in sizes] for count in left]
    places, part_of = list(sizes), [-1] * len(order)

    def deal(place: int, part: int) -> None:
        part_of[place] = part
        places[part] -= 1
        for finding in findings[place]:
            wanted[finding][part] -= 1
            left[finding] -= 1

    def lacking(wants: list[float]) -> int:
        open_parts = [part for part, free in enumerate(places) if free]
        ties = rng.random(len(sizes)).tolist()
        return max(open_parts, key=lambda part: (wants[part], places[part], ties[part]))

    having: dict[int, list[int]] = {finding: [] for finding, count in enumerate(left) if count}
    for place, found in enumerate(findings):
        for finding in found:
            having[finding].append(place)
    for finding in sorted(having, key=lambda finding: len(having[finding])):
        if not any(part_of[place] == 0 for place in having[finding]):
            deal(having[finding][0], 0)
    while rest := {finding: left[finding] for finding in having if left[finding]}:
        rarest = min(rest, key=lambda finding: rest[finding])
        for place in having[rarest]:
            if part_of[place] < 0:
                deal(place, lacking(wanted[rarest]))
    for place, part in enumerate(part_of):
        if part < 0:
            deal(place, lacking([float(free) for free in places]))
    dealt = np.array(part_of)
    return [order[dealt == part] for part in range(len(sizes))]
