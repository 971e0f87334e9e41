"""The public channels that tell of the venue and its listings: instrument states and creations, platform
state, the venue's own commands, estimated delivery prices and perpetual interest.

`flush` runs once per released group of batches, `tick` every 100 ms; what is looked at by the clock
(estimates, expiries) is looked at once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.figures import Figures
from exchange.gateway.views import Views
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.names import KIND_FILTERS, index_name
from exchange.wire.objects import (
    JsonObject,
    estimated_price_data,
    instrument_object,
    instrument_state_data,
)
from exchange.wire.session import Session

TICKS_PER_SECOND: Final = 10
WINDOW_S: Final = 1_800  # the delivery price is the mean of this long before the expiry
_SAMPLE_S: Final = 4  # one sample each
_OURS: Final = frozenset(
    {"instrument_state", "instrument_creation", "platform_state", "venue", "estimated_price", "perpetual"}
)


class VenueFeeds:
    """Writer of these topics."""

    def __init__(
        self, views: Views, figures: Figures, fanout: Fanout, now_ms: Callable[[], int]
    ) -> None:
        self._views = views
        self._figures = figures
        self._now_ms = now_ms
        self._topics: dict[str, list[Topic]] = {family: [] for family in _OURS}
        self._conflated: dict[str, dict[Topic, None]] = {"100ms": {}, "agg2": {}}
        self._ticks = 0
        self.is_maintenance = False
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    # --- topics come and go ------------------------------------------------------------------------

    def _on_opened(self, topic: Topic) -> None:
        family = topic.channel.family
        if family not in _OURS:
            return
        if family == "perpetual":
            view = self._views.registry.by_name.get(topic.channel.instrument)
            if view is None or not view.is_perpetual:
                return
            topic.instrument = view.instrument
        self._topics[family].append(topic)

    def _on_closed(self, topic: Topic) -> None:
        listed = self._topics.get(topic.channel.family, [])
        if topic in listed:
            listed.remove(topic)
        for waiting in self._conflated.values():
            waiting.pop(topic, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        """The first frame of a newcomer."""
        family = topic.channel.family
        if family == "platform_state":
            for data in self._platform_states():
                topic.publish_to(session, data)
        elif family == "public_methods":
            # Nothing switches them off: whoever asks without a key is always answered.
            topic.publish_to(session, {"allow_unauthenticated_public_requests": True})
        elif family == "estimated_price":
            estimate = self._estimate(topic.channel.index_name)
            if estimate is not None:
                topic.publish_to(session, estimate)
        elif family == "perpetual" and topic.instrument >= 0:
            topic.publish_to(session, self._interest(topic))

    # --- writing -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell what the batches just released changed."""
        touched = self._views.touched
        if touched.states:
            self._tell_states(touched.states.values())
        for view in touched.created:
            fees, most = self._figures.fees_ppm(view), self._figures.max_leverage(view)
            block_orders = self._figures.block_orders
            for topic in self._of("instrument_creation", view):
                topic.publish(
                    instrument_object(view, *fees, max_leverage=most, block_orders=block_orders)
                )
        for said in touched.notices:
            for topic in self._topics["venue"]:
                topic.publish(said)
            if said["command"] == "set_underlying_state":
                self._publish_platform({"price_index": said["index_name"], "locked": said["state"] != "open"})
        if touched.underlyings and self._topics["perpetual"]:
            self._on_marks()

    def tell_mode(self, said: JsonObject, *, is_maintenance: bool) -> None:
        """The whole venue has become cancel-only, or opened; `said` is the notice of it."""
        self._views.notices.append(said)
        for topic in self._topics["venue"]:
            topic.publish(said)
        if is_maintenance != self.is_maintenance:
            self.is_maintenance = is_maintenance
            self._publish_platform({"maintenance": is_maintenance})

    def tick(self) -> None:
        """100 ms have passed."""
        self._ticks += 1
        self._drain("100ms")
        if self._ticks % TICKS_PER_SECOND:
            return
        self._drain("agg2")
        expired = self._views.registry.expire(self._now_ms())
        if expired:
            self._tell_states(expired)
        for topic in self._topics["estimated_price"]:
            estimate = self._estimate(topic.channel.index_name)
            if estimate is not None and estimate != topic.last:
                topic.last = estimate
                topic.publish(estimate)

    def _drain(self, interval: str) -> None:
        waiting, self._conflated[interval] = self._conflated[interval], {}
        for topic in waiting:
            topic.publish(self._interest(topic))

    def _of(self, family: str, view: InstrumentView) -> list[Topic]:
        """The topics of a family whose kind and currency cover an instrument."""
        found: list[Topic] = []
        for topic in self._topics[family]:
            kind = KIND_FILTERS.get(topic.channel.kind)
            if kind is not None and self._views.registry.covers(topic.channel.currency, kind, view):
                found.append(topic)
        return found

    def _tell_states(self, views: Iterable[InstrumentView]) -> None:
        now_ms = self._now_ms()
        for view in views:
            for topic in self._of("instrument_state", view):
                topic.publish(instrument_state_data(view, now_ms))

    def _publish_platform(self, data: JsonObject) -> None:
        for topic in self._topics["platform_state"]:
            topic.publish(data)

    def _platform_states(self) -> list[JsonObject]:
        registry = self._views.registry
        found: list[JsonObject] = [{"maintenance": self.is_maintenance}]
        for symbol, state in zip(registry.symbols, registry.states, strict=True):
            found.append({"price_index": index_name(symbol), "locked": state != 0})
        return found

    # --- estimates and interest --------------------------------------------------------------------

    def _estimate(self, index: str) -> JsonObject | None:
        underlying = self._views.registry.underlying_of_index(index)
        if underlying is None:
            return None
        now_ms = self._now_ms()
        expiry_ms = self._views.registry.next_expiry_ms(underlying, now_ms)
        price_micro = self._figures.estimated_delivery_micro(underlying, now_ms)
        if expiry_ms is None or not price_micro:
            return None
        left_s = (expiry_ms - now_ms) // 1_000
        return estimated_price_data(
            price_micro,
            left_s,
            is_estimated=left_s < WINDOW_S,
            left_ticks=min(left_s, WINDOW_S) // _SAMPLE_S,
            total_ticks=WINDOW_S // _SAMPLE_S,
            time_ms=now_ms,
        )

    def _on_marks(self) -> None:
        instruments = self._views.registry.instruments
        for topic in self._topics["perpetual"]:
            if instruments[topic.instrument].terms.underlying not in self._views.touched.underlyings:
                continue
            if topic.channel.interval == "raw":
                topic.publish(self._interest(topic))
            else:
                self._conflated[topic.channel.interval][topic] = None

    def _interest(self, topic: Topic) -> JsonObject:
        view = self._views.registry.instruments[topic.instrument]
        return {
            "interest": self._figures.current_funding(topic.instrument),
            "timestamp": self._now_ms(),
            "index_price": usdc(self._views.index_micro(view.terms.underlying)),
        }
