"""Distances of two plays beside a cut."""

import numpy as np

from editorbot.editors.scoring.step_labels import LINK_SLACK_STEPS, Link, find_links, link_near


def _song(rng, count):
    rows = rng.standard_normal((count, 12)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_take_played_again_gives_its_distance():
    rng = np.random.default_rng(0)
    song = _song(rng, 200)
    jam = np.concatenate([song[:120], song[80:]])  # at 120 the band goes back to 80: 40 steps
    keep = np.ones(len(jam), bool)
    keep[77:120] = False  # three steps too many
    (link,) = find_links(jam, keep)
    assert (link.leave, link.arrive) == (77, 120)
    assert abs(link.lag_steps - 40) < 0.3


def test_sides_that_are_not_alike_have_no_link():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 12)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    keep = np.ones(300, bool)
    keep[100:150] = False
    assert find_links(rows, keep) == ()


def test_cuts_at_the_ends_are_no_joins():
    song = _song(np.random.default_rng(2), 100)
    keep = np.zeros(100, bool)
    keep[20:60] = True
    assert find_links(song, keep) == ()


def test_the_nearest_link_with_both_edges_in_reach_is_a_cuts_own():
    links = (Link(10, 50, 40.0), Link(12, 50, 38.0), Link(12, 50, 38.5), Link(90, 150, 60.0))
    assert link_near(links, 11.4, 50.2) is links[1]
    assert link_near(links, 10.0, 49.0) is links[0]
    assert link_near(links, 90.0 + LINK_SLACK_STEPS, 150.0 - LINK_SLACK_STEPS) is links[3]
    assert link_near(links, 90.1 + LINK_SLACK_STEPS, 150.0) is None
    assert link_near((), 10.0, 50.0) is None
