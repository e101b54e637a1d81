from hypothesis import given
from hypothesis import strategies as st

from tfmed.errors import LONGEST, InputError


@given(st.text(max_size=900))
def test_a_message_is_one_line_that_can_be_shown(text):
    line = str(InputError(text))
    assert line.isprintable()
    assert len(line) <= LONGEST
    if text.isprintable() and len(text) <= LONGEST:
        assert line == text


def test_a_long_message_keeps_what_it_names_and_the_mend():
    line = str(InputError(f"own.toml: title = {'W' * 5000} must be a number"))
    assert line.startswith("own.toml: title = W")
    assert line.endswith("W must be a number")
