"""A few of many: with both ends, evenly, and never more than there are."""

from swissroll.runs.selection import spread


def test_spread_keeps_both_ends() -> None:
    assert spread(range(101), 5) == [0, 25, 50, 75, 100]
    assert spread("ab", 5) == ["a", "b"]
    assert spread([], 5) == []
