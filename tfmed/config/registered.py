"""`[encoder]` and `[pretraining]`: sections whose settings come from registries.

>>> named({"name": "plain"}, "encoder").latent_channels
64
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainSerializer

from tfmed import encoders, pretraining
from tfmed.config.items import refusal


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


def named(table: Any, section: str) -> Any:
    """The default settings of the member that a table of a study file names, else None."""
    registered = REGISTERED[section]
    name = table.get(registered.naming) if isinstance(table, Mapping) else None
    if isinstance(name, str) and name in registered.members:
        return registered.settings_class(name)()
    return None


def listed(value: Any) -> Any:
    """`[pretraining]` once is a list of one."""
    return (value,) if isinstance(value, Mapping | BaseModel) else value


def _each_method_once(
    found: tuple[pretraining.MethodSettings, ...],
) -> tuple[pretraining.MethodSettings, ...]:
    methods = [settings.method for settings in found]
    for method in methods:
        if methods.count(method) > 1:
            raise refusal(method, "is there twice; give each method one table", at="method")
    return found


def _as_written(found: tuple[pretraining.MethodSettings, ...]) -> Any:
    """One method as one table."""
    tables = [settings.model_dump(mode="json") for settings in found]
    return tables[0] if len(tables) == 1 else tables


if TYPE_CHECKING:
    EncoderSettings = BaseModel
    Pretrainings = tuple[pretraining.MethodSettings, ...]
else:
    EncoderSettings = REGISTERED["encoder"].type()
    Pretrainings = Annotated[
        tuple[REGISTERED["pretraining"].type(), ...],
        Field(strict=False, min_length=1),
        BeforeValidator(listed),
        AfterValidator(_each_method_once),
        PlainSerializer(_as_written),
    ]
