"""Personal links with which the owner of an account connects it, as an admin requested."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Mapped, mapped_column

from core.guilds.connections.accounts import AccountKind
from core.kit.database.personal import holds
from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.oauth.flow import OAuthAttempt, OAuthFlow
from core.kit.services import Services


class ConnectAttempt(OAuthAttempt, kw_only=True):
    """Base of a table of requested links."""

    __abstract__ = True

    asked_by: Mapped[MemberId] = mapped_column(info=holds("number", deletes_row=True))
    asked_by_name: Mapped[str] = mapped_column(info=holds("name"))


T = TypeVar("T", bound=ConnectAttempt)


@dataclass(frozen=True)
class Link(Generic[T]):
    """How accounts of a kind are connected.

    Attributes:
        open: `open(work, attempt)`: store the request; returns the text above the link. Raises
            Refusal if nothing can be connected yet.
    """

    kind: AccountKind[Any]
    flow: OAuthFlow[T]
    open: Callable[[Work, T], str]

    def request(self, services: Services, asked_by: int, name: str, **more: Any) -> T:
        """A request of this admin, for `open`."""
        role = {"role": self.kind.role} if self.kind.role else {}
        given = {"asked_by": MemberId(asked_by), "asked_by_name": name, **role, **more}
        return self.flow.attempts(asked_at=services.clock(), **given)

    def url(self, services: Services, attempt: T) -> str:
        """The link, for the admin who requested it."""
        return self.flow.make_link(services.settings, attempt, attempt.asked_by)
