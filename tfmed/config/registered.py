"""`[encoder]` and `[pretraining]`: sections whose settings come from registries.

>>> named({"encoder": {"name": "plain"}}, "encoder").latent_channels
64
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union

from pydantic import BaseModel, Field

from tfmed import encoders, pretraining


class Registered(NamedTuple):
    """A section of a study file whose settings depend on what it names.

    Attributes:
        naming: the setting that names a member of the registry.
        members: the registry's names.
        settings_class: what can be set of a member.
    """

    naming: str
    members: tuple[str, ...]
    settings_class: Callable[[str], type[BaseModel]]

    def type(self) -> Any:
        """The settings of every member, told apart by the name."""
        settings = tuple(self.settings_class(name) for name in self.members)
        if len(settings) == 1:
            return settings[0]
        return Annotated[Union[settings], Field(discriminator=self.naming)]  # noqa: UP007


REGISTERED = {
    "encoder": Registered("name", tuple(encoders.REGISTRY), encoders.settings_class),
    "pretraining": Registered("method", tuple(pretraining.REGISTRY), pretraining.settings_class),
}

if TYPE_CHECKING:
    EncoderSettings = BaseModel
    PretrainingSettings = pretraining.PretrainingSettings
else:
    EncoderSettings = REGISTERED["encoder"].type()
    PretrainingSettings = REGISTERED["pretraining"].type()


def named(values: Mapping[str, Any], section: str) -> Any:
    """The default settings of the member that a study file's tables name, else None."""
    registered = REGISTERED[section]
    given = values.get(section)
    name = given.get(registered.naming) if isinstance(given, Mapping) else None
    if isinstance(name, str) and name in registered.members:
        return registered.settings_class(name)()
    return None
