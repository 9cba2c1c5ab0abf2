from __future__ import annotations

import pytest

from jobs import graph
from jobs.graph import Node
from jobs.states import Status

W, Q, P, F, E = Status.WAITING, Status.QUEUED, Status.PROCESSING, Status.FINISHED, Status.ERROR


@pytest.mark.parametrize(
    ("links", "states", "expected"),
    [
        ({"a": []}, {"a": W}, {"a": Q}),
        ({"a": [], "b": ["a"]}, {"a": Q, "b": W}, {}),
        ({"a": [], "b": ["a"]}, {"a": P, "b": W}, {}),
        ({"a": [], "b": ["a"]}, {"a": F, "b": W}, {"b": Q}),
        ({"a": [], "b": ["a"]}, {"a": E, "b": W}, {"b": E}),
        ({"a": [], "b": ["a"], "c": ["b"]}, {"a": E, "b": W, "c": W}, {"b": E, "c": E}),
        ({"c": ["b"], "b": ["a"], "a": []}, {"a": E, "b": W, "c": W}, {"b": E, "c": E}),
        ({"a": [], "b": [], "c": ["a", "b"]}, {"a": F, "b": P, "c": W}, {}),
        ({"a": [], "b": [], "c": ["a", "b"]}, {"a": E, "b": P, "c": W}, {"c": E}),
        ({"a": [], "b": [], "c": ["a", "b"]}, {"a": F, "b": F, "c": W}, {"c": Q}),
    ],
)
def test_moves_queues_what_is_ready_and_dooms_what_lost_its_input(links, states, expected):
    nodes = {name: Node(status) for name, status in states.items()}

    assert graph.moves(links, nodes) == expected


def test_an_ignored_failure_counts_as_an_input_without_files():
    nodes = {"a": Node(E, ignore_error=True), "b": Node(F), "c": Node(W)}

    assert graph.moves({"c": ["a", "b"]}, nodes) == {"c": Q}


def test_a_failure_passes_on_when_nothing_is_left_to_work_on():
    nodes = {"a": Node(E, ignore_error=True), "c": Node(W)}

    assert graph.moves({"c": ["a"]}, nodes) == {"c": E}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([Node(F), Node(F)], F),
        ([Node(F), Node(P)], None),
        ([Node(E), Node(F)], E),
        ([Node(E, ignore_error=True), Node(F)], F),
        ([Node(E), Node(W)], None),
        ([], F),
    ],
)
def test_outcome(nodes, expected):
    assert graph.outcome(nodes) == expected


@pytest.mark.parametrize(
    ("links", "length"),
    [
        ({"a": [], "b": ["a"]}, 0),
        ({"a": ["a"]}, 1),
        ({"a": ["b"], "b": ["a"]}, 2),
        ({"x": [], "a": ["x", "c"], "b": ["a"], "c": ["b"], "d": ["c"]}, 3),
        ({"a": ["unknown"]}, 0),
    ],
)
def test_cycle_names_its_members(links, length):
    assert len(graph.cycle(links)) == length


def test_depth_is_the_longest_chain():
    assert graph.depth({"a": [], "b": ["a"], "c": ["b", "a"], "d": []}) == 3
