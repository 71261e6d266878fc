"""Who has linked what, page by page."""

from core.kit.paginator import Page, Paginator, Reader, nearest_page
from core.wagers import embeds, store
from core.wagers.embeds import PAGE
from core.wagers.platforms import SHUFFLE, TITLES


async def _open_accounts(reader: Reader, _key: str, number: int) -> Page:
    known = await reader.services.database.run(store.list_accounts, reader.guild.id, SHUFFLE)
    number, pages = nearest_page(number, len(known), PAGE)
    return Page(embeds.accounts(known, TITLES[SHUFFLE], number - 1), number, pages)


ACCOUNTS = Paginator("wagers_accounts", "shuffle accounts", _open_accounts)
