"""All queues of the bus, each with its dead letters, and the ways between them (facts/service-bus-broker.md, section 9)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from devstack.broker.codec import encode as e
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import NOT_FOUND, SIZE_EXCEEDED, BusError
from devstack.broker.model.message import Content, Message
from devstack.broker.model.properties import QueueProperties

MAX_MESSAGE_SIZE = 256 * 1024
"""Bytes of one message, and of one batch, in the standard tier."""
MAX_HOPS = 4
DEAD_LETTERS = "$deadletterqueue"
TRANSFER_DEAD_LETTERS = "$transfer/$deadletterqueue"

_NAME = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][\w\-./]*[A-Za-z0-9]", re.ASCII)


def check_name(name: str) -> None:
    """Raises ValueError with a sentence when the name is not one for a queue."""
    if not _NAME.fullmatch(name) or len(name) > 260:
        raise ValueError(
            f"'{name}' is not a queue name: up to 260 letters, digits, '-', '_', '.' and '/', beginning and ending with a letter or digit"
        )


@dataclass(frozen=True, slots=True)
class Entity:
    queue: Queue
    dead_letters: Queue
    transfer_dead_letters: Queue

    def __iter__(self) -> Iterator[Queue]:
        return iter((self.queue, self.dead_letters, self.transfer_dead_letters))


class Namespace:
    """Names are compared without case. `on_new_queue` and `on_gone` tell of every queue and sub-queue that comes and goes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on_new_queue: Callable[[Queue], None] = lambda _: None
        self.on_gone: Callable[[Queue], None] = lambda _: None
        self._clock = clock
        self._entities: dict[str, Entity] = {}

    # ---- entities

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._entities.values())

    def entity(self, name: str) -> Entity:
        """The queue and its sub-queues; raises BusError when there is none of that name."""
        found = self._entities.get(name.lower())
        if found is None:
            raise BusError(NOT_FOUND, f"The messaging entity '{name}' could not be found. Create the queue, or correct its name.")
        return found

    def queue(self, path: str) -> Queue:
        """The queue or sub-queue at an address path; raises BusError when there is none."""
        name = path.lower()
        if name.endswith("/" + TRANSFER_DEAD_LETTERS):
            return self.entity(path[: -len(TRANSFER_DEAD_LETTERS) - 1]).transfer_dead_letters
        if name.endswith("/" + DEAD_LETTERS):
            return self.entity(path[: -len(DEAD_LETTERS) - 1]).dead_letters
        return self.entity(path).queue

    def put(self, name: str, properties: QueueProperties) -> bool:
        """The queue exists with these properties; whether it is new. Raises ValueError for a wrong name."""
        check_name(name)
        known = self._entities.get(name.lower())
        if known is not None:
            known.queue.update(properties)
            known.dead_letters.update(_of_dead_letters(properties))
            return False
        entity = Entity(
            Queue(name, properties, self._clock, self),
            Queue(f"{name}/$DeadLetterQueue", _of_dead_letters(properties), self._clock, None),
            Queue(f"{name}/$Transfer/$DeadLetterQueue", _of_dead_letters(properties), self._clock, None),
        )
        self._entities[name.lower()] = entity
        for queue in entity:
            self.on_new_queue(queue)
        return True

    def delete(self, name: str) -> None:
        """The queue and everything in it is gone; raises BusError when there is none of that name."""
        entity = self.entity(name)
        del self._entities[name.lower()]
        for queue in entity:
            self.on_gone(queue)
            queue.clear()

    # ---- messages

    def send(self, queue: Queue, contents: Sequence[Content]) -> list[int]:
        """All of the messages are in the queue, or none of them: BusError. Returns their sequence numbers (0 for a duplicate)."""
        for content in contents:
            queue.check(content)
        now = self._clock()
        submitted = [queue.submit(Message(content, now)) for content in contents]
        return [0 if message is None else message.sequence_number for message in submitted]

    def forward(self, source: Queue, message: Message) -> None:
        target_name = source.properties.forward_to or ""
        message.hops += 1
        if message.hops > MAX_HOPS:
            why = f"The message was forwarded more than {MAX_HOPS} times. Shorten the chain of queues that forward to each other."
            self.dead_letter(source, message, "MaxTransferHopCountExceeded", why)
            return
        self._move(source, target_name, message)

    def dead_letter(self, source: Queue, message: Message, reason: str | None, description: str | None) -> None:
        named = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        message.content = message.content.with_properties(
            {key: e.string(text) for key, text in named.items() if text is not None}
        )
        target_name = source.properties.forward_dead_letters_to
        if target_name is not None and message.hops < MAX_HOPS:
            message.hops += 1
            message.dead_letter_source = source.name
            self._move(source, target_name, message)
        else:
            self._bury(source, message)

    def _move(self, source: Queue, target_name: str, message: Message) -> None:
        try:
            target = self.entity(target_name).queue
            target.check(message.content)
        except BusError as error:
            texts = {"DeadLetterReason": error.condition, "DeadLetterErrorDescription": error.description}
            changes = {key: e.string(text) for key, text in texts.items()}
            message.content = message.content.with_properties(changes)
            self._bury(source, message)
            return
        moved = Message(message.content, self._clock(), hops=message.hops, dead_letter_source=message.dead_letter_source)
        moved.enqueue_sequence_number = message.enqueue_sequence_number or message.sequence_number
        target.submit(moved)

    def _bury(self, source: Queue, message: Message) -> None:
        buried = Message(
            message.content,
            message.enqueued_at,
            delivery_count=message.delivery_count,
            hops=message.hops,
            enqueue_sequence_number=message.enqueue_sequence_number,
        )
        entity = self._entities.get(source.name.lower())
        if entity is not None:
            entity.dead_letters.insert_active(buried)


def check_size(size: int, most: int = MAX_MESSAGE_SIZE) -> None:
    """Raises BusError when a message, batch or request is larger than the service takes; in bytes."""
    if size > most:
        raise BusError(
            SIZE_EXCEEDED,
            f"The message or batch has {size} bytes; at most {most} are accepted. Send less at once.",
        )


def _of_dead_letters(properties: QueueProperties) -> QueueProperties:
    return QueueProperties(lock_duration=properties.lock_duration)
