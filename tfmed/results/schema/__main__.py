"""Prints the JSON Schema of `results.json`."""

import json

from tfmed.results.schema import StudyResults

SCHEMA = "https://json-schema.org/draft/2020-12/schema"

print(json.dumps({"$schema": SCHEMA, **StudyResults.model_json_schema()}, indent=2))
