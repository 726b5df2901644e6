"""Serves the clients of all channels: what they ask for, in turns, within the budget of each."""

import asyncio
from contextlib import suppress
from functools import partial
from time import perf_counter

from websockets.exceptions import ConnectionClosed

from telemetry.base.steps import Steps
from telemetry.stream import protocol
from telemetry.stream.access import AccessPolicy
from telemetry.stream.broadcast import Client
from telemetry.stream.channel import Channel
from telemetry.stream.connection import LimitedConnection
from telemetry.stream.message_budget import MARKER_MESSAGES, MESSAGES_PER_SECOND
from telemetry.stream.turns import Turns


class ClientService:
    """Answers clients; used by the event loop's thread alone.

    :param policy: who may set markers
    :param turns: shared with all else that is done for clients
    """

    def __init__(self, policy: AccessPolicy, turns: Turns) -> None:
        self._policy = policy
        self._turns = turns

    async def serve(self, connection: LimitedConnection, channel: Channel, query: str) -> None:
        """Serve a connection as a client of this channel, until it is closed; ``query`` is that of its address."""
        client = Client(connection)
        connection.on_change = partial(channel.broadcaster.look_again, client)
        try:
            _, steps = await self._turns.finish(_join(channel, client, query))
            client.budget.charge(steps)
            await self._read_messages(channel, client)
        except ConnectionClosed:
            pass
        finally:
            channel.broadcaster.remove(client)
            channel.follow_clients()

    async def _read_messages(self, channel: Channel, client: Client) -> None:
        """Answer a client's messages within its budget; what it sends beyond that waits in its own system."""
        budget, is_warned = client.budget, False
        async for message in client.connection:
            wait_s = budget.spend(perf_counter())
            if wait_s > 0.0:
                if not is_warned:
                    sentence = f"Rate limit: at most {MESSAGES_PER_SECOND:g} messages per second."
                    channel.broadcaster.send(client, protocol.error_message(sentence))
                is_warned = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await client.connection.wait_closed()
                        return  # the rest of the messages needs no answer
            elif budget.is_recovered:
                is_warned = False
            _, steps = await self._turns.finish(self._answer(channel, client, message))
            budget.charge(steps)

    def _answer(self, channel: Channel, client: Client, message: str | bytes) -> Steps[None]:
        broadcaster = channel.broadcaster
        try:
            request = yield from protocol.parse_message_in_steps(message, client.subscription)
        except protocol.RequestError as error:
            broadcaster.send(client, protocol.error_message(str(error)))
            return
        match request:
            case protocol.SubscribeRequest(subscription):
                is_track_new = subscription.track and not client.subscription.track
                broadcaster.change(client, subscription)
                broadcaster.send(client, protocol.subscribed_message(subscription))
                _greet(channel, client, request)
                if is_track_new:
                    _send_track(channel, client)
            case protocol.PingRequest(identity):
                broadcaster.send(client, protocol.pong_message(identity))
            case protocol.MarkerRequest(name):
                client.budget.charge(MARKER_MESSAGES - 1)
                connection = client.connection
                if refusal := self._policy.check_marker(connection.remote_address[0], connection.local_address[0]):
                    broadcaster.send(client, protocol.error_message(refusal))
                else:
                    channel.set_marker(client, name)


def _join(channel: Channel, client: Client, query: str) -> Steps[None]:
    """Give a client what the query of its address asks for, beginning with the newest sample."""
    request = yield from protocol.parse_query_in_steps(query)
    channel.broadcaster.change(client, request.subscription)
    _greet(channel, client, request)
    if request.subscription.track:
        _send_track(channel, client)
    channel.send_newest(client)
    channel.follow_clients()


def _greet(channel: Channel, client: Client, request: protocol.SubscribeRequest) -> None:
    """Send what a client is sent once after its subscription: errors, the ``hello``, the state."""
    for sentence in request.errors:
        channel.broadcaster.send(client, protocol.error_message(sentence))
    if request.hello:
        hello = channel.hello(request.subscription)
        client.awaits_hello = hello is None
        if hello is not None:
            channel.broadcaster.send(client, hello)
    if request.subscription.events:
        channel.broadcaster.send(client, channel.state())


def _send_track(channel: Channel, client: Client) -> None:
    """Send what is known of the drive to a client that asked for it."""
    for message in channel.track_messages:
        client.budget.charge(MARKER_MESSAGES - 1)
        channel.broadcaster.send(client, message)
