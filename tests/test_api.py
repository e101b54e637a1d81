"""`import tfmed`, as in a notebook."""

import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tfmed
from tfmed.config.study import Study
from tfmed.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "distributed"}


def modules_after(code):
    code = f"import sys; {code}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_tfmed_imports_nothing_but_the_standard_library():
    assert not (HEAVY | {"numpy", "pandas", "pydantic"}) & modules_after("import tfmed")


def test_the_public_names_are_there_without_tensorflow():
    names = modules_after("import tfmed; [getattr(tfmed, name) for name in tfmed.__all__]")
    assert not {"tensorflow", "keras"} & names
    assert tfmed.Study is Study
    assert set(dir(tfmed)) == set(tfmed.__all__)


def test_another_name_is_no_part_of_it():
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        tfmed.walk  # noqa: B018


RUN = {
    "study": None,
    "out": "reports",
    "models": "saved_models",
    "workers": None,
    "cluster": None,
    "gpus_per_job": 1.0,
    "fresh": False,
    "data_root": None,
    "phantom_if_missing": None,
    "fit_to_data": None,
    "reach": None,
    "tensorboard": None,
    "command": "tfmed.run()",
    "listener": None,
}
STUDY = [
    *("name", "title", "question", "source", "target", "ledger", "primary_metric", "comparisons"),
    *("images", "seeds", "quick", "encoder", "pretraining", "classifiers", "source_task"),
    *("target_task", "experiments", "latent"),
]


def parameters(function):
    """Names and defaults."""
    found = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in found if each.name != "self"}


def test_the_public_names_are_these():
    assert tfmed.__all__ == ["Results", "Study", "__version__", "load_results", "run"]
    methods = {name for name in dir(tfmed.Results) if not name.startswith("_")}
    assert methods == {"runs", "summary", "comparisons", "figures", "plot"}
    assert list(tfmed.Results.__dataclass_fields__) == ["folder", "data"]


def test_the_public_signatures_are_these():
    assert parameters(tfmed.run) == RUN
    assert [
        name
        for name, each in inspect.signature(tfmed.run).parameters.items()
        if each.kind is not inspect.Parameter.KEYWORD_ONLY
    ] == ["study"]
    assert parameters(tfmed.load_results) == {"path": inspect.Parameter.empty}
    assert parameters(tfmed.Results.plot) == {"name": None}
    assert list(parameters(tfmed.Study)) == STUDY
    assert parameters(tfmed.Study.quickened) == {}


def test_every_public_function_is_typed():
    for function in (tfmed.run, tfmed.load_results, tfmed.Results.plot):
        hints = dict(function.__annotations__)
        assert hints.pop("return")
        assert set(hints) == set(parameters(function))
    assert (ROOT / "tfmed" / "py.typed").is_file()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"sedes": 1}, "unknown setting 'sedes'; did you mean 'seeds'?"),
        ({"seeds": 0}, "seeds = 0 is out of range; it must be from 1 to 1000"),
        ({"seeds": 10**5000}, "seeds has more than 64 bits; give a smaller number"),
        ({"latent": {"zzz": 1}}, "unknown setting 'latent.zzz'; known are perplexity, max_images"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(settings, line):
    with pytest.raises(InputError) as caught:
        tfmed.Study(**settings)
    assert str(caught.value) == line
    shown = caught.value.__context__ is not None and not caught.value.__suppress_context__
    assert not shown  # pydantic's own lines


def test_a_study_can_be_copied_and_pickled():
    study = tfmed.Study(seeds=2)
    assert pickle.loads(pickle.dumps(study)) == study == study.model_copy()
    assert study.replaced(seeds=3) == tfmed.Study(seeds=3)
