"""What people do on the page, with mouse and keyboard."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from tests.browser import PHONE
from tests.patience import PATIENCE, until
from tests.sandbox import page_rig
from tests.sandbox.page_rig import Place, Visit, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with page_rig.place() as there:
        yield there


@pytest.fixture(scope="module")
def opened(place: Place) -> Iterator[Visit]:
    with visit(place) as page:
        yield page


@pytest.fixture
def well(place: Place) -> Iterator[None]:
    """Faults of one test are not the next one's."""
    yield
    place.discord.reset_faults()


@pytest.fixture
def nora(opened: Visit, well: None) -> Iterator[Visit]:
    opened.start_as("nora")
    yield opened
    opened.check()


@pytest.fixture
def mia(opened: Visit, well: None) -> Iterator[Visit]:
    opened.start_as("mia")
    yield opened
    opened.check()


# -- Discord ---------------------------------------------------------------------------------------


def test_viewer_writes_and_sees_the_bots_embed(mia: Visit) -> None:
    mia.write("!call Sugar Rush")
    answer = mia.message("Sugar Rush").locator(".embed")
    expect(answer).to_have_css("border-left-color", "rgb(83, 252, 24)")
    expect(answer.locator(".embed-title")).to_have_text("🎰 Book of Dead")
    expect(answer.locator(".embed-author")).to_contain_text("MadCats")
    expect(answer.locator(".embed-thumb")).to_be_visible()
    expect(answer.locator("dt")).to_have_text(["Position", "Platform", "Queue", "Provider"])
    expect(answer.locator("footer")).to_have_text("Regulars • slot calls")
    expect(answer.locator("time")).to_contain_text("ago")


def test_button_edits_the_message_in_place(mia: Visit) -> None:
    mia.write("!call Gates")
    mia.message("Gates").get_by_role("button", name="Done").click()
    played = mia.message("Played, says MadCats")
    expect(played).to_contain_text("(edited)")
    expect(played.get_by_role("button", name="Done")).to_be_focused()


def test_ephemeral_message_is_shown_to_one_person_and_can_be_dismissed(mia: Visit) -> None:
    mia.write("!call Jammin")
    mia.message("Jammin").get_by_role("button", name="Skip").click()
    expect(mia.message("Skipped for you")).to_contain_text("Only you can see this")
    mia.become("lil bean")
    expect(mia.message("Jammin")).to_be_visible()
    expect(mia.messages.get_by_text("Skipped for you")).to_have_count(0)
    mia.become("MadCats")
    mia.message("Skipped for you").get_by_role("button", name="Dismiss").click()
    expect(mia.messages.get_by_text("Skipped for you")).to_have_count(0)


def test_modal_is_filled_in_and_submitted(mia: Visit) -> None:
    mia.write("!call Modal")
    mia.message("Modal").get_by_role("button", name="Call another").click()
    dialog = mia.page.get_by_role("dialog", name="Call a slot")
    expect(dialog.get_by_label("Slot *")).to_be_focused()
    dialog.get_by_label("Slot *").fill("Wild West Gold")
    dialog.get_by_role("button", name="Submit").click()
    expect(mia.message("Called Wild West Gold").locator("strong")).to_have_text("Wild West Gold")
    expect(dialog).to_be_hidden()


def test_select_menu_sends_the_choice(mia: Visit) -> None:
    mia.write("!call Menu")
    mia.message("Menu").get_by_label("Which period?").select_option("month")
    expect(mia.message("Chosen: month")).to_be_visible()


def test_slash_command_with_option_is_chosen_from_the_list(mia: Visit) -> None:
    box = mia.page.locator("#discord-box")
    box.fill("/lead")
    menu = mia.page.get_by_role("listbox")
    expect(menu.get_by_role("option")).to_have_text(["/leaderboard top?Who watched the most"])
    box.press("Tab")
    form = mia.page.get_by_role("form", name="/leaderboard")
    form.get_by_label("top").fill("3")
    form.get_by_role("button", name="Run").click()
    expect(mia.message("Top 3: 🥇")).to_contain_text("MadCatsused /leaderboard")
    expect(box).to_be_focused()


def test_slash_command_is_typed_with_options(mia: Visit) -> None:
    mia.write("/leaderboard 4")
    expect(mia.message("Top 4: 🥇")).to_be_visible()
    mia.become("NoraPlays")
    mia.write("/slotcalls reward @MadCats role:Regular")
    expect(mia.message("@MadCats gets @Regular")).to_be_visible()


def test_options_for_people_and_roles_are_menus(nora: Visit) -> None:
    nora.page.locator("#discord-box").fill("/slotcalls reward")
    nora.page.get_by_role("listbox").get_by_role("option").first.click()
    form = nora.page.get_by_role("form", name="/slotcalls reward")
    form.get_by_label("who").select_option(label="@lil bean")
    form.get_by_label("role").select_option(label="@VIP Regular")
    form.get_by_role("button", name="Run").click()
    expect(nora.message("gets @VIP Regular").locator(".body .mention")).to_have_text(
        ["@lil bean", "@VIP Regular"]
    )


def test_command_without_permission_is_explained(mia: Visit) -> None:
    mia.page.locator("#discord-box").fill("/slot")
    menu = mia.page.get_by_role("listbox")
    expect(menu.get_by_role("option")).to_have_count(0)
    expect(menu).to_contain_text("2 more commands need Manage Server")
    expect(menu).to_contain_text("Switch to NoraPlays above")
    mia.write("/slotcalls status")
    expect(mia.toasts).to_contain_text("/slotcalls status needs Manage Server")
    mia.become("NoraPlays")
    mia.write("/slotcalls status")
    expect(mia.message("Slot calls are on")).to_be_visible()


def test_reactions_are_counted_and_toggled(place: Place, mia: Visit) -> None:
    sent = place.discord.message("leo", "general", "react to me")
    place.discord.react("leo", sent, "🎉")
    pill = mia.message("react to me").locator(".reaction")
    expect(pill).to_have_attribute("aria-pressed", "false")
    pill.click()
    expect(pill).to_have_text("🎉2")
    expect(pill).to_have_attribute("aria-pressed", "true")
    pill.click()
    expect(pill).to_have_text("🎉1")
    mia.message("react to me").hover()
    mia.message("react to me").get_by_role("button", name="Add a reaction").click()
    mia.page.get_by_role("button", name="👍").click()
    expect(pill).to_have_text(["🎉1", "👍1"])


def test_messages_can_be_replied_to_pinned_and_deleted(place: Place, nora: Visit) -> None:
    place.discord.message("leo", "general", "please pin this")
    message = nora.message("please pin this")
    message.hover()
    message.get_by_role("button", name="Reply").click()
    nora.write("gladly")
    expect(nora.message("gladly").locator(".said-in-reply")).to_have_text("lil beanplease pin this")
    message = nora.page.locator("#messages .message:not(:has(.said-in-reply))").filter(
        has_text="please pin this"
    )
    message.hover()
    message.get_by_role("button", name="Pin").click()
    nora.page.get_by_role("button", name="Pinned messages").click()
    pins = nora.page.get_by_role("dialog", name="Pinned messages")
    expect(pins).to_contain_text("please pin this")
    pins.get_by_role("button", name="Close").click()
    message.hover()
    message.get_by_role("button", name="Delete").click()
    expect(message).to_have_count(0)
    expect(nora.message("gladly")).to_contain_text("The original was deleted")


def test_direct_message_is_announced_and_opened(mia: Visit) -> None:
    mia.write("/whisper")
    expect(mia.message("Look at your messages.")).to_be_visible()
    mia.page.locator("#sidebar").get_by_role("button", name="Regulars, new messages").click()
    expect(mia.message("Psst, only you read this.")).to_be_visible()
    mia.become("lil bean")
    expect(mia.messages.get_by_text("Psst")).to_have_count(0)


def test_components_v2_are_rendered(mia: Visit) -> None:
    mia.write("!panel")
    card = mia.messages.locator(".container").last
    expect(card.get_by_role("heading")).to_have_text("🔗 Link your Kick account")
    expect(card.locator("li")).to_have_text(["Press the button", "Say yes"])
    expect(card.locator(".section .avatar")).to_be_visible()
    expect(card.locator("hr")).to_be_visible()
    expect(card.locator("small time")).to_have_text("1 minute ago")
    link = card.get_by_role("link", name="Open Kick")
    expect(link).to_have_attribute("href", "https://kick.com/noraplays")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_hidden_channels_are_not_listed(mia: Visit) -> None:
    expect(mia.page.locator("#sidebar").get_by_role("button", name="mods")).to_have_count(0)
    mia.become("Tomas")
    mia.open_channel("mods")
    expect(mia.page.locator("#channel-name")).to_have_text("mods")
    mia.become("MadCats")
    expect(mia.page.locator("#channel-name")).to_have_text("general")


def test_person_outside_the_server_can_join(place: Place, mia: Visit) -> None:
    mia.become("Sam")
    expect(mia.messages).to_contain_text("Sam is not in a Discord server")
    expect(mia.page.locator("#discord-box")).to_be_disabled()
    mia.page.get_by_role("button", name="Join Nora's Corner").click()
    expect(mia.page.locator("#channel-name")).to_have_text("general")
    place.discord.member("sam", leave=True)


# -- Kick ------------------------------------------------------------------------------------------


def test_chat_shows_names_badges_replies_and_the_bot(place: Place, mia: Visit) -> None:
    box = mia.page.locator("#kick-box")
    box.fill("!call Wanted")
    box.press("Enter")
    line = mia.chat.locator(".line", has_text="!call Wanted")
    expect(line.locator(".name")).to_have_text("MadCats")
    expect(box).to_have_value("")
    place.kick.chat("nora", "hi [emote:37226:KEKW]")
    streamer = mia.chat.locator(".line", has_text="hi ")
    expect(streamer.get_by_role("img", name="Broadcaster")).to_be_visible()
    expect(streamer.locator(".emote")).to_have_text("KEKW")
    streamer.hover()
    streamer.get_by_role("button", name="Reply to NoraPlays").click()
    box.fill("hello you")
    box.press("Enter")
    expect(mia.chat.locator(".line", has_text="hello you").locator(".answers")).to_contain_text(
        "@NoraPlays: hi"
    )
    place.kick.chat("regulars", "your call is number 1")
    bot = mia.chat.locator(".line", has_text="number 1")
    expect(bot.locator(".kick-badge.bot")).to_have_count(1)


def test_stream_can_go_live_and_end(nora: Visit) -> None:
    stream = nora.page.locator("#stream")
    expect(stream).to_contain_text("NoraPlays is offline")
    stream.get_by_role("button", name="Go live").click()
    expect(stream.get_by_text("LIVE", exact=True)).to_be_visible()
    expect(stream).to_contain_text("42 viewers")
    expect(stream.get_by_role("button", name="End stream")).to_be_focused()
    stream.get_by_role("button", name="End stream").click()
    expect(stream).to_contain_text("NoraPlays is offline")


def test_each_streamer_has_their_own_chat(place: Place, nora: Visit) -> None:
    place.kick.chat("leo", "only for vera", channel="vera")
    nora.become("VeraSpins")
    expect(nora.chat).to_contain_text("only for vera")
    expect(nora.page.locator("#sidebar h3")).to_have_text("Vera's Den")
    nora.become("NoraPlays")
    expect(nora.page.locator("#sidebar h3")).to_have_text("Nora's Corner")
    expect(nora.chat.get_by_text("only for vera")).to_have_count(0)


# -- around it -------------------------------------------------------------------------------------


def test_suggestion_performs_its_action(nora: Visit) -> None:
    suggestion = nora.page.get_by_role("button", name="Write !call Book of Dead")
    suggestion.click()
    expect(nora.chat.locator(".line", has_text="!call Book of Dead")).to_contain_text("MadCats")
    expect(nora.page.get_by_role("radio", name="MadCats")).to_be_checked()
    expect(nora.page.locator("#channel-name")).to_have_text("slot-calls")
    expect(suggestion).to_have_class("try done")
    nora.page.get_by_role("button", name="Write /slotcalls status").click()
    expect(nora.message("Slot calls are on")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "path", "told"),
    [
        ("Follow", "follow", {"person": "mia"}),
        ("Subscribe", "subscribe", {"person": "mia"}),
        ("500", "kicks", {"person": "mia", "amount": 500}),
        ("50", "gift", {"person": "mia", "count": 50}),
        ("5", "gift", {"person": "mia", "count": 5}),
    ],
)
def test_viewer_supports_the_stream(
    nora: Visit, button: str, path: str, told: dict[str, object]
) -> None:
    nora.become("MadCats")
    row = nora.page.get_by_role("group", name="Support the stream")
    with nora.page.expect_response(f"**/control/kick/{path}") as answered:
        row.get_by_role("button", name=button, exact=True).click()
    assert answered.value.ok
    assert answered.value.request.post_data_json == {"channel": "nora", **told}
    expect(nora.toasts).to_contain_text("Kick reported")


def test_anonymous_gift_has_no_person_and_keeps_the_choice(nora: Visit) -> None:
    nora.page.get_by_label("anonymously").check()
    for _time in range(2):
        with nora.page.expect_response("**/control/kick/gift") as answered:
            nora.page.get_by_role("button", name="1", exact=True).click()
        assert answered.value.ok
        assert answered.value.request.post_data_json == {"channel": "nora", "count": 1}
    nora.page.get_by_label("anonymously").uncheck()


def test_feed_faults_are_grouped(place: Place, nora: Visit) -> None:
    nora.page.get_by_role("button", name="Simulate problems").click()
    group = nora.page.locator(".fault-group", has_text="Kick: realtime feed")
    names = [name for name in _faults(place) if name.startswith("kick.feed.")]
    expect(group.locator(".fault[data-name]")).to_have_count(len(names))


def test_faults_can_be_set_and_reset(place: Place, nora: Visit) -> None:
    nora.page.get_by_role("button", name="Simulate problems").click()
    drawer = nora.page.get_by_role("dialog", name="Simulate problems")
    faults = _faults(place)
    expect(drawer.locator(".fault[data-name]")).to_have_count(len(faults))
    drawer.get_by_label("Search the problems").fill("429")
    drawer.get_by_label("The next N REST calls answer 429 and do nothing.").fill("2")
    # Not check(): until the sandbox has answered, the box may be drawn as it was.
    drawer.get_by_label("The 429 is a global rate limit.").click()
    expect(nora.page.locator("#faults-on")).to_have_text("2")
    changed = _faults(place)
    assert changed["discord.rest.429"]["value"] == 2
    assert changed["discord.rest.429_global"]["value"] is True
    drawer.get_by_role("button", name="Reset all").click()
    expect(nora.page.locator("#faults-on")).to_be_hidden()
    assert _faults(place) == faults
    expect(drawer.get_by_label("The 429 is a global rate limit.")).not_to_be_checked()


def _faults(place: Place) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = requests.get(
        f"{place.sandbox.base_url}/control/faults", timeout=PATIENCE
    ).json()
    return found


def test_direct_messages_can_be_closed(place: Place, mia: Visit) -> None:
    mia.page.get_by_role("button", name="Simulate problems").click()
    toggle = mia.page.get_by_label("MadCats accepts direct messages")
    toggle.click()
    expect(mia.page.locator("#faults-on")).to_have_text("1")
    expect(toggle).not_to_be_checked()
    toggle.click()
    expect(mia.page.locator("#faults-on")).to_be_hidden()


def test_channel_can_be_closed_to_the_bot(place: Place, mia: Visit) -> None:
    def access() -> str:
        guild = next(g for g in place.discord.state()["guilds"] if g["name"] == "Nora's Corner")
        return str(next(c for c in guild["channels"] if c["name"] == "general")["bot_access"])

    mia.page.get_by_role("button", name="Simulate problems").click()
    choice = mia.page.get_by_label("The bot in #general")
    expect(choice).to_have_value("full")
    choice.select_option("has no access")
    until(lambda: access() == "none", "the closed channel")
    expect(choice).to_have_value("none")
    choice.select_option("can read and write")
    until(lambda: access() == "full", "the open channel")


def test_updates_do_not_disturb_the_reader(place: Place, mia: Visit) -> None:
    for number in range(40):
        place.discord.message("leo", "bot-log", f"line {number}")
    mia.open_channel("bot-log")
    expect(mia.message("line 39")).to_be_in_viewport()
    mia.page.locator("#discord-box").fill("half a sent")
    mia.messages.evaluate("list => { list.scrollTop = 100; list.children[5].mark = 'same'; }")
    place.discord.message("leo", "bot-log", "newest")
    expect(mia.message("newest")).to_be_attached()
    assert mia.messages.evaluate("list => [list.scrollTop, list.children[5].mark]") == [100, "same"]
    expect(mia.page.locator("#discord-box")).to_have_value("half a sent")
    expect(mia.page.locator("#discord-box")).to_be_focused()
    mia.page.locator("#discord-to-end").click()
    expect(mia.message("newest")).to_be_in_viewport()


def test_lost_connection_is_shown_and_restored(place: Place, nora: Visit) -> None:
    badge = nora.page.locator("#link-state")
    expect(badge).to_have_text("Live")
    nora.page.route("**/control/events", lambda route: route.fulfill(status=503))
    nora.page.reload()
    expect(badge).to_have_text("Reconnecting…")
    place.discord.message("leo", "general", "said while nobody listened")
    nora.page.unroute("**/control/events")
    expect(badge).to_have_text("Live")
    expect(nora.message("said while nobody listened")).to_be_visible()


def test_keyboard_reaches_people_and_message_box(nora: Visit) -> None:
    page = nora.page
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the message box")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#discord-box")).to_be_focused()
    page.get_by_role("radio", name="NoraPlays").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="MadCats")).to_be_focused()
    expect(page.get_by_role("radio", name="MadCats")).to_be_checked()
    outline = page.get_by_role("radio", name="MadCats").evaluate(
        "chip => getComputedStyle(chip).outline"
    )
    assert "rgb(83, 252, 24) solid 2px" in outline


def test_narrow_screen_has_two_tabs_and_no_overflow(place: Place) -> None:
    place.discord.message("leo", "general", "W" * 300)
    place.kick.chat("leo", "M" * 300)
    with visit(place, "as=mia", viewport=PHONE) as phone:
        expect(phone.message("WWW")).to_be_visible()
        assert phone.overflowing() == []
        expect(phone.chat).to_be_hidden()
        phone.page.get_by_role("tab", name="Kick").click()
        expect(phone.chat.locator(".line", has_text="MMM")).to_be_visible()
        expect(phone.messages).to_be_hidden()
        assert phone.overflowing() == []
        phone.page.get_by_role("tab", name="Discord").click()
        phone.page.get_by_role("button", name="Show the channels").click()
        phone.open_channel("raffle")
        expect(phone.page.locator("#channel-name")).to_have_text("raffle")
        expect(phone.page.locator("#sidebar")).to_be_hidden()


def test_theme_is_dark_by_default_and_follows_the_system(nora: Visit) -> None:
    expect(nora.page.locator("body")).to_have_css("background-color", "rgb(14, 17, 22)")
    nora.page.emulate_media(color_scheme="light")
    expect(nora.page.locator("body")).to_have_css("background-color", "rgb(238, 241, 244)")
    nora.page.emulate_media(color_scheme="dark")


def test_stopped_gateway_is_shown_and_bot_returns(place: Place, mia: Visit) -> None:
    mia.page.get_by_role("button", name="Simulate problems").click()
    drawer = mia.page.get_by_role("dialog", name="Simulate problems")
    drawer.get_by_role("button", name="Kill").click()
    expect(mia.toasts).to_contain_text("Connection dropped")
    expect(drawer.get_by_text("The bot is connected.")).to_be_visible()
    mia.page.keyboard.press("Escape")
    place.discord.wait_connected()
    mia.write("/leaderboard 7")
    expect(mia.message("Top 7")).to_be_visible()


def test_typing_indicator_is_shown(place: Place, mia: Visit) -> None:
    place.discord.typing("leo", "general")
    expect(mia.page.locator("#discord-box-hint")).to_have_text("lil bean is typing…")
    place.discord.message("leo", "general", "there it is")
    expect(mia.page.locator("#discord-box-hint")).to_contain_text("for commands")
