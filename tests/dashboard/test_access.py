"""Every route of the web application, as every kind of visitor."""

import re

import pytest
from sqlalchemy import delete
from werkzeug.routing import Rule

from core.features import load_features
from core.guilds.records import Permission
from tests.dashboard.site import GUILD, OTHER_GUILD, Site, Visitor

OPEN = {
    "kick.receive": "webhooks, which are signed",
    "kick_accounts.show": "a personal link, which is signed",
    "kick_accounts.redirect_to_provider": "a personal link, which is signed",
    "kick_accounts.arrive": "back from Kick, with a state",
    "twitch.twitch": "webhooks, which are signed",
    "twitch.eventsub": "webhooks, which are signed",
    "twitch_accounts.streamer.show": "a personal link, which is signed",
    "twitch_accounts.streamer.redirect_to_provider": "a personal link, which is signed",
    "twitch_accounts.streamer.arrive": "back from Twitch, with a state",
    "twitch_accounts.bot.show": "a personal link, which is signed",
    "twitch_accounts.bot.redirect_to_provider": "a personal link, which is signed",
    **{
        f"people_linking.{platform}.{view}": "a personal link, which is signed"
        for platform in ("kick", "twitch")
        for view in ("show", "redirect_to_provider", "decline")
    },
    "heist_widget.show": "a widget key",
    "heist_widget.report": "a widget key",
    "heist_files.static": "script of a heist's public page",
    "heist_files.verifier": "everybody can verify a heist",
    "raffle_draws.static": "style sheet of the draw page",
    "raffle_draws.show": "draws are public",
    "raffle_draws.snapshot": "draws are public",
    "raffle_draws.bundle": "draws are public",
    "raffle_draws.verifier": "draws are public",
    "health.alive": "for the host, without the database",
    "health.front": "status for everybody",
    "health.health": "for the host",
    "health.metrics": "for Prometheus: numbers without names",
    "overlays.show": "the address has a key",
    "live.follow": "each address is checked as if it were opened; see the test below",
    "api.openapi": "how to use the API",
    "api.docs": "how to use the API",
    "kit.static": "style sheets",
    "assets.serve": "style sheets and scripts",
    "privacy.privacy": "legal text",
    "privacy.terms": "legal text",
    "dashboard.login": "how to log in",
    "dashboard.login_with_discord": "to Discord",
    "dashboard.return_from_discord": "back from Discord",
    "dashboard.login_with_twitch": "to Twitch",
    "dashboard.logout": "ends a login, if there is one",
    "dashboard.public": "what a server shows to everybody",
    "dashboard.public_home": "what a server shows to everybody",
}
"""Routes that ask nobody who they are, and why."""

PAGES = [pages for feature in load_features() for pages in feature.guild_pages]
GROUPS = {pages.name: pages.group for pages in PAGES}
FOR_STREAMER = {pages.name for pages in PAGES if pages.for_streamer}
ADMINS_ONLY = {
    f"dashboard.{pages.name}.{route.name}"
    for pages in PAGES
    for route in pages.routes
    if route.admins_only
}


def path_of(rule: Rule, guild_id: int = GUILD) -> str:
    """The route's address, with some value in every part."""
    choice = re.search(r"any\((\w+)", rule.rule)
    path = re.sub(r"<int:guild_id>", str(guild_id), rule.rule)
    path = re.sub(r"<any\([^>]*>", choice[1] if choice else "", path)
    return re.sub(r"<(int:)?\w+>", lambda part: "1" if part[1] else "x", path)


def status(visitor: Visitor, rule: Rule, guild_id: int = GUILD) -> int | str:
    """The answer's status, or where it leads to."""
    method = "GET" if "GET" in (rule.methods or ()) else "POST"
    path = path_of(rule, guild_id)
    found = visitor.get(path) if method == "GET" else visitor.post(path)
    if found.status_code == 303 and "/login" in found.headers["Location"]:
        return "login"
    found.close()
    return found.status_code


@pytest.fixture
def rules(site: Site) -> list[Rule]:
    return [
        rule for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith("dashboard.")
    ]


def guild_rules(rules: list[Rule]) -> list[Rule]:
    """Of moderators."""
    return [rule for rule in rules if rule.rule.startswith("/g/")]


def member_rules(rules: list[Rule]) -> list[Rule]:
    """Of everybody in the server, about themselves."""
    return [rule for rule in rules if rule.rule.startswith("/me/")]


def group_of(rule: Rule) -> str:
    """The group that the route needs; empty if any will do."""
    parts = rule.endpoint.split(".")
    return GROUPS[parts[1]] if len(parts) == 3 else ""


def test_every_route_is_either_open_or_asks_for_a_login(site: Site) -> None:
    anonymous = site.visitor()
    for rule in site.app.url_map.iter_rules():
        if rule.endpoint in OPEN or rule.endpoint.startswith("api."):
            continue  # tests/dashboard/test_api.py walks the API
        assert rule.endpoint.startswith("dashboard."), f"{rule.endpoint}: who may see it?"
        assert status(anonymous, rule) == "login", rule


def test_open_routes_exist(site: Site) -> None:
    assert set(OPEN) <= {rule.endpoint for rule in site.app.url_map.iter_rules()}


def test_members_without_a_right_get_no_page(site: Site, rules: list[Rule]) -> None:
    member = site.visitor("mia")
    assert {status(member, rule) for rule in guild_rules(rules)} == {403}


def test_people_of_another_server_find_nothing(site: Site, rules: list[Rule]) -> None:
    other = site.visitor("vera")
    assert {status(other, rule) for rule in guild_rules(rules)} == {404}
    assert other.get(f"/g/{OTHER_GUILD}/").status_code == 200


def test_members_get_their_own_page_in_their_own_server(site: Site, rules: list[Rule]) -> None:
    member, other = site.visitor("mia"), site.visitor("vera")
    for rule in member_rules(rules):
        is_page = "GET" in (rule.methods or ())
        assert status(member, rule) == (200 if is_page else 400), rule
        assert status(other, rule) == 404


def test_unknown_servers_look_like_those_of_others(site: Site, rules: list[Rule]) -> None:
    admin = site.visitor("nora")
    assert {status(admin, rule, 12345) for rule in guild_rules(rules)} == {404}


def test_streamers_get_only_the_twitch_pages_of_their_own_server(
    site: Site, rules: list[Rule]
) -> None:
    site.connect_twitch()
    streamer, other = site.streamer("nora"), site.streamer("vera")
    assert {"twitch"} <= FOR_STREAMER
    for rule in guild_rules(rules):
        is_page = "GET" in (rule.methods or ())
        parts = rule.endpoint.split(".")
        is_theirs = parts[1] in FOR_STREAMER and rule.endpoint not in ADMINS_ONLY
        wanted = (200 if is_page else 400) if is_theirs else 403
        assert status(streamer, rule) == wanted, rule
        assert status(streamer, rule, OTHER_GUILD) == 404
        assert status(other, rule) == 404
    for rule in member_rules(rules):
        assert status(streamer, rule) == 403, rule
        assert status(streamer, rule, OTHER_GUILD) == 404
    shown = streamer.get(f"/g/{GUILD}/twitch").text
    assert f'/g/{GUILD}/vips"' in shown, "one page leads to the others"
    assert f'/g/{GUILD}/raffle"' not in shown


def followed(visitor: Visitor, *guild_ids: int) -> list[bool]:
    """Whether this browser may follow the changes of these servers."""
    wanted = [f"unknown,/g/{guild_id}/live" for guild_id in guild_ids]
    heard = visitor.get("/overlay/live", query_string={"t": wanted, "once": ""}).text
    return [f"/g/{guild_id}/live\n\nevent: changed" in heard for guild_id in guild_ids]


def test_stream_follows_only_the_servers_that_somebody_may_see(site: Site) -> None:
    site.connect_twitch()
    both = GUILD, OTHER_GUILD
    assert followed(site.visitor("nora"), *both) == [True, False]
    assert followed(site.visitor(), *both) == [False, False]
    assert followed(site.visitor("mia"), *both) == [False, False], "a member without any right"
    assert followed(site.streamer("nora"), *both)[1] is False
    odd = {"t": ["", ",/g/x/live", "x"], "once": ""}
    strange = site.visitor("nora").get("/overlay/live", query_string=odd)
    assert (strange.status_code, "changed" in strange.text) == (200, False)


def test_moderators_get_the_pages_of_their_groups(site: Site, rules: list[Rule]) -> None:
    """Their own group opens a page, and all other groups together do not."""
    site.discord.member("mia", roles=["Regular"])
    moderator = site.visitor("mia")
    groups = set(GROUPS.values())
    for_admins = ADMINS_ONLY | {"dashboard.view_as", "dashboard.setup"}
    ours = {
        group: [guild_rule for guild_rule in guild_rules(rules) if group_of(guild_rule) == group]
        for group in groups
    }
    for_any_group = [guild_rule for guild_rule in guild_rules(rules) if not group_of(guild_rule)]
    try:
        for group in sorted(groups):
            site.grant("Regular", group)
            for rule in ours[group] + for_any_group:
                found = status(moderator, rule)
                assert (found == 403) == (rule.endpoint in for_admins), (group, rule, found)
            _revoke_all(site)
            site.grant("Regular", *groups - {group})
            assert {status(moderator, rule) for rule in ours[group]} == {403}, group
            _revoke_all(site)
    finally:
        site.discord.member("mia", roles=[])


def _revoke_all(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        work.execute(delete(Permission))


def test_admins_get_every_page_and_no_form_works_without_its_token(
    site: Site, rules: list[Rule]
) -> None:
    admin = site.visitor("nora")
    for rule in guild_rules(rules):
        found = status(admin, rule)
        if "GET" in (rule.methods or ()):
            # What the parts of the address name may not exist.
            few = {"guild_id"} == rule.arguments
            assert found == 200 if few else found in (200, 404, 422), (rule, found)
        else:
            assert found == 400, (rule, found)


def test_no_page_repeats_the_host_header(site: Site) -> None:
    admin = site.visitor("nora")
    for rule in site.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or "live" in rule.rule or rule.rule == "/api/ws":
            continue
        for path in (path_of(rule), path_of(rule).rstrip("/"), "/" + path_of(rule)):
            answer = admin._client.get(
                path, base_url="http://evil.example", headers={"Accept": "text/html"}
            )
            told = str(answer.headers) + answer.get_data().decode(errors="replace")
            assert "evil.example" not in told, path
            answer.close()
