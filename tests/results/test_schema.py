"""The contract: what may stand in `results.json`, also for programs that are not tfmed."""

import json
import subprocess
import sys
import time

import jsonschema
import pytest
from example_results import example_results
from pydantic import ValidationError

from tfmed.results.schema import StudyResults, first_error


@pytest.fixture(scope="module")
def published():
    command = [sys.executable, "-m", "tfmed.results.schema"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def test_the_published_json_schema_takes_what_a_study_wrote(published):
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.Draft202012Validator(published).validate(example_results())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("schema_version", 2),
        ("summary", [{"strategy": "frozen"}]),
        ("claims", [{}]),
        ("latent", None),
        ("more", 1),
    ],
)
def test_what_the_models_refuse_the_published_json_schema_refuses_too(published, part, value):
    results = example_results(evidence=False) | {part: value}
    with pytest.raises(ValidationError) as caught:
        StudyResults.model_validate(results)
    assert part in first_error(caught.value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, published)


def test_a_metric_of_the_summary_is_an_interval(published):
    results = example_results(evidence=False)
    results["summary"][0]["auc"] = 0.9
    with pytest.raises(ValidationError, match=r"summary\.0\.auc"):
        StudyResults.model_validate(results)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, published)


def test_parts_must_be_about_the_same_data_and_metrics():
    results = example_results(evidence=False)
    results["runs"][0]["task"] = "elsewhere"
    with pytest.raises(ValidationError, match="datasets lacks elsewhere"):
        StudyResults.model_validate(results)
    results = example_results(evidence=False)
    del results["runs"][-1]["metrics"]["auc"]
    with pytest.raises(ValidationError, match="has other metrics than"):
        StudyResults.model_validate(results)


def test_every_part_is_explained(published):
    parts = published["$defs"]
    assert [name for name, part in parts.items() if not part.get("description")] == []


def test_checking_costs_no_time_to_speak_of():
    results, spent = example_results(), []
    for _ in range(3):
        began = time.process_time()
        StudyResults.model_validate(results)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.5
