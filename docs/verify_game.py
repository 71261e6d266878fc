"""Repeats a game's rolls, such as those of a heist, from its proof file alone.

    python3 verify_game.py heist-12.json --online --seen COMMITMENT LIST_HASH

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
from datetime import datetime
from pathlib import Path

RULE = "68efc80d09dc82b6cffee0f6fa5fcfe43c3c9f468b2a7b1f6b7bf71fe9b197f7"  # SHA-256 of its text
QUICKNET = {  # the public beacon, as its address /info describes it
    "hash": "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "public_key": "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
    "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
    "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    "genesis_time": 1692803367,
    "period": 3,
    "schemeID": "bls-unchained-g1-rfc9380",
}
MIN_DELAY_SECONDS = 6  # seconds between the freeze and the round of a game
UNIT = 10000
HEADER = re.compile(
    r"regulars game 1\nserver [0-9a-f]{16}\ngame (?P<game>[a-z_]+) (?P<number>[1-9][0-9]*)\n"
    r"opened [0-9-]{10}T[0-9:]{8}Z\ncommitment (?P<commitment>[0-9a-f]{64})\n"
    r"frozen (?P<frozen>[0-9-]{10}T[0-9:]{8}Z)\n"
    r"beacon (?P<chain>(other:)?[0-9a-f]{64}) (?P<round>[1-9][0-9]*)\n"
    r"total (?P<players>[0-9]+) (?P<stakes>[0-9]+)\n"
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
    parts = ["beacon", "format", "results", "rule", "seed", "snapshot", "snapshot_sha256"]
    need(list(bundle) == parts, "this is not a proof file of a game")
    need(bundle["format"] == "regulars game 1", "this proof file has a different version")
    need(sha256(bundle["rule"].encode()) == RULE, "it has a different rule")
    return bundle


def read_snapshot(snapshot):
    """The terms of the game, and each player's stake, chance, lowest, highest and bonus."""
    terms = HEADER.match(snapshot)
    need(terms, "the first lines of the list are malformed")
    rows = snapshot[terms.end() :].split("\n")[:-1]
    well = re.compile(r"[0-9a-f]{40} [1-9][0-9]*( (0|[1-9][0-9]*)){4}")
    need(all(well.fullmatch(row) for row in rows), "a line of the list is malformed")
    crew = [(name, list(map(int, bet))) for name, *bet in (row.split(" ") for row in rows)]
    need(all(a[0] < b[0] for a, b in zip(crew, crew[1:])), "the list is not in order")
    sums = f"total {len(crew)} {sum(bet[0] for _, bet in crew)}\n"
    need(terms[0].endswith(sums), "the sums are wrong")
    return terms, crew


def roll(seed, message, k, total):
    """A number below total, each equally likely."""
    for counter in itertools.count():
        turn = k.to_bytes(4, "big") + counter.to_bytes(4, "big")
        number = int.from_bytes(hmac.new(seed, message + turn, "sha256").digest(), "big")
        if number < 2**256 - 2**256 % total:
            break
    return number % total


def result(seed, message, place, bet):
    """Whether a player wins, the multiplier, and the payout."""
    stake, chance, lowest, highest, bonus = bet
    if roll(seed, message, 2 * place - 1, UNIT) >= chance:
        return False, 0, 0
    multiplier = lowest + roll(seed, message, 2 * place, highest - lowest + 1)
    return True, multiplier, stake + stake * (multiplier - UNIT) * bonus // UNIT**2


def check_round(terms):
    """Whether the rule demands this round of quicknet."""
    frozen = datetime.fromisoformat(terms["frozen"].replace("Z", "+00:00")).timestamp()
    since = frozen + MIN_DELAY_SECONDS - QUICKNET["genesis_time"]
    demanded = int(-(-since // QUICKNET["period"])) + 1
    need(int(terms["round"]) == demanded, f"the rule requires round {demanded}")


def verify(raw, say=str):
    """Check everything in the file; an exception says what is wrong. Returns the bundle, and what
    of it was posted in Discord."""
    bundle = read(raw)
    snapshot = "\n".join(bundle["snapshot"]) + "\n"
    terms, crew = read_snapshot(snapshot)
    say(f"1. The proof file is complete and valid. Its rule:\n   {bundle['rule']}")
    list_hash, seed = sha256(snapshot.encode("ascii")), bytes.fromhex(bundle["seed"])
    need(list_hash == bundle["snapshot_sha256"], "the list does not match its hash")
    say(f"2. {terms['players']} players, {terms['stakes']} points, frozen {terms['frozen']}:")
    say(f"   {list_hash}")
    as_promised = (seed.hex(), sha256(seed)) == (bundle["seed"], terms["commitment"])
    need(as_promised, "the seed is not the promised one")
    say(f"3. The seed matches the hash posted at the opening:\n   {terms['commitment']}")
    beacon = bundle["beacon"]
    number = hashlib.sha256(bytes.fromhex(beacon["signature"])).digest()
    promised = {"chain": terms["chain"], "round": int(terms["round"]), "randomness": number.hex()}
    signed = {"signature": beacon["signature"].lower()}
    need(beacon == {**promised, **signed}, "the beacon's number is not the promised one")
    if beacon["chain"] == QUICKNET["hash"]:
        check_round(terms)
        say(f"4. The random number is from round {beacon['round']}, published after the freeze")
    else:
        say("4. The random number is from a beacon that is NOT THE PUBLIC ONE")
    message = bytes.fromhex(list_hash) + number
    need(len(bundle["results"]) == len(crew), "results are missing, or too many")
    for place, ((name, bet), told) in enumerate(zip(crew, bundle["results"]), 1):
        keys = ["account", "multiplier", "payout", "pseudonym", "secret", "won"]
        need(list(told) == keys and told["pseudonym"] == name, f"player {place} is malformed")
        found = (told["won"], told["multiplier"], told["payout"])
        expected = result(seed, message, place, bet)
        need(found == expected, f"by the rule, player {place} has {expected}")
        if told["account"] is not None:
            own = sha256(f"{told['secret']} {told['account']}".encode())[:40]
            need(own == name, f"player {place} was replaced by another")
        who = told["account"] or name
        say(f"5. {who}: {bet[0]} -> {told['payout']}")
    return bundle, (terms["commitment"], list_hash)


def ask_beacon(beacon):
    """Compare with the public beacon itself: its facts, and its signature of the round."""
    address = f"https://api.drand.sh/{QUICKNET['hash']}"
    info = json.load(urllib.request.urlopen(f"{address}/info", timeout=20))
    need({**info, **QUICKNET} == info, "the beacon describes itself differently")
    url = f"{address}/public/{beacon['round']}"
    said = json.load(urllib.request.urlopen(url, timeout=20))["signature"]
    need(said == beacon["signature"], "the public beacon has a different number")


def main():
    options = argparse.ArgumentParser(description="Repeats the rolls of a game.")
    options.add_argument("bundle", type=Path, help="the proof file from the game's page")
    options.add_argument("--seen", nargs="+", default=[], help="what was posted in Discord")
    options.add_argument("--online", action="store_true", help="ask https://api.drand.sh, too")
    given = options.parse_args()
    try:
        bundle, posted = verify(given.bundle.read_bytes(), print)
        need(set(given.seen) <= set(posted), "this differs from what was posted in Discord")
        unchecked = []
        if bundle["beacon"]["chain"] != QUICKNET["hash"]:
            unchecked.append("anything about the random number: WITHOUT THE PUBLIC BEACON")
        elif given.online:
            ask_beacon(bundle["beacon"])
        else:
            unchecked.append("whether the number is the beacon's (--online)")
        if not set(posted) <= set(given.seen):
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
