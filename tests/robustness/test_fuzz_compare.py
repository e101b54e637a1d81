"""Odd `results.json` beside a sound one: refused in one line, or compared."""

import json
from pathlib import Path

from mutations import ODD_VALUES, cases, expect_one_line, odd_tree
from test_fuzz_results import RESULTS

from tfmed.errors import InputError
from tfmed.report import comparison


def test_odd_results_are_compared_or_refused(tmp_path: Path) -> None:
    sound, odd = tmp_path / "sound.json", tmp_path / "odd.json"
    sound.write_text(json.dumps(RESULTS))
    compared = 0
    for number, rng in enumerate(cases(60)):
        odd.write_text(json.dumps(odd_tree(rng, RESULTS, ODD_VALUES)))
        try:
            found = comparison.read_both(*((sound, odd) if number % 2 else (odd, sound)))
            html, pdf = comparison.render(found, tmp_path)
        except InputError as error:
            expect_one_line(error, odd.name)
            continue
        compared += 1
        assert comparison.summary(found)
        assert html.stat().st_size > 1000
        assert pdf.read_bytes().startswith(b"%PDF")
    assert compared
