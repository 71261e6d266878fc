"""Repeats a raffle's draw from its proof file alone, and checks everything that was promised.

    python3 verify_draw.py bundle.json --online --seen COMMITMENT LIST_HASH [CLAIMANT ...]
    python3 verify_draw.py pick.json --online --seen SEED LIST --notice 15    # a slot request

--seen compares with what was posted in Discord, --online with the public beacon itself. Needs
Python 3.8 or newer and nothing else. Exit code 0: all is as promised; 1: something is not;
2: nothing is wrong, but not everything was checked.
"""

import argparse
import hashlib
import hmac
import itertools
import json
import re
import urllib.request
from bisect import bisect_right
from datetime import datetime, timezone
from pathlib import Path

RULE = "4aacd89740630e4f5d11f573fbcd52f43f3ea02c49a98f79598c909df8af19b8"  # SHA-256 of its text
QUICKNET = {  # the public beacon, as its address /info describes it
    "hash": "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "public_key": "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
    "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
    "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    "genesis_time": 1692803367,
    "period": 3,
    "schemeID": "bls-unchained-g1-rfc9380",
}
MIN_DELAY_SECONDS = 300  # seconds between the freeze and the round of a raffle
HEADER = re.compile(
    r"(?P<format>regulars draw (2|(?P<three>3)))\nserver [0-9a-f]{16}\n"
    r"period [1-9][0-9]* \S+Z \S+Z\nprize \".*\"\nwinners (?P<winners>[1-9][0-9]*)\n"
    r"(?(three)claim (?P<claim>[1-9][0-9]*)\n)commitment (?P<commitment>[0-9a-f]{64})\n"
    r"announced (none|(?P<planned>\S+Z) (?P<planned_chain>(other:)?[0-9a-f]{64}) "
    r"(?P<planned_round>[1-9][0-9]*))\n(?(three)previous (?P<before>none|[1-9][0-9]* [0-9a-f]{64})"
    r"\n)frozen (?P<frozen>[0-9-]{10}T[0-9:]{8}Z)\n"
    r"beacon (none|(?P<chain>(other:)?[0-9a-f]{64}) (?P<round>[1-9][0-9]*))\n"
    r"total (?P<entrants>[0-9]+) (?P<tickets>[0-9]+)\n"
)


def need(true, complaint):
    if not true:
        raise ValueError(complaint)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def read(raw):
    """The proof file, if it is written in the only way in which the bot writes one."""
    bundle = json.loads(raw.decode("ascii"))
    need(canonical(bundle) + b"\n" == raw, "the file was changed, or not written by the bot")
    parts = ["beacon", "format", "picks", "picks_sha256", "rule", "seed", "snapshot"]
    need(list(bundle) == [*parts, "snapshot_sha256"], "this is not a proof file")
    need(sha256(bundle["rule"].encode()) == RULE, "it has a different rule")
    need(sha256(canonical(bundle["picks"])) == bundle["picks_sha256"], "the winners were changed")
    return bundle


def read_snapshot(snapshot):
    """The terms of the draw, the list, and who may claim for each line."""
    terms = HEADER.match(snapshot)
    need(terms, "the first lines of the list are malformed")
    ends = " [0-9a-f]{32}\n" if terms["claim"] else "\n"
    rows = re.fullmatch(f"(?:[0-9a-f]{{40}} [1-9][0-9]*{ends})*", snapshot[terms.end() :])
    need(rows, "a line of the list is malformed")
    rows = [row.split() for row in rows[0].splitlines()]
    pool = [(row[0], int(row[1])) for row in rows]
    need(all(a[0] < b[0] for a, b in zip(pool, pool[1:])), "the list is not in order")
    sums = f"total {len(pool)} {sum(tickets for _, tickets in pool)}\n"
    need(terms[0].endswith(sums), "the sums are wrong")
    return terms, pool, {row[0]: row[2] for row in rows if len(row) == 3}


def draw(seed, snapshot_hash, randomness, pool):
    """Everybody in the order in which they are drawn."""
    pool, message = list(pool), bytes.fromhex(snapshot_hash) + randomness
    for k in range(1, len(pool) + 1):
        ends = list(itertools.accumulate(tickets for _, tickets in pool))
        for counter in itertools.count():
            turn = k.to_bytes(4, "big") + counter.to_bytes(4, "big")
            number = int.from_bytes(hmac.new(seed, message + turn, "sha256").digest(), "big")
            if number < 2**256 - 2**256 % ends[-1]:
                break
        yield pool.pop(bisect_right(ends, number % ends[-1]))[0]


def at(instant):
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


def published(number):
    """When quicknet publishes a round, in seconds since 1970."""
    return QUICKNET["genesis_time"] + QUICKNET["period"] * (number - 1)


def check_round(terms, ahead):
    """Whether the rule demands this round of quicknet; says when it was published, and why it."""
    number, frozen = int(terms["round"]), at(terms["frozen"])
    when = datetime.fromtimestamp(published(number), timezone.utc)
    late = f"round {number} was published {when}, not {ahead} seconds after the freeze"
    need(published(number) - frozen >= ahead, late)
    demanded = int(-((QUICKNET["genesis_time"] - frozen - ahead) // QUICKNET["period"])) + 1
    why = f"the first {ahead} seconds after the freeze"
    if terms["planned_chain"] == terms["chain"]:
        announced = int(terms["planned_round"])
        if at(terms["planned"]) <= frozen <= published(announced) - ahead:
            demanded, why = announced, "the announced one"
        else:
            why += f"; ANNOUNCED WAS {announced}, for a freeze at {terms['planned']}"
    need(number == demanded, f"the rule requires round {demanded}")
    return f"published {when}: {why}"


def check_pick(pick, k, expected, claimant, minutes):
    parts = ["account", "claimant", "k", "pseudonym", "reason", "result", "secret"]
    parts += ["since", "until"] if minutes else []
    need(list(pick) == parts and pick["k"] == k, f"winner {k} is malformed")
    need(pick["pseudonym"] == expected, f"by the rule, winner {k} is {expected}")
    results = ("skipped",) if pick["reason"] else ("won", "waiting", "expired")
    need(pick["result"] in results, f"the result of winner {k} is unknown")
    need(pick["reason"] in (None, "banned", "excluded", "unlinked", "won_already"), "why skipped?")
    code = str(pick["claimant"])
    need(pick["reason"] or re.fullmatch("[0-9a-f]{16,32}", code), "who may claim?")
    if minutes and pick["result"] == "expired":
        had = at(pick["until"]) - at(pick["since"])
        need(had >= 60 * int(minutes), f"winner {k} had only {had:.0f} seconds to claim")
    shown = pick["account"] or "the account is not shown"
    if (pick["account"], pick["secret"]) != (None, None):
        account = sha256(f"{pick['secret']} {pick['account']}".encode())[:40]
        need(account == expected and not pick["reason"], f"winner {k} was replaced by another")
    need(pick["reason"] or claimant in (None, code), f"prize {k} may be claimed by another member")
    return f" ({shown})" if pick["reason"] else f", claimant {code} ({shown})"


def verify(raw, say=str, ahead=MIN_DELAY_SECONDS):
    """Check everything in the file; an exception says what is wrong. Returns the bundle, and what
    of it was posted in Discord."""
    bundle = read(raw)
    snapshot = "\n".join(bundle["snapshot"]) + "\n"
    terms, pool, claimants = read_snapshot(snapshot)
    need(bundle["format"] == terms["format"], "this proof file has a different version")
    say(f"1. The proof file is complete and valid. Its rule:\n   {bundle['rule']}")
    snapshot_hash, seed = sha256(snapshot.encode("ascii")), bytes.fromhex(bundle["seed"])
    need(snapshot_hash == bundle["snapshot_sha256"], "the list does not match its hash")
    say(f"2. {terms['entrants']} entrants, {terms['tickets']} tickets, frozen {terms['frozen']}:")
    say(f"   {snapshot_hash}")
    if terms["claim"]:
        say(f"   {terms['claim']} min to claim; frozen before it: {terms['before']}")
    need(
        (seed.hex(), sha256(seed)) == (bundle["seed"], terms["commitment"]),
        "the seed is not the promised one",
    )
    say(f"3. The seed matches the hash posted at the opening:\n   {terms['commitment']}")
    randomness, beacon = bytes(32), bundle["beacon"]
    if beacon is None:
        say(f"4. WITHOUT THE PUBLIC BEACON: the bot's owner could know it ({terms['round']})")
    else:
        promised = {"chain": terms["chain"], "round": int(terms["round"] or 0)}
        randomness = hashlib.sha256(bytes.fromhex(beacon["signature"])).digest()
        signed = {"randomness": randomness.hex(), "signature": beacon["signature"].lower()}
        need(beacon == {**promised, **signed}, "the beacon's number is not the promised one")
        public = beacon["chain"] == QUICKNET["hash"]
        when = check_round(terms, ahead) if public else "of a beacon that is NOT THE PUBLIC ONE"
        say(f"4. The random number is from the promised round {beacon['round']}, {when}")
    order = draw(seed, snapshot_hash, randomness, pool)
    alive, wanted, picks = 0, int(terms["winners"]), bundle["picks"]
    for k, (pick, expected) in enumerate(zip(picks, order), 1):
        need(alive < wanted, "too many winners were drawn")
        shown = check_pick(pick, k, expected, claimants.get(expected), terms["claim"])
        alive += pick["result"] in ("won", "waiting")
        say(f"5. Winner {k}: {expected}, {pick['reason'] or pick['result']}{shown}")
    left = len(pool) - len(picks)
    need(left == 0 or (left > 0 and alive == wanted), "too few or too many winners were drawn")
    posted = (snapshot_hash, terms["commitment"], *(p["claimant"] for p in picks if p["claimant"]))
    return bundle, posted


def ask_beacon(beacon):
    """Compare with the public beacon itself: its facts, and its signature of the round."""
    address = f"https://api.drand.sh/{QUICKNET['hash']}"
    info = json.load(urllib.request.urlopen(f"{address}/info", timeout=20))
    need({**info, **QUICKNET} == info, "the beacon describes itself differently")
    url = f"{address}/public/{beacon['round']}"
    said = json.load(urllib.request.urlopen(url, timeout=20))["signature"]
    need(said == beacon["signature"], "the public beacon has a different number")


def main():
    options = argparse.ArgumentParser(description="Repeats a raffle's draw.")
    options.add_argument("bundle", type=Path, help="the proof file from the draw's page")
    options.add_argument("--seen", nargs="+", default=[], help="what was posted in Discord")
    options.add_argument("--online", action="store_true", help="ask https://api.drand.sh, too")
    options.add_argument(
        "--notice", type=int, default=MIN_DELAY_SECONDS, help="seconds before the round"
    )
    given = options.parse_args()
    try:
        bundle, posted = verify(given.bundle.read_bytes(), print, given.notice)
        need(set(given.seen) <= set(posted), "this differs from what was posted in Discord")
        beacon, unchecked = bundle["beacon"], []
        need(beacon or "beacon none" in bundle["snapshot"], "a round was promised, but not used")
        if not beacon or beacon["chain"] != QUICKNET["hash"]:
            unchecked.append("anything about the random number: WITHOUT THE PUBLIC BEACON")
        elif given.online:
            ask_beacon(beacon)
        else:
            unchecked.append("whether the number is the beacon's (--online)")
        if not set(posted[:2]) <= set(given.seen):
            unchecked.append("whether both hashes are those posted in Discord (--seen)")
        if unchecked:
            return print("Nothing is wrong, but this was not checked:", *unchecked, sep="\n- ") or 2
        return print("All is as promised: this is the only possible result.")
    except OSError as error:
        return print(f"COULD NOT CHECK: {error}.") or 2
    except Exception as error:
        return print(f"NOT AS PROMISED: {error}.") or 1


if __name__ == "__main__":
    raise SystemExit(main())
