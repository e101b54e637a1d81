"""How strategies are drawn: a colour and a marker for where the encoder comes from, and a line for
what is trained.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from tfmed.design import RANDOM, Strategy
from tfmed.report.selection import Results, pretraining_methods, strategies

if TYPE_CHECKING:
    from matplotlib.lines import Line2D


class Look(NamedTuple):
    """How a strategy is drawn in every figure.

    Attributes:
        colour: of its initialisation.
        marker: of its initialisation as well, for print in grey.
        line: dashes where the encoder is frozen.
        filled: whether markers are; those of a frozen encoder are open.
    """

    colour: str
    marker: str
    line: Any = "-"
    filled: bool = True

    @property
    def face(self) -> str:
        """What the marker is filled with."""
        return self.colour if self.filled else "white"

    def handle(self, label: str, **more: Any) -> "Line2D":
        """Its entry in a legend."""
        from matplotlib.lines import Line2D

        drawn: dict[str, Any] = {"ls": self.line, "marker": self.marker, "ms": 5, "mfc": self.face}
        return Line2D([], [], color=self.colour, label=label, **(drawn | more))


# Okabe & Ito, "Color Universal Design" (2008); the same in every report.
KNOWN = {RANDOM: ("#000000", "o"), "autoencoder": ("#009E73", "^"), "simclr": ("#D55E00", "D")}
# Apart from the above, from the classes' and from each other for the colour-blind as well.
OTHER_COLOURS = (*("#CC79A7", "#0D96F2", "#C20A9D", "#BE5CD6", "#AC5353", "#8475BD", "#873DF5"),)
OTHER_MARKERS = ("s", "v", "P", "X", "p", "h", "<")
FROZEN_LINE = (0, (3.2, 1.6))
STRATEGY_COLOURS = (*(colour for colour, _ in KNOWN.values()), *OTHER_COLOURS)


def looks_of(results: Results) -> dict[str, Look]:
    """How each strategy of the results is drawn, by its name in them."""
    return looks_of_strategies(strategies(results), pretraining_methods(results))


def looks_of_strategies(shown: Iterable[Strategy], methods: Iterable[str] = ()) -> dict[str, Look]:
    """As `looks_of`, of strategies in their order, and of both ones of these methods."""
    found = initialisation_looks([*methods, *(strategy.initialisation for strategy in shown)])
    return {
        str(strategy): Look(colour, marker, FROZEN_LINE if strategy.frozen else "-", filled)
        for name, (colour, marker) in found.items()
        for strategy, filled in (
            (Strategy(name, "frozen"), False),
            (Strategy(name, "finetune"), True),
        )
    }


def initialisation_looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of initialisations: those of `KNOWN`, others theirs in turn."""
    others = dict.fromkeys(name for name in names if name not in KNOWN)
    turns = enumerate(others)
    return KNOWN | {
        name: (
            OTHER_COLOURS[turn % len(OTHER_COLOURS)],
            OTHER_MARKERS[turn % len(OTHER_MARKERS)],
        )
        for turn, name in turns
    }
