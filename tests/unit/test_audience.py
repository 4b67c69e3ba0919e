"""Are listeners grouped so that one write serves all with the same filter, and found by channel?"""

from oyez.hub.audience import Audience
from oyez.hub.publication import Channel, EventId, Publication
from tests.fakes import Ids, Listener

A, B, C = map(Channel, "abc")


def join(audience: Audience, *channels: Channel, listener: Listener | None = None) -> Listener:
    listener = listener or Listener()
    listener.subscription.channels = frozenset(channels)
    audience.join(listener.subscription)
    return listener


def publication(event: int, channel: Channel) -> Publication:
    return Publication(EventId(event), channel, None, (), 0.0)


def test_listeners_with_the_same_filter_and_encoding_share_a_group() -> None:
    audience = Audience()
    one, same, other = join(audience, A, B), join(audience, B, A), join(audience, A)
    stranger = Listener()
    stranger.subscription.encoding = Ids()
    join(audience, A, B, listener=stranger)
    groups = [listener.subscription.group for listener in (one, same, other, stranger)]
    assert groups[0] is groups[1]
    assert len(set(map(id, groups))) == 3
    assert one.subscription.channels is same.subscription.channels
    assert [audience.count(channel) for channel in (A, B, C)] == [4, 3, 0]


def test_due_gives_each_group_its_part_in_order() -> None:
    audience = Audience()
    both, one = join(audience, A, B), join(audience, B)
    batch = [publication(1, A), publication(2, C), publication(3, B), publication(4, A)]
    due = {group: [each.id for each in publications] for group, publications in audience.due(batch)}
    assert due == {both.subscription.group: [1, 3, 4], one.subscription.group: [3]}


def test_a_group_has_its_listeners_in_the_order_in_which_they_joined() -> None:
    audience = Audience()
    early = [join(audience, A) for _ in range(20)]
    crowd = [join(audience, A) for _ in range(500)]
    audience.leave(early[7].subscription)
    join(audience, A, listener=early[7])
    ((group, _),) = audience.due([publication(1, A)])
    expected = [listener.subscription for listener in (*early[:7], *early[8:], *crowd, early[7])]
    assert list(group.members) == expected


def test_the_last_to_leave_takes_the_group_along() -> None:
    audience = Audience()
    one, other = join(audience, A, B), join(audience, A, B)
    join(audience, B)
    audience.leave(one.subscription)
    audience.leave(one.subscription)
    assert (audience.count(A), one.subscription.group) == (1, None)
    audience.leave(other.subscription)
    assert list(audience.by_channel) == [B]
    assert not list(audience.due([publication(1, A)]))
    assert audience.count(B) == 1
