"""`[encoder]`: the architecture."""

from pydantic import Field

from tfmed.design import Section


class EncoderSettings(Section):
    """Architecture of the encoder; see `tfmed.training.models.EncoderConfig`."""

    latent_channels: int = Field(default=64, ge=4, le=1024)
    base_filters: int = Field(default=16, ge=1, le=1024)
    batch_norm: bool = False
