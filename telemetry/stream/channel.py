"""A channel: one stream of a server, which clients connect to by its path."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from telemetry.stream.broadcast import Broadcaster, Client
from telemetry.stream.protocol import Message, Subscription


class Channel(ABC):
    """What the clients at one path of a server get. Used by the event loop's thread alone."""

    def __init__(self, broadcaster: Broadcaster[Any]) -> None:
        self.broadcaster = broadcaster
        """Its clients."""

    @abstractmethod
    def hello(self, subscription: Subscription) -> Message | None:
        """What a client with this subscription can know beforehand; None where that is not known yet.

        The client ``awaits_hello`` then, and the channel sends it as soon as it can.
        """

    @abstractmethod
    def state(self) -> Message:
        """The present state."""

    @property
    def track_messages(self) -> Sequence[Message]:
        """What is known of the track that is driven, for clients that ask for it."""
        return ()

    @abstractmethod
    def send_newest(self, client: Client) -> None:
        """Send the newest sample, if there is one, to a client that has just come."""

    @abstractmethod
    def set_marker(self, client: Client, name: str) -> None:
        """Set a marker for a client that may do so."""

    def follow_clients(self) -> None:  # noqa: B027 - most channels are the same with and without clients
        """Called after a client has come or gone."""
