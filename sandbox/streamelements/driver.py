"""A blocking client of `/control/streamelements/...`."""

from sandbox.driver import TIMEOUT_SECONDS, Driver, Json


class StreamElementsDriver(Driver):
    """Channels are given by their streamer's handle; the default is nora's."""

    service = "streamelements"

    def channel(self, handle: str = "nora") -> Json:
        """id, login, jwt, points, said."""
        return dict(self.state()["channels"][handle])

    def set_points(self, login: str, points: int) -> None:
        self._post("points", login=login, points=points)

    def activity(self, kind: str, data: Json, **more: object) -> Json:
        """Publish an activity (provider, id, channel): -> count of sockets that received it, id."""
        return self._post("activity", type=kind, data=data, **more)

    def subscriber(self, login: str, user_id: int, tier: str, **data: object) -> Json:
        """Somebody subscribed."""
        given = {"username": login, "displayName": login, "providerId": str(user_id)}
        return self.activity("subscriber", {**given, "amount": 1, "tier": tier, **data})

    def move_sockets(self) -> int:
        return int(self._post("move_sockets")["count"])

    def drop_sockets(self) -> int:
        return int(self._post("drop_sockets")["count"])

    def wait_for_socket(self, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until a socket has a subscription."""
        self.wait_until(
            lambda: self.state()["sockets"] or None, timeout, lambda: "nobody subscribed"
        )

    def fault(self, **values: object) -> None:
        """Set faults: ``fault(lost=1)`` sets ``streamelements.lost``; a leading ``_`` is cut."""
        self.faults({f"streamelements.{k.lstrip('_')}": value for k, value in values.items()})

    def calls(self) -> list[str]:
        """Requests so far, such as `PUT /points/<channel>`."""
        return list(self.state()["calls"])
