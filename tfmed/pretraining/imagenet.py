"""ImageNet: the encoder takes weights that were published, and nothing is fitted."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tfmed.encoders.applications import PUBLISHED
from tfmed.errors import InputError
from tfmed.pretraining import Initialised, MethodSettings

if TYPE_CHECKING:
    import keras

    from tfmed.data import DatasetInfo

TITLE = "ImageNet weights"
PAPER = (
    "Russakovsky et al. (2015), ImageNet large scale visual recognition challenge; "
    "weights of keras.applications"
)
RECONSTRUCTS = False
SECONDS = 30
"""That a download may stand still."""
_HDF5 = b"\x89HDF\r\n\x1a\n"


class Settings(MethodSettings):
    """Which weights.

    Attributes:
        weights: `imagenet`, those that Keras has in its cache or downloads, or the path of a
            `.weights.h5` or `.h5` file of the architecture without its top.
    """

    ENCODERS: ClassVar[tuple[str, ...]] = ("applications",)

    method: Literal["imagenet"] = "imagenet"
    weights: str = Field(default=PUBLISHED, min_length=1)

    def files(self) -> dict[str, str]:
        """Hash of the file of weights; none of the published ones, which Keras knows."""
        if self.weights == PUBLISHED:
            return {}
        if not self.weights.endswith(".h5"):
            raise self._refused(f"is neither {PUBLISHED!r} nor a .weights.h5 or .h5 file; give one")
        try:
            with Path(self.weights).open("rb") as file:
                if file.read(len(_HDF5)) != _HDF5:
                    raise self._refused("is not an HDF5 file; save the weights again with Keras")
                file.seek(0)
                return {"weights": hashlib.file_digest(file, "sha256").hexdigest()}
        except OSError as error:
            raise self._refused(f"can't be read ({error.strerror}); give a file that can") from None

    def _refused(self, wrong: str) -> InputError:
        return InputError(f"pretraining.weights = {self.weights!r} {wrong}")


def initialise(
    settings: Settings,
    encoder: "keras.Model",
    source: "DatasetInfo",
    say: Callable[[float], None],
) -> Initialised:
    """Loads the weights; the source is not looked at."""
    import socket

    from tfmed.encoders import applications
    from tfmed.training.fitting import Fit

    name, before = applications.backbone(encoder).name, socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        applications.load(encoder, settings.weights)
    except Exception as error:  # Keras raises bare ones
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        if settings.weights == PUBLISHED:
            raise InputError(
                f"the ImageNet weights of {name} can't be had ({what}): connect to the network "
                "once, or give the path of a file of them as pretraining.weights"
            ) from None
        raise InputError(
            f"{settings.weights}: does not hold the weights of {name} without its top ({what}); "
            "give another file as pretraining.weights"
        ) from None
    finally:
        socket.setdefaulttimeout(before)
    return Initialised(encoder, Fit({}, 0, 0, stopped_early=False), 0)
