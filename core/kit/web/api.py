"""Endpoints of the HTTP API, as features declare them; `core/dashboard/api.py` serves them.

    API = Api("quotes")

    @API.get("/quotes")
    def list_quotes(call: Call, asked: Paging) -> QuoteList:
        return QuoteList(...)

    @API.post("/quotes")
    def add_quote(call: Call, sent: NewQuote) -> Quote:
        return call.run(actions.add_quote, sent.text)

They appear under `/api`. The types of a handler are the contract: its second parameter, if it has
one, is a pydantic model that is read from the query of GET and DELETE and from the JSON body of the
other methods; its result is the model of the answer. The OpenAPI document is made from the same
types. A caller has a session or a token of one server, and `call` reaches only that server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar
from typing import get_type_hints as hints_of
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from core.kit.database.work import Work
from core.kit.services import Services

if TYPE_CHECKING:
    from flask import Response

P = ParamSpec("P")
T = TypeVar("T")

Method = Literal["GET", "POST", "PATCH", "DELETE"]

Scope = Literal["read", "write"]
"""What a token may be used for; `write` includes `read`."""

_LARGEST_ID = 2**63 - 1


class ApiModel(BaseModel):
    """Base of what is sent and answered. An unknown field is refused, so that a misspelt one is not
    ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_id(value: Any) -> int:
    """The id in a request. Raises ValueError if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        number = int(value) if len(value) < 20 else 0
        if 0 < number <= _LARGEST_ID:
            return number
    raise ValueError("must be an id: a string of digits")


Id = Annotated[
    int,
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+$", "examples": ["41771983"]}),
]
"""An id of Discord or a platform in an answer: a string, because JavaScript rounds such numbers."""

SentId = Annotated[
    int,
    BeforeValidator(parse_id),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,18}$", "examples": ["41771983"]}),
]
"""The same in a request."""


def _plausible(value: datetime) -> datetime:
    if not 1970 < value.year < 2200:
        raise ValueError("must be a date between 1971 and 2199")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A time in a request, with its offset (RFC 3339)."""


class Paging(ApiModel):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=200, description="How many at most.")
    cursor: SentId | None = Field(None, description="`next_cursor` of the part before.")


class Part(ApiModel):
    """Base of an answer that is a part of a list."""

    next_cursor: Id | None = Field(description="Where the list goes on; empty at its end.")


def part_of(found: Sequence[T], limit: int, key: Callable[[T], int]) -> tuple[list[T], int | None]:
    """The first of these, and the cursor if there are more of them."""
    shown = list(found[:limit])
    return shown, key(shown[-1]) if len(found) > limit else None


class Done(ApiModel):
    """It was done."""

    message: str


@dataclass(frozen=True)
class Call:
    """One request of an endpoint, once all rights are checked.

    Attributes:
        actor: the member who is logged in, or who made the token.
        caller: names the session or the token, for what is counted by caller.
        groups: the command groups that they may use; None for all of them.
    """

    services: Services
    guild_id: int
    actor: int
    time_zone: ZoneInfo
    caller: str
    groups: frozenset[str] | None

    def run(
        self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `action(work, ...)` in the guild, on behalf of the caller."""
        with self.services.work_in(self.guild_id, self.actor) as work:
            if (groups := self.groups) is not None:
                work.limit_to(lambda _tx: groups)
            return action(work, *args, **kwargs)


Handler = Callable[..., "BaseModel | Response"]
"""`handler(call)` or `handler(call, asked)`."""


@dataclass(frozen=True)
class Endpoint:
    """One method of one address.

    Attributes:
        path: below `/api`, such as `/audit-log`.
        group: the group of commands that gives access to a member; empty if any will do.
        status: of the answer when it went well.
        stream: it answers with server-sent events.
        secret: the field of `Settings` whose value is the only bearer token; `handler(services)`
            reaches every server then.
    """

    method: Method
    path: str
    handler: Handler
    group: str
    status: int = 200
    stream: bool = False
    secret: str = ""

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def scope(self) -> Scope:
        return "read" if self.method == "GET" else "write"

    @property
    def asks(self) -> type[BaseModel] | None:
        """The model of the query or of the body."""
        hints = {**hints_of(self.handler)}
        hints.pop("return", None)
        models = [hint for hint in hints.values() if _is_model(hint)]
        return models[0] if models else None

    @property
    def answers(self) -> type[BaseModel] | None:
        found = hints_of(self.handler).get("return")
        return found if _is_model(found) else None


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


@dataclass
class Api:
    """A feature's endpoints.

    Attributes:
        group: the group of commands that gives access, as `/permissions` names it.
    """

    group: str = ""
    endpoints: list[Endpoint] = field(default_factory=list)

    def get(self, path: str, *, stream: bool = False) -> Callable[[Handler], Handler]:
        """Declare what reads."""
        return self._add("GET", path, stream=stream)

    def post(
        self, path: str, *, status: int = 200, secret: str = ""
    ) -> Callable[[Handler], Handler]:
        """Declare what adds something, or does something."""
        return self._add("POST", path, status=status, secret=secret)

    def patch(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what changes something."""
        return self._add("PATCH", path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what removes something."""
        return self._add("DELETE", path)

    def _add(self, method: Method, path: str, **how: Any) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.endpoints.append(Endpoint(method, path, handler, self.group, **how))
            return handler

        return add
