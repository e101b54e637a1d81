"""Steps are written down and made again; what is not theirs is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfmed.data.pictures.dicom import Display
from tfmed.data.pictures.files import UnusableError
from tfmed.data.pictures.recipe import prepared, settings_of, shown_steps, steps_from
from tfmed.data.pictures.steps import last_steps, steps_of

STEPS = (*steps_of(16, "crop"), *last_steps(12, 3))


def test_steps_come_back_from_json_and_say_what_they_were():
    written = settings_of((Display(), *STEPS))
    found = steps_from(json.loads(json.dumps(written)))
    assert (*found.first, *found.last) == STEPS
    assert (found.square.aspect, found.size, found.depth.bits, found.channels) == (
        "crop",
        16,
        12,
        3,
    )
    assert shown_steps(written) == (str(Display()), *map(str, STEPS))


@pytest.mark.parametrize(
    "settings",
    [
        [],
        [{"step": "turn"}],
        [{"step": "spin"}],
        [{}],
        settings_of(STEPS[::-1]),
        [*settings_of(STEPS[:-1]), {"step": "channels", "number": 2}],
        [*settings_of(STEPS[:-1]), {"step": "channels", "number": "1"}],
        [*settings_of(STEPS[:-1]), {"step": "channels"}],
    ],
    ids=str,
)
def test_what_are_no_steps_of_an_import_is_refused(settings):
    with pytest.raises(ValueError):  # noqa: PT011
        steps_from(settings)


@given(st.lists(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none()))))
def test_arbitrary_settings_are_refused_without_another_error(settings):
    with pytest.raises(ValueError):  # noqa: PT011
        steps_from(settings)


def test_a_file_becomes_a_picture_of_the_size_and_channels_or_says_why_not(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((20, 30), 90, np.uint8)).save(path)
    picture = prepared(path, steps_from(settings_of(STEPS)))
    assert picture.shape == (16, 16, 3)
    assert set(np.unique(picture)) == {90}
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UnusableError, match="damaged"):
        prepared(path, steps_from(settings_of(STEPS)))
