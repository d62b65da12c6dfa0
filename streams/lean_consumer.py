"""Faust's loop from the log to the agent, without a watch on every single message."""

from __future__ import annotations

import asyncio

from aiokafka.errors import ConsumerStoppedError
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka
from mode import ServiceT


class LeanConsumer(Consumer):
    """Faust races every delivery against the end of the flow: four tasks for each message, half of a worker's time.

    The race is not needed here. When a generation ends, Faust clears the queue a delivery may be waiting for, and the
    driver drops what belongs to an older generation. Gaps need no book-keeping either: the store's offsets are what is
    committed.
    """

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)
                async for place, message in self.getmany(timeout=1.0):
                    read = self._read_offset[place]
                    if read is None or message.offset >= read:
                        await self.callback(message)
                        self._read_offset[place] = message.offset
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise


class LeanKafkaConsumer(LeanConsumer, aiokafka.Consumer):
    """The same on Kafka."""
