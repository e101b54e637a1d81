import subprocess
import sys

import pytest

from tfmed import encoders, pretraining

LIGHT = """
import sys
from tfmed import encoders, pretraining
for registry in (encoders, pretraining):
    for name in registry.REGISTRY:
        registry.settings_class(name)()
assert not {"tensorflow", "keras"} & sys.modules.keys()
"""


def test_settings_are_read_without_tensorflow():
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


@pytest.mark.parametrize(("registry", "field"), [(encoders, "name"), (pretraining, "method")])
def test_settings_name_their_entry_of_the_registry(registry, field):
    for name in registry.REGISTRY:
        assert getattr(registry.settings_class(name)(), field) == name


@pytest.mark.parametrize("find", [encoders.encoder, pretraining.method])
def test_a_name_that_is_not_registered_is_refused(find):
    with pytest.raises(KeyError, match="unheard"):
        find("unheard")
