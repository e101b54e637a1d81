import pytest

from tfmed import encoders
from tfmed.encoders import plain
from tfmed.encoders.stages import widths


@pytest.mark.parametrize("side", [28, 64, 128, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_every_size_become_a_4_by_4_map(side, channels):
    settings = plain.Settings(latent_channels=8, base_filters=4)
    encoder = plain.build(settings, (side, side, channels))
    assert encoder.input_shape == (None, side, side, channels)
    assert encoder.output_shape == (None, 4, 4, 8)


def test_default_encoder_doubles_its_channels_to_the_latent_width():
    assert widths(28, 16, 64) == [16, 32, 64]
    assert widths(224, 16, 64) == [16, 16, 16, 16, 32, 64]


def test_plain_settings_build_the_encoder_that_they_name():
    built = encoders.build({"name": "plain", "latent_channels": 8, "base_filters": 4}, (28, 28, 1))
    assert built.name == "encoder"
    assert [layer.name for layer in built.layers if layer.weights] == ["down_1", "down_2", "down_3"]
