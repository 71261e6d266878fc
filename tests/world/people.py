"""The people of a world and their actions: steps drawn from a seed before anything happens."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from core.kit.guild_settings import GuildSetting
from sandbox.people import PEOPLE
from tests.world.base import NAMESAKES, Step
from tests.world.product import FEATURES

Json = dict[str, Any]

STREAMERS = ("nora", "vera")
VIEWERS = ("mia", "leo", "yuki", "sam")
HANDLES = tuple(person.handle for person in PEOPLE)
NAMES = tuple(person.kick_name for person in PEOPLE)

ODD = (
    "KEKW", "x", "\u034f", "Ünïcödé 雪", "[emote:37226:KEKW]", "@everyone", "<@999>",
    "%s {0} {name}", "' OR 1=1 --", "<b>bold</b>", "\u202eRTL\u202c", "🎰" * 20, "  spaces  ",
    "x" * 600, "null", "🦈",
)  # fmt: skip
AMOUNTS = (
    "1", "5", "10", "50", "100", "250", "500", "1k", "1.5k", "1,234", "2 KEKW", "1 kkkk", "all",
    "half", "50%", "max", "0", "-5", "1.555k", "100 5", "٣", "12.50", "$5", "5 EUR", "1e9",
    "99999999999", "",
)  # fmt: skip
GAMES = (
    "Book of Dead", "gates of olimpus", "Razor Shark", "Sugar Rush", "Mental", "Pirots 3", "Wanted",
    "Gates of Olympus [emote:37226:KEKW]", "book  of dead", "Totally Unknown Slot", "Ｂook of Dead",
)  # fmt: skip
WHO = (
    *NAMES, "madcats", "@MadCats", "kick:madcats", "twitch:madcats", "kick:#4100003", "lil bean",
    NAMESAKES[0], f"kick:{NAMESAKES[0]}", f"twitch:{NAMESAKES[0]}", "<@310000000000000003>",
    "310000000000000004", "nobody_here", "雪Yuki", "@", "MadCats2",
)  # fmt: skip
RISKS = ("", " low", " medium", " high", " extreme")


@cache
def chat_commands() -> tuple[str, ...]:
    """Every name of every declared chat command."""
    return tuple(
        name for feature in FEATURES for command in feature.chat_commands for name in command.names
    )


SETTINGS: tuple[GuildSetting[Any], ...] = tuple(
    one for feature in FEATURES for one in feature.settings
)


class Author:
    """Draws steps.

    Args:
        commands: the slash commands, as Discord has them: path and options.
    """

    def __init__(self, seed: int, commands: Sequence[Json]) -> None:
        self._chance = random.Random(seed)
        self._commands = commands
        acts: Mapping[Callable[[], list[Step]], float] = {
            self._chat: 9, self._slash: 8, self._typed: 2, self._click: 5, self._form: 3,
            self._page: 1, self._api: 2, self._support: 4, self._stream: 1, self._wait: 6,
            self._machinery: 5, self._fault: 1, self._kill: 1.5, self._member: 1.5, self._link: 2,
            self._draw: 1, self._points: 2, self._queue: 2,
            self._vip: 2.5, self._raffle: 2, self._heist: 2.5, self._hunt: 2, self._rename: 0.5,
            self._wager: 1, self._privacy: 1, self._setting: 1.5,
        }  # fmt: skip
        self.is_modelled = self._chance.random() < 0.6
        if self.is_modelled:  # nobody may change what the model takes for granted
            acts = {act: weight for act, weight in acts.items() if act.__name__ in MODELLED}
        # Each world leans to some areas: what is rare together elsewhere is frequent here.
        self.areas = tuple(self._chance.sample(sorted(AREAS), 2))
        wanted = {name for area in self.areas for name in (*AREAS[area], *ALWAYS)}
        leaning = [weight * (3 if act.__name__ in wanted else 0.15) for act, weight in acts.items()]
        self._acts, self._weights = list(acts), leaning
        self._delays = self._chance.choice((0.0, 0.1, 0.4))
        self._is_honest = self._chance.random() < 0.3
        self._loses = 0.0 if self.is_modelled and self._chance.random() < 0.8 else 0.6

    # -- a whole life -----------------------------------------------------------------------------

    def steps(self, count: int) -> list[Step]:
        """As many, after what makes a server worth living in."""
        found = self._prologue()
        while len(found) < count:
            (act,) = self._chance.choices(self._acts, self._weights)
            new = act()
            found += new
            if new and new[-1][0] in ("kick", "twitch", "api", "form", "click", "slash", "typed"):
                found += self._arrive()
        return found[:count]

    def _prologue(self) -> list[Step]:
        found: list[Step] = []
        hours = self._chance.choice((0, 1, 12, 24, 25, 29))
        if hours:
            found.append(("wait", {"seconds": hours * 3600 + self._chance.randrange(3600)}))
        for server in STREAMERS:
            chosen = {key: value for key, value in WISHES.items() if self._chance.random() < 0.93}
            found.append(("configure", {"server": server, "values": chosen}))
            if self._chance.random() < 0.9:
                found.append(_slash(server, server, "rafflestart"))
            if self._chance.random() < 0.5:
                options = {"title": "VIP", "cost": "500", "duration": "1h"}
                found.append(_slash(server, server, "vip reward create", **options))
            found.append(_kick("live", channel=server))
            found.append(_twitch("live", channel=server))
        for person in VIEWERS[:3]:
            if self._chance.random() < 0.6:
                platform = self._chance.choice(("kick", "twitch"))
                found.append(("link", {"person": person, "server": "nora", "platform": platform}))
        for person in (*VIEWERS, "tomas"):
            if self._chance.random() < 0.8:
                found.append(self._line(person, "hello", "kick", "nora"))
            if self._chance.random() < 0.6:
                found.append(self._line(person, "hi there", "twitch", "nora"))
        found += [("deliver", {}), ("work", {"times": 20}), ("vips", {}), ("send", {})]
        for who in ("MadCats", "lil_bean", "kick:yuki_snow"):
            if self._chance.random() < 0.7:
                found.append(_slash("nora", "nora", "pointsadmin add", who=who, amount="5000"))
        return found

    def _set(self, server: str, key: str, value: str) -> Step:
        return _slash(server, server, "settings set", key=key, value=value)

    # -- what arrives -----------------------------------------------------------------------------

    def _arrive(self) -> list[Step]:
        """Mostly everything arrives and is handled at once; sometimes it waits."""
        found: list[Step] = []
        if self._chance.random() < self._delays:
            return found
        how = self._chance.choices(("once", "twice", "anew", "lost"), (20, 2, 2, self._loses))[0]
        which = None if self._chance.random() < 0.8 else self._chance.randrange(5)
        found.append(("deliver", {"which": which, "how": how}))
        if self._chance.random() > self._delays:
            found.append(("work", {"times": 8}))
        if self._chance.random() < 0.6:
            found.append(("send", {}))
        return found

    def _machinery(self) -> list[Step]:
        pick = self._chance.random()
        if pick < 0.25:
            return [("deliver", {"which": self._chance.randrange(9), "how": "once"})]
        if pick < 0.35:
            return [("feed", {"keep": self._chance.choice((0, 0, 2, 3))})]
        if pick < 0.5:
            return [("work", {"times": self._chance.choice((1, 3, 20))})]
        if pick < 0.6:
            return [("send", {})]
        if pick < 0.7:
            return [("vips", {})]
        names = [task.name for feature in FEATURES for task in feature.tasks]
        return [("task", {"name": self._chance.choice(names)})]

    def _wait(self) -> list[Step]:
        lengths = (1, 1, 2, 3, 5, 8, 20, 25, 61, 61, 130, 600, 3600, 20_000, 90_000)
        seconds = self._chance.choice(lengths) + self._chance.random()
        order = self._chance.randrange(10_000)
        return [("wait", {"seconds": round(seconds, 3), "tasks": 6, "order": order})]

    def _kill(self) -> list[Step]:
        before = self._chance.choice((0, 1, 2, 3, 5, 8, 13, 21, 40, 80))
        return [("kill", {"before": before})]

    def _fault(self) -> list[Step]:
        if self._is_honest:
            return []
        if self._chance.random() < 0.35:
            return [("mend", {})]
        name, values = self._chance.choice(FAULTS)
        return [("fault", {"name": name, "value": self._chance.choice(values)})]

    # -- people -----------------------------------------------------------------------------------

    def _server(self) -> str:
        return "nora" if self._chance.random() < 0.8 else "vera"

    def _viewer(self) -> str:
        return self._chance.choice(VIEWERS)

    def _chatter(self, platform: str) -> str:
        if self._chance.random() < 0.1:
            return NAMESAKES[1] if platform == "kick" else NAMESAKES[2]
        return self._chance.choice((*VIEWERS, *VIEWERS, "tomas", "nora", "vera"))

    def _line(self, person: str, text: str, platform: str, server: str) -> Step:
        return (platform, {"action": "chat", "person": person, "text": text, "channel": server})

    def _chat(self) -> list[Step]:
        platform = self._chance.choice(("kick", "kick", "twitch"))
        return [
            self._line(self._chatter(platform), self._words(), platform, self._server())
            for _line in range(self._chance.choice((1, 1, 1, 2, 5)))
        ]

    def _words(self) -> str:
        pick, choose = self._chance.random(), self._chance.choice
        if pick < 0.15:
            return choose((*ODD, "hello", "gg", "!", "!!", "! call x"))
        name = choose(chat_commands())
        argument = {
            "call": lambda: choose((*GAMES, *ODD)),
            "sr": lambda: choose(GAMES),
            "cancelcall": lambda: choose(("", *GAMES)),
            "guess": lambda: choose(AMOUNTS),
            "join": lambda: choose(AMOUNTS) + choose(RISKS),
            "give": lambda: f"{choose(WHO)} {choose(AMOUNTS)}",
            "buy": lambda: choose(("tickets", "priority", "vip", "", "x")) + " " + choose(AMOUNTS),
            "points": lambda: choose(("", "", *WHO, "limit 500", "break 7d", "limit off")),
            "heist": lambda: choose(("", "", "odds", "KEKW")),
        }.get(name, lambda: choose(("", "", *ODD)))()
        mark = choose(("!",) * 12 + ("！", " !", "! "))
        return f"{mark}{self._case(name)} {argument}".rstrip()

    def _case(self, name: str) -> str:
        return name if self._chance.random() < 0.9 else name.upper()

    def _slash(self) -> list[Step]:
        command = self._chance.choice(self._commands)
        server = self._server()
        person = self._chance.choice((server, server, server, "tomas", self._viewer()))
        options = {
            one["name"]: self._value(one)
            for one in command["options"]
            if one.get("required") or self._chance.random() < 0.5
        }
        given = {"person": person, "server": server, "command": command["path"]}
        return [("slash", {**given, "options": options})]

    def _typed(self) -> list[Step]:
        command, server = self._chance.choice(self._commands), self._server()
        person = self._chance.choice((server, "tomas", self._viewer()))
        words = [str(self._value(one)) for one in command["options"]]
        line = " ".join([f"!{command['path']}", *words])
        if self._chance.random() < 0.2:
            line = f"{line} {self._chance.choice(ODD)}"
        return [("typed", {"person": person, "server": server, "line": line[:1900]})]

    def _value(self, option: Json) -> Any:
        choose = self._chance.choice
        if option.get("choices"):
            return choose(option["choices"])["value"]
        if option["type"] == 4:
            least, most = option.get("min_value", 1), option.get("max_value", 50)
            return min(max(least, choose((0, 1, 1, 2, 3, 7, 60))), most)
        if option["type"] == 5:
            return choose((True, False))
        if option["type"] == 7:
            return choose(("general", "slot-calls", "raffle", "bot-log"))
        if option["type"] == 8:
            return choose(("Regular", "VIP Regular", "Moderator", "Regulars"))
        return self._text(option["name"])

    def _text(self, name: str) -> str:
        choose = self._chance.choice
        if self._chance.random() < 0.07:
            return choose(ODD)
        pools: Mapping[str, Sequence[str]] = {
            **dict.fromkeys(("who", "viewer", "person", "by", "winner", "viewers"), WHO),
            **dict.fromkeys(("amount", "loss", "payout", "bet", "start_cost", "win"), AMOUNTS),
            **dict.fromkeys(("game", "title", "slot", "alias", "what"), GAMES),
            **dict.fromkeys(("minutes", "time", "duration", "days"), TIMES),
            **dict.fromkeys(("raffle", "number", "numbers"), ("1", "2", "3", "0", "x")),
            **dict.fromkeys(("start", "end"), DATES),
            **dict.fromkeys(("start_day", "end_day"), ("1", "28", "31", "15")),
            **dict.fromkeys(("role",), ("Regular", "VIP Regular", "Moderator", "off")),
            "key": [one.key for one in SETTINGS],
            "value": ("on", "off", "1", "5", "60", "0", "general", "EUR", "x"),
            "currency": ("EUR", "USD", "BTC", "$", "JPY", "?"),
            "username": ("MiaSpins", "leo_77", "Yuki", "nobody"),
            "group": ("points", "slot_calls", "raffle", "heist", "vips", "watchtime"),
            "feature": [one.name for one in FEATURES],
            "channel": ("noraplays", "veraspins"),
        }
        return choose(pools.get(name, (*ODD, "Friday", "because", "50 1h", "5")))

    def _click(self) -> list[Step]:
        server = self._server()
        return [
            (
                "click",
                {
                    "person": self._chance.choice((server, server, "tomas", self._viewer())),
                    "server": server,
                    "message": self._chance.choice((0, 0, 0, 1, 2, self._chance.randrange(20))),
                    "component": self._chance.randrange(12),
                    "words": self._some(3),
                },
            )
        ]

    def _some(self, count: int) -> list[str]:
        pools = (AMOUNTS, AMOUNTS, WHO, GAMES, TIMES, ODD, ("on", "off", "1", "general"))
        return [self._chance.choice(self._chance.choice(pools)) for _word in range(count)]

    def _form(self) -> list[Step]:
        server = self._server()
        return [
            (
                "form",
                {
                    "person": self._chance.choice((server, server, server, self._viewer())),
                    "server": server,
                    "which": self._chance.randrange(1000),
                    "number": self._chance.randrange(60),
                    "words": self._some(4),
                },
            )
        ]

    def _page(self) -> list[Step]:
        given = {"which": self._chance.randrange(1000), "number": self._chance.randrange(9)}
        person = self._chance.choice(("", "nora", "tomas", self._viewer()))
        return [("page", {"person": person, "server": self._server(), **given})]

    def _api(self) -> list[Step]:
        given = {"which": self._chance.randrange(1000), "number": self._chance.randrange(60)}
        return [("api", {"server": self._server(), **given, "words": self._some(3)})]

    # -- money ------------------------------------------------------------------------------------

    def _support(self) -> list[Step]:
        server, choose = self._server(), self._chance.choice
        people = self._chance.sample(VIEWERS, self._chance.randrange(1, 4))
        giver = choose((self._viewer(), None))
        person = {"person": giver} if giver else {}
        found: Step = choose(
            (
                _kick("gift", **person, giftees=people, count=choose((0, 0, 3, 30))),
                _kick("subscribe", person=self._viewer()),
                _kick("renew", person=self._viewer(), months=choose((2, 5))),
                _kick("kicks", person=self._viewer(), amount=choose((1, 50, 100, 999))),
                _kick("follow", person=self._viewer()),
                _kick("redeem", person=self._viewer(), reward="Hydrate"),
                _kick("ban", person=self._viewer(), minutes=choose((None, 5))),
                _kick("unban", person=self._viewer()),
                _kick("gift", person=self._viewer(), giftees=people, count=30),
                _kick("gift", person=self._viewer(), giftees=people, count=26),
                _kick("gift", person=self._viewer(), giftees=people),
                _twitch("gift", **person, giftees=people, tier=choose(TIERS)),
                _twitch("subscribe", person=self._viewer(), tier=choose(TIERS)),
                _twitch("renew", person=self._viewer(), months=choose((2, 9))),
                _twitch("unsubscribe", person=self._viewer()),
                _twitch("cheer", person=self._viewer(), bits=choose((1, 50, 1000))),
                _twitch("raid", person=self._viewer(), viewers=choose((1, 2, 50))),
                _twitch("ban", person=self._viewer()),
            )
        )  # fmt: skip
        if found[1].get("minutes", 0) is None:
            found[1].pop("minutes")
        found[1]["channel"] = server
        return [found]

    def _stream(self) -> list[Step]:
        platform = self._chance.choice(("kick", "twitch"))
        action = self._chance.choice(("live", "offline", "metadata"))
        title = {"title": self._chance.choice(ODD)} if action == "metadata" else {}
        return [(platform, {"action": action, "channel": self._server(), **title})]

    def _wager(self) -> list[Step]:
        name, amount = (
            self._chance.choice(("MiaSpins", "leo_77")),
            self._chance.choice(("5", "500")),
        )
        linking = _slash("mia", "nora", "linkshuffle", username="MiaSpins")
        return [linking, ("wager", {"username": name, "amount": amount})]

    def _vip(self) -> list[Step]:
        server, choose = self._server(), self._chance.choice
        who = choose(("twitch:MadCats", "twitch:lil_bean", "MadCats", *WHO[:5]))
        found: Sequence[list[Step]] = (
                [_twitch("redeem", person=self._viewer(), title="VIP", channel=server),
                 *self._arrive(), ("vips", {})],
                [_twitch("vip", person=self._viewer(), channel=server)],
                [_twitch("vip", person=self._viewer(), ends=True, channel=server)],
                [_twitch("moderator", person=self._viewer(), channel=server,
                             ends=choose((True, False)))],
                [_twitch("slots", count=choose((0, 1, 2, 10)), channel=server)],
                [_twitch("delete_reward", title="VIP", channel=server)],
                [_twitch("redeem", person=self._viewer(), title="VIP", channel=server),
                 ("decide", {"server": server, "number": 0,
                             "status": choose(("CANCELED", "FULFILLED"))})],
                [_slash(server, server, "vip give", viewer=who, duration=choose(TIMES)),
                 ("vips", {})],
                [_slash(server, server, "vip remove", viewer=who), ("vips", {})],
            [_slash(server, server, "vip adopt", viewer=who, duration="2h"), ("vips", {})],
                [self._line(self._viewer(), "!buy vip 1", "twitch", server),
                 *self._arrive(), ("vips", {})],
                [("vips", {})],
        )  # fmt: skip
        return choose(found)

    def _raffle(self) -> list[Step]:
        server, choose = self._server(), self._chance.choice
        path, options = choose(
            (
                ("raffleend", {}), ("raffledraw", {}), ("raffledraw", {"without_beacon": True}),
                ("rafflecancel", {}), ("rafflestart", {}), ("rafflerestart", {}),
                ("rafflegive", {"who": choose(WHO), "amount": choose(("1", "5", "50"))}),
                ("rafflevoid", {"who": choose(WHO)}),
                ("raffleexclude add", {"viewer": choose(WHO)}),
                ("raffledelivered", {"winner": choose(WHO)}),
            )
        )  # fmt: skip
        done: list[Step] = [_slash(server, server, path, **options)]
        press = {"person": server, "server": server, "message": 0, "component": 0, "words": ["5"]}
        if self._chance.random() < 0.8:
            done.append(("click", press))
        if self._chance.random() < 0.6:
            done.append(("task", {"name": "raffle.draw"}))
        return done

    def _draw(self) -> list[Step]:
        """From tickets to the winner."""
        server, choose = self._server(), self._chance.choice
        press = {"person": server, "server": server, "message": 0, "component": 0, "words": ["5"]}
        steps: list[Step] = [
            _slash(server, server, "rafflegive", who=choose(WHO[:7]), amount="5"),
            _slash(server, server, "rafflegive", who=choose(WHO[:7]), amount="3"),
            _slash(server, server, "raffleend"),
            ("click", press),
            _slash(server, server, "raffledraw"),
            ("click", press),
            ("send", {}),
            ("task", {"name": "raffle.draw"}),
            ("send", {}),
            ("wait", {"seconds": float(choose((5, 8, 320))), "tasks": 2, "order": 1}),
            ("task", {"name": "raffle.draw"}),
            ("send", {}),
            ("work", {"times": 5}),
            ("task", {"name": "raffle.draw"}),
            ("send", {}),
        ]
        if self._chance.random() < 0.4:
            steps.insert(7, choose((*self._link(), ("kill", {"before": choose((2, 5, 9, 20))}))))
        return steps

    def _points(self) -> list[Step]:
        server, choose = "nora", self._chance.choice
        platform = choose(("kick", "twitch"))
        text = choose(
            (
                f"!give {choose(WHO[:5])} {choose(AMOUNTS)}",
                f"!buy {choose(('tickets', 'priority', 'vip'))} {choose(AMOUNTS[:4])}",
                f"!join {choose(AMOUNTS)}{choose(RISKS)}",
                f"!guess {choose(AMOUNTS)}",
            )
        )
        steps = [self._line(self._viewer(), text, platform, server)]
        if self._chance.random() < 0.3:  # the platform stalls
            seconds = float(choose((15, 70, 130, 400)))
            steps.append(("wait", {"seconds": seconds, "tasks": 1, "order": 2}))
        return [*steps, ("deliver", {}), ("work", {"times": 8})]

    def _queue(self) -> list[Step]:
        server, choose = "nora", self._chance.choice
        platform = choose(("kick", "kick", "twitch"))
        if self._chance.random() < 0.25:
            return [_slash(server, server, "games ban", title=choose(GAMES[:5]))]
        if self._chance.random() < 0.15:
            return [("unsay", {"number": self._chance.randrange(4)}), ("send", {})]
        text = f"!{choose(('call', 'sr'))} {choose((*GAMES, *GAMES, *ODD))}"
        return [self._line(self._viewer(), text, platform, server), *self._arrive()]

    def _heist(self) -> list[Step]:
        server, platform = self._server(), self._chance.choice(("kick", "twitch"))
        steps = [self._line(self._viewer(), "!heist", platform, server)]
        for _player in range(self._chance.randrange(1, 4)):
            text = f"!join {self._chance.choice(AMOUNTS[:10])}{self._chance.choice(RISKS)}"
            steps.append(self._line(self._viewer(), text, platform, server))
        if self._chance.random() < 0.25:  # the platform stalls
            seconds = float(self._chance.choice((12, 25, 125, 300)))
            steps.insert(1, ("wait", {"seconds": seconds, "tasks": 1, "order": 3}))
        steps += [("deliver", {}), ("work", {"times": 8}), ("task", {"name": "heist.run"})]
        if self._chance.random() < 0.7:
            steps.append(
                ("wait", {"seconds": 23.0, "tasks": 3, "order": self._chance.randrange(99)})
            )
            steps += [("task", {"name": "heist.run"})]
        if self._chance.random() < 0.3 and not self._is_honest:
            steps.append(("fault", {"name": "drand.down", "value": True}))
        if self._chance.random() < 0.7:
            steps.append(
                ("wait", {"seconds": 8.0, "tasks": 3, "order": self._chance.randrange(99)})
            )
            steps += [("task", {"name": "heist.run"})]
        return steps

    def _hunt(self) -> list[Step]:
        """A hunt from its beginning to its end, in which something may be left out or undone."""
        server, choose = self._server(), self._chance.choice
        guesses = [
            self._line(who, f"!guess {choose(AMOUNTS[:12])}", choose(("kick", "twitch")), server)
            for who in self._chance.sample(VIEWERS, 3)
        ]
        life: list[list[Step]] = [
            [_slash(server, server, "hunt start", name="Friday", start_cost=choose(AMOUNTS[:7]))],
            [_slash(server, server, "hunt add", game=choose(GAMES[:7]), bet=choose(("1", "0.40")))],
            [_slash(server, server, "hunt add", game=choose(GAMES[:7]), bet="2", by=choose(WHO))],
            [_slash(server, server, "hunt guesses", what="open")],
            [*guesses, ("deliver", {}), ("work", {"times": 8})],
            [_slash(server, server, "hunt open")],
            [_slash(server, server, "hunt result", payout=choose(("25", *AMOUNTS[:9])))],
            [_slash(server, server, choose(("hunt undo", "hunt skip", "hunt undo", "hunt show")))],
            [_slash(server, server, choose(("hunt guesses", "hunt stats")), **{})],
            [_slash(server, server, "hunt result", payout=choose(("3", *AMOUNTS[:9])))],
            [_slash(server, server, "hunt result", payout="7")],
            [_slash(server, server, "hunt finish")],
            [_slash(server, server, choose(("hunt reopen", "hunt history")))],
        ]
        life[8] = [_slash(server, server, "hunt guesses", what=choose(("open", "close")))]
        return [step for part in life if self._chance.random() < 0.92 for step in part]

    # -- who is who -------------------------------------------------------------------------------

    def _link(self) -> list[Step]:
        platform, person, server = self._chance.choice(("kick", "twitch")), self._viewer(), "nora"
        if self._chance.random() < 0.3:
            return [_slash(person, server, "unlink", platform=platform)]
        account = person if self._chance.random() < 0.9 else self._viewer()
        given = {"platform": platform, "account": account}
        return [("link", {"person": person, "server": server, **given})]

    def _rename(self) -> list[Step]:
        platform, person = self._chance.choice(("kick", "twitch")), self._viewer()
        name = self._chance.choice((f"{person}_new", "MadCats", "雪Yuki", NAMES[3], "New_Name"))
        return [(platform, {"action": "rename", "person": person, "name": name})]

    def _member(self) -> list[Step]:
        person, server = self._chance.choice((*VIEWERS, "tomas")), self._server()
        change: Json = self._chance.choice(
            ({"join": True}, {"join": True}, {"leave": True}, {"ban": True}, {"ban": False},
             {"dms_open": False}, {"dms_open": True}, {"nick": self._chance.choice(ODD)[:30]},
             {"roles": ["Regular"]}, {"roles": []})
        )  # fmt: skip
        found: list[Step] = [("member", {"person": person, "server": server, **change})]
        if self._chance.random() < 0.15 and not self._is_honest:
            action, given = self._chance.choice(
                (
                    ("bot_access", {"channel": "raffle", "access": "none"}),
                    ("bot_access", {"channel": "slot-calls", "access": "read"}),
                    ("bot_access", {"channel": "raffle", "access": "full"}),
                    ("role", {"name": "Regular", "permissions": ["MANAGE_GUILD"]}),
                    ("role", {"name": "Regular", "permissions": 0}),
                )
            )
            found.append(("guild", {"action": action, "server": server, **given}))
        return found

    def _privacy(self) -> list[Step]:
        person, server = self._viewer(), "nora"
        press = {"person": person, "server": server, "message": 0, "component": 0, "words": ["x"]}
        return self._chance.choice(
            (
                [_slash(person, server, "hideme", hide=True)],
                [_slash(person, server, "hideme", hide=False)],
                [_slash(person, server, "forgetme"), ("click", press)],
                [_slash("nora", server, "exclude add", who=self._chance.choice(WHO),
                        scope=self._chance.choice(("everything", "raffle", "watchtime")))],
                [_slash("nora", server, "exclude remove", who=self._chance.choice(WHO))],
            )
        )  # fmt: skip

    def _setting(self) -> list[Step]:
        server, one = self._server(), self._chance.choice(SETTINGS)
        return [self._set(server, one.key, self._fitting(one))]

    def _fitting(self, one: GuildSetting[Any]) -> str:
        choose = self._chance.choice
        if one.choices:
            return choose(one.choices)
        if one.kind is bool:
            return choose(("on", "on", "off"))
        if one.of == "channel":
            return choose(("general", "raffle", "bot-log", "none"))
        if one.of == "role":
            return choose(("Regular", "none"))
        if one.of == "time_zone":
            return choose(("Europe/Madrid", "UTC", "Asia/Tokyo", "America/New_York"))
        if one.kind is int:
            least, most = one.minimum or 0, one.maximum if one.maximum is not None else 10**6
            return str(min(max(choose((0, 1, 2, 5, 60, 500)), least), most))
        return choose(("x", "EUR", "{viewer}", *ODD[:6]))


AREAS: Mapping[str, tuple[str, ...]] = {
    "commands": ("_slash", "_typed", "_click", "_privacy"),
    "web": ("_form", "_page", "_api", "_setting"),
    "support": ("_support", "_stream"),
    "heist": ("_heist",),
    "hunt": ("_hunt",),
    "raffle": ("_raffle", "_draw"),
    "vip": ("_vip",),
    "people": ("_link", "_rename", "_privacy", "_member"),
    "points": ("_points", "_heist"),
    "queue": ("_queue",),
}
"""What worlds lean to."""

ALWAYS = ("_chat", "_wait", "_machinery", "_fault", "_kill")

MODELLED = {
    *("_chat", "_support", "_stream", "_wait", "_machinery", "_fault", "_kill", "_link", "_vip"),
    *("_raffle", "_heist", "_hunt", "_rename", "_wager", "_page", "_draw", "_points", "_queue"),
}

WISHES: Json = {
    "points.enabled": True,
    "slot_calls.channel": "slot-calls",
    "slot_calls.cooldown_seconds": 0,
    "raffle.channel": "raffle",
    "heist.channel": "general",
    "heist.start_heist_cooldown": 5,
    "heist.user_cooldown": 0,
    "heist.heist_duration": 20,
    "points.gift_hours": 0,
    "points.vips_day_price": 50,
    "points.raffle_tickets_for_all": True,
    "vips.log_channel": "bot-log",
}
"""With these more happens in an hour."""

TIERS = ("1000", "2000", "3000")
TIMES = ("5", "10m", "1h", "2h 30m", "1d", "-10m", "0", "60", "1h", "x", "1.5h")
DATES = ("2026-05-01", "2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01", "31.05.2026", "x")

FAULTS: Sequence[tuple[str, Sequence[Any]]] = (
    ("kick.body.gift_echo", (True,)),
    ("kick.body.giftee_without_id", (1, 3)),
    ("kick.body.gift_chunk", (1, 2)),
    ("kick.api.500", (1, 5)),
    ("kick.api.429", (1, 3)),
    ("kick.api.401", (1,)),
    ("kick.api.cloudflare_403", (1,)),
    ("kick.chat.is_sent_false", (1,)),
    ("kick.chat.lost_reply", (1, 2)),
    ("kick.chat.quota", (1,)),
    ("kick.key.unavailable", (True,)),
    ("kick.feed.old_names", ("both", "only")),
    ("kick.feed.gift_bundle", (True,)),
    ("twitch.api.500", (1, 6)),
    ("twitch.api.429", (1, 3)),
    ("twitch.api.401", (1,)),
    ("twitch.api.403", (1, 4)),
    ("twitch.api.lost_answer", (1, 2)),
    ("twitch.api.malformed", (1,)),
    ("twitch.chat.is_sent_false", (1,)),
    ("twitch.event.duplicate", (1, 3)),
    ("twitch.event.duplicate_new_id", (1, 3)),
    ("twitch.event.drop", (1,)),
    ("discord.rest.500", (1, 2)),
    ("discord.rest.503", (1, 2)),
    ("discord.rest.429", (1,)),
    ("discord.rest.late_500", (1,)),
    ("discord.rest.lost_answer", (1, 2)),
    ("discord.rest.missing_permission", (1,)),
    ("drand.down", (True,)),
    ("drand.late_s", (30,)),
    ("drand.wrong_signature", (True,)),
    ("shuffle.down", (True,)),
    ("shuffle.zeroes", (True,)),
    ("shuffle.leaves_out", ("MiaSpins",)),
)
"""Faults of the vendors, and values."""


def _kick(action: str, **given: Any) -> Step:
    return "kick", {"action": action, **given}


def _twitch(action: str, **given: Any) -> Step:
    return "twitch", {"action": action, **given}


def _slash(person: str, server: str, command: str, **options: Any) -> Step:
    given = {"person": person, "server": server, "command": command, "options": options}
    return ("slash", given)
