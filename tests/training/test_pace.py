"""What is left of a run, by a clock that the test moves."""

import pytest

from comedian.training.pace import ALONE, Around, Pace


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def run_through(pace, clock, epochs, iterations, seconds, at_the_end=0.0, until=None):
    """Do epochs of iterations of so many seconds; return what was left after each iteration."""
    left = []
    for epoch in range(epochs):
        for done in range(1, iterations + 1):
            clock.seconds += seconds
            pace.iteration()
            left.append(pace.seconds_left(epoch, done))
            if (epoch, done) == until:
                return left
        clock.seconds += at_the_end
        pace.end_of_epoch()
    return left


def test_nothing_is_guessed_before_it_was_measured():
    clock = Clock()
    pace = Pace(2, 3, ALONE, clock)
    assert run_through(pace, clock, 2, 3, 10.0) == [None, 40, 30, 20, 10, 0]


def test_epochs_of_one_iteration():
    clock = Clock()
    pace = Pace(3, 1, ALONE, clock)
    assert run_through(pace, clock, 3, 1, 10.0, at_the_end=5.0) == [None, 15 + 5, 5]


def test_the_start_of_a_run_is_no_measure_of_its_iterations():
    """The first one waits for threads, and for kernels to be made."""
    clock = Clock()
    pace = Pace(2, 3, ALONE, clock)
    clock.seconds = 500.0
    assert run_through(pace, clock, 2, 3, 10.0)[1:] == [40, 30, 20, 10, 0]


def test_validation_counts_from_the_first_one_on():
    clock = Clock()
    pace = Pace(3, 2, ALONE, clock)
    left = run_through(pace, clock, 3, 2, 10.0, at_the_end=60.0)
    assert left[:2] == [None, 40], "it is not known yet that there is one"
    assert left[2:] == [30 + 120, 20 + 120, 10 + 60, 60]


def test_stages_that_follow_count_at_their_cost():
    clock = Clock()
    pace = Pace(1, 4, Around(after=2, cost=3.0), clock)
    left = run_through(pace, clock, 1, 4, 10.0)
    assert left[-1] == 2 * (3 * 3 * 10 + 10), "what lies between epochs costs as much in each stage"
    pace = Pace(2, 4, Around(before=1, cost=1 / 3), clock)
    assert run_through(pace, clock, 2, 4, 30.0)[-1] == 0, "what is behind is not left"


@pytest.mark.parametrize("around", [ALONE, Around(after=5, cost=3.0), Around(before=2, cost=0.5)])
def test_the_work_done_grows_and_never_is_all_of_it(around):
    """A bar at its end is removed, while the last epoch is still being validated."""
    pace = Pace(3, 4, around)
    done = [pace.work(epoch, number) for epoch in range(3) for number in range(1, 5)]
    assert [one for one, _ in done] == sorted({one for one, _ in done})
    assert all(one < total for one, total in done)


def test_two_stages_make_one_way():
    """The second one goes on where the first one ended, in parts of the whole."""
    head, full = Pace(2, 5, Around(after=4, cost=3.0)), Pace(4, 5, Around(before=2, cost=1 / 3))
    done, total = head.work(1, 6)
    begun, of = full.work(0, 0)
    assert done / total == pytest.approx(begun / of) == pytest.approx(2 / 14)
