"""A figure of the report that a notebook shows by itself.

Of matplotlib's figures a notebook shows those of pyplot, which keeps them all, and others only once
pyplot has been set up. This one brings its picture with it.
"""

import io

from matplotlib.figure import Figure

from tfmed.report.figures import description
from tfmed.report.figures.drawing import drawn, styled

DPI = 120


class ShownFigure(Figure):
    """A figure with a picture for notebooks."""

    def _repr_png_(self) -> bytes:
        """The picture, on white, as a PNG."""
        buffer = io.BytesIO()
        with styled():
            self.savefig(buffer, format="png", dpi=DPI, facecolor="white")
        return buffer.getvalue()


def shown(figure: description.Figure, *, synthetic: bool) -> ShownFigure:
    """Draws a figure, with the mark of synthetic data where it needs one."""
    drawing = drawn(figure, synthetic=synthetic)
    drawing.__class__ = ShownFigure  # it differs by a method alone
    assert isinstance(drawing, ShownFigure)
    return drawing
