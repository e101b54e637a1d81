import numpy as np

from tfmed.inspection.cases import Case, groups_of, typical


def test_cases_are_grouped_by_class_and_by_whether_the_answer_is_right():
    members = np.eye(2, dtype=bool)[[0, 1, 1, 0]]
    found = list(groups_of(members, np.array([0, 1, 0, 1])))
    assert found == [
        [Case(0, 0, 0, True)],
        [Case(3, 0, 1, False)],
        [Case(1, 1, 1, True)],
        [Case(2, 1, 0, False)],
    ]


def test_of_several_findings_each_is_explained_by_itself():
    members = np.array([[True, True], [False, True]])
    found = list(groups_of(members, np.array([[1, 0], [1, 1]])))
    assert found == [[Case(0, 0, 0, True)], [], [Case(1, 1, 1, True)], [Case(0, 1, 1, False)]]


def test_the_cases_nearest_to_the_median_score_are_chosen_and_the_first_of_equals():
    scores = np.stack([np.zeros(5), [0.9, 0.1, 0.5, 0.4, 0.6]], axis=1)
    cases = [Case(row, 1, 1, True) for row in range(5)]
    assert [case.row for case in typical(cases, scores, 3)] == [2, 3, 4]
    assert typical([], scores, 3) == []
