"""The work of clients, one step each time round the event loop."""

import asyncio

from telemetry.base.steps import Steps, finish
from telemetry.stream.turns import Turns


def test_steps_that_are_done_at_once_give_their_result() -> None:
    done: list[int] = []
    assert finish(count_to(3, done)) == 3
    assert done == [0, 1, 2]


def test_between_two_steps_of_whomever_the_event_loop_does_all_else_that_is_due() -> None:
    async def main() -> None:
        loop, turns, most, since = asyncio.get_running_loop(), Turns(), 0, 0
        done: list[int] = []

        def look() -> None:
            nonlocal most, since
            most, since = max(most, len(done) - since), len(done)
            loop.call_soon(look)

        loop.call_soon(look)
        results = await asyncio.gather(*(turns.finish(count_to(10, done)) for _ in range(20)))
        assert results == [(10, 10)] * 20
        assert len(done) == 200
        assert most == 1

    asyncio.run(main())


def test_turns_are_taken_in_the_order_in_which_they_were_asked_for() -> None:
    async def main() -> None:
        turns, done = Turns(), list[str]()

        def steps(name: str) -> Steps[None]:
            for _ in range(3):
                done.append(name)
                yield

        await asyncio.gather(turns.finish(steps("first")), turns.finish(steps("second")))
        assert done == ["first", "second"] * 3

    asyncio.run(main())


def count_to(last: int, done: list[int]) -> Steps[int]:
    for number in range(last):
        done.append(number)
        yield
    return last
