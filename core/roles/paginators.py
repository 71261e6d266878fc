"""What would change now, and who has a role, page by page."""

from core.kit.paginator import Page, Paginator, Reader, nearest_page
from core.roles import actions, embeds, holdings, store, updates
from core.roles.embeds import PAGE
from core.roles.holdings import Holder
from core.roles.snapshot import see


async def _open_preview(reader: Reader, _key: str, number: int) -> Page:
    services, guild = reader.services, reader.guild
    role_ids = await services.database.run(store.list_role_ids, guild.id)
    seen = await see(guild, role_ids)
    plan = await services.database.run(updates.preview, guild.id, seen, services.clock())
    number, pages = nearest_page(number, sum(step.asks for step in plan.steps), PAGE)
    return Page(embeds.preview(plan, number - 1), number, pages)


async def _open_members(reader: Reader, key: str, number: int) -> Page:
    run, guild = reader.services.database.run, reader.guild
    reward = await run(actions.get_reward, guild.id, key)
    known = await run(holdings.list_holders, guild.id, reward.role_id)
    seen = await see(guild, [reward.role_id])
    having = {who for who, held in seen.held.items() if held}
    rows = [one for one in known if one.discord_id in having or one.state == "giving"]
    strangers = having - {one.discord_id for one in rows}
    rows += [Holder(who, "found", None) for who in sorted(strangers)]
    number, pages = nearest_page(number, len(rows), PAGE)
    return Page(embeds.members(reward, rows, number - 1), number, pages, str(reward.role_id))


PREVIEW = Paginator("roles_preview", "roles preview", _open_preview)
MEMBERS = Paginator("roles_members", "roles members", _open_members)
"""The key is a role."""
