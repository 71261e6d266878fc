"""Link panels on the dashboard: where they are, and posting another one."""

from flask import Response, url_for

from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.kit.web.guild_pages import MAX_ACTIVITIES, Activity, GuildPages, Page, SetupStep
from core.people import store as people
from core.people.linking.platforms import PLATFORMS
from core.people.panels import actions

PAGES = GuildPages("link_panels", lambda: _("Link panel"), icon="link", order=45, group="people")


@PAGES.get()
def panels(page: Page) -> str:
    def load(work: Work) -> dict[str, object]:
        return {
            "panels": [panel for panel in actions.list_panels(work) if panel.state != "withdrawn"],
            "problem": actions.find_problem(work),
        }

    names = {int(value): name for value, name in page.channel_choices()}
    return page.render("link_panels/panels.html", names=names, **page.run(load))


@PAGES.post("post", shows=panels)
def post(page: Page) -> Response:
    """Post a panel in a channel, in place of the one that it has."""
    names = dict(page.channel_choices())
    channel_id = page.form.get("channel", "")
    if channel_id not in names:
        raise Refusal(_("Choose a channel."))
    page.run(
        actions.request_panel,
        int(channel_id),
        names[channel_id],
        server=page.guild.name,
        settings=page.services.settings,
        key=page.form_key,
    )
    return page.done(
        _("The link panel will appear in {channel} in a moment.").format(channel=names[channel_id])
    )


@PAGES.post("<int:channel_id>/remove", shows=panels)
def remove(page: Page, channel_id: int) -> Response:
    if not page.run(actions.withdraw_panel, channel_id):
        raise Refusal(_("There is no link panel in this channel"))
    return page.done(_("Link panel removed"), to=panels)


def activity(page: Page) -> list[Activity]:
    """For the overview: who linked an account."""
    says = _("{viewer} linked their {platform} account.")
    return [
        Activity(
            link.linked_at,
            says.format(viewer=name, platform=PLATFORMS[link.platform].name),
            PAGES.icon,
            url_for("dashboard.people.person", guild_id=page.guild.id, viewer_id=link.viewer_id),
        )
        for link, name in page.run(people.list_newest_links, MAX_ACTIVITIES)
    ]


def setup(page: Page) -> list[SetupStep]:
    posted = [panel for panel in page.run(actions.list_panels) if panel.state == "posted"]
    trouble = next((panel.trouble for panel in posted if panel.trouble), "")
    if not posted:
        text = _("With a panel, members link their account with one click.")
    else:
        text = trouble or _("Members can link their account there.")
    return [
        SetupStep(
            _("Post the link panel"),
            is_done=bool(posted) and not trouble,
            text=text,
            url=page.url_of(PAGES, panels),
            button=_("Link panel"),
            order=55,
        )
    ]
