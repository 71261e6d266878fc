"""`/overlay/live?t=<position>,<address>&t=...`: one stream for all pages of a browser. Each address
is checked as if it were opened alone, and again from time to time."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from flask import (
    Blueprint,
    Response,
    current_app,
    request,
    session,
)
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException

from core.kit.errors import Outage, RateLimited, Refusal
from core.kit.runtime.crypto import hash_of
from core.kit.services import Services
from core.kit.web.app import TOKEN
from core.kit.web.live import GONE, LATER, LiveStreams, Topic, streams_of

MAX_TOPICS = 60
"""Maximum topics per stream."""

MAX_PER_OVERLAY = 20
"""Maximum streams that begin with the same overlay, of browsers without a login."""

MAX_WRONG = 5
"""Maximum number of invalid addresses in a stream; further ones are not looked up."""

NO_GUILD = 0

TopicOf = Callable[[str], Topic | None]
"""`topic_of(address)` within a request: None, or an exception, if it must not be followed."""

_EXTENSION = "live_topics"


def offer_topics(state: BlueprintSetupState, start: str, topic_of: TopicOf) -> None:
    """Let pages follow addresses with this prefix."""
    state.app.extensions.setdefault(_EXTENSION, {})[start] = topic_of


def pages(services: Services) -> Blueprint:
    """The blueprint with the stream."""
    blueprint = Blueprint("live", __name__)
    streams = streams_of(services.bus)

    def set_up(state: BlueprintSetupState) -> None:
        state.app.extensions.setdefault(_EXTENSION, {})

    @blueprint.get("/overlay/live")
    def follow() -> Response:
        return _follow(streams)

    blueprint.record_once(set_up)
    return blueprint


def _follow(streams: LiveStreams) -> Response:
    told_until = request.headers.get("Last-Event-ID", "")
    topics: list[Topic] = []
    wrong = 0
    for wanted in request.args.getlist("t")[:MAX_TOPICS]:
        since, _comma, address = wanted.partition(",")
        found = _topic(address, told_until or since)
        topics.append(found)
        wrong += found.guild_id == NO_GUILD
        if wrong > MAX_WRONG:
            break
    mark = next((topic.mark for topic in topics if topic.mark), "")
    mine, maximum = (session[TOKEN], None) if TOKEN in session else (mark, MAX_PER_OVERLAY)
    # Clients without an allowed topic get no thread.
    once = "once" in request.args or wrong == len(topics)
    return streams.follow(topics, hash_of(mine), maximum=maximum, once=once)


def _topic(address: str, since: str) -> Topic:
    """The topic; or one that ends at once if it must not be followed."""
    try:
        found, why = _open(address), GONE
    except (Outage, RateLimited):
        found, why = None, LATER
    if found is None:
        return Topic(NO_GUILD, lambda _changed: why, address, since="nowhere")
    return replace(found, address=address, since=since)


def _open(address: str) -> Topic | None:
    offered: Mapping[str, TopicOf] = current_app.extensions[_EXTENSION]
    for start, topic_of in offered.items():
        if address.startswith(start):
            try:
                return topic_of(address)
            except RateLimited:
                raise
            except (HTTPException, Refusal):
                return None
    return None
