"""The games that every server starts with: well-known slots by provider."""

from core.games.rules import Game

_TITLES = {
    "Pragmatic Play": """
        5 Lions Megaways; Aztec Gems; Big Bass Amazon Xtreme; Big Bass Bonanza; Big Bass Bonanza
        Megaways; Big Bass Splash; Bigger Bass Bonanza; Buffalo King Megaways; Chilli Heat;
        Cleocatra; Extra Juicy; Fire Strike; Floating Dragon; Fruit Party; Fruit Party 2; Gates
        of Olympus; Gates of Olympus 1000; Gems Bonanza; Great Rhino Megaways; Hot Fiesta; John
        Hunter and the Tomb of the Scarab Queen; Juicy Fruits; Madame Destiny Megaways; Mustang
        Gold; Power of Thor Megaways; Release the Kraken; Starlight Princess; Starlight Princess
        1000; Sugar Rush; Sugar Rush 1000; Sweet Bonanza; Sweet Bonanza 1000; Sweet Bonanza
        Xmas; The Dog House; The Dog House Megaways; The Hand of Midas; Wild West Gold; Wisdom
        of Athena; Wolf Gold; Zeus vs Hades""",
    "Hacksaw Gaming": """
        Beam Boys; Bouncy Bombs; Chaos Crew; Chaos Crew 2; Cubes; Cursed Crypt; Densho; Dork
        Unit; Drop'em; Dusk Princess; Fist of Destruction; Forest Fortune; Frutz; Gladiator
        Legends; Hand of Anubis; Hop'n'Pop; Itero; Joker Bombs; Le Bandit; Le Cowboy; Le
        Pharaoh; Le Zeus; Mayan Stackways; Miami Multiplier; Octo Attack; RIP City; Rocket
        Reels; Stack'em; Stick'em; The Bowery Boys; Toshi Video Club; Undead Fortune; Wanted
        Dead or a Wild; Xpander""",
    "Nolimit City": """
        Barbarian Fury; Bonus Bunnies; Book of Shadows; Buffalo Hunter; Bushido Ways; Das xBoot;
        Dead Canary; Deadwood; Deadwood R.I.P.; East Coast vs West Coast; El Paso Gunfight; Evil
        Goblins; Fire in the Hole; Fire in the Hole 2; Folsom Prison; Infectious 5; Jack the
        Ripper; Karen Maneater; Legion X; Mental; Mental 2; Misery Mining; Pearl Harbor; Punk
        Rocker; Punk Toilet; Remember Gulag; Road Rage; San Quentin; San Quentin 2; Serial;
        Tanked; The Border; The Cage; The Crypt; Tombstone; Tombstone No Mercy; Tombstone
        R.I.P.; True Grit Redemption; Walk of Shame; Warrior Graveyard""",
    "Play'n GO": """
        Book of Dead; Charlie Chance; Fire Joker; Gemix; Gerard's Gambit; Gold Trophy 2; Golden
        Ticket; Hugo; Legacy of Dead; Legacy of Egypt; Moon Princess; Moon Princess 100; Mystery
        Joker; Reactoonz; Reactoonz 2; Rich Wilde and the Amulet of Dead; Rich Wilde and the
        Tome of Madness; Rise of Merlin; Rise of Olympus; Rise of Olympus 100; Tome of Madness;
        Viking Runecraft; Wild Falls""",
    "NetEnt": """
        Blood Suckers; Dazzle Me; Dead or Alive; Dead or Alive 2; Divine Fortune; Finn and the
        Swirly Spin; Fruit Shop; Gonzo's Quest; Gonzo's Quest Megaways; Guns N' Roses; Jack and
        the Beanstalk; Jimi Hendrix; Jumanji; Mega Joker; Motorhead; Narcos; Spinata Grande;
        Starburst; Starburst XXXtreme; Steam Tower; Twin Spin; Twin Spin Megaways; Vikings;
        Warlords Crystals of Power""",
    "Big Time Gaming": """
        Apollo Pays; Bonanza; Danger High Voltage; Extra Chilli; Golden Catch; Holy Diver;
        Kingmaker; Lil' Devil; Max Megaways; Millionaire; Monopoly Megaways; Outlaw; Queen of
        Riches; Royal Mint; Star Clusters Megaclusters; The Final Countdown; White Rabbit; Wild
        Flower""",
    "Relax Gaming": """
        Banana Town; Beast Mode; Book of Power; Dead Man's Trail; Deep Descent; Helios' Fury;
        Hellcatraz; Iron Bank; Iron Bank 2; Marching Legions; Mega Flip; Money Cart 2; Money
        Cart 4; Money Train; Money Train 2; Money Train 3; Money Train 4; Net Gains; Snake
        Arena; Spirit of the Beast; Temple Tumble Megaways; The Great Pigsby; TNT Tumble; Top
        Dawg$; Wild Chapo; Wildchemy""",
    "Push Gaming": """
        Big Bamboo; Big Bite; Blaze of Ra; Deadly 5; Dinopolis; Fat Banker; Fat Drac; Fat
        Rabbit; Fat Santa; Fire Hopper; Fish 'n' Nudge; Generous Jack; Giga Jar; Jammin' Jars;
        Jammin' Jars 2; Land of Zenith; Mad Cars; Mount Magmas; Mystery Museum; Nightfall; Razor
        Returns; Razor Shark; Retro Sweets; Retro Tapes; Santa Hopper; Space Stacks; The Shadow
        Order; Tiki Tumble; Wheel of Wonders; Wild Swarm; Wild Swarm 2""",
    "ELK Studios": """
        Bompers; Book of Toro; Cygnus; Ecuador Gold; Hidden; Kaiju; Katmandu Gold; Nitropolis;
        Nitropolis 2; Nitropolis 3; Nitropolis 4; Pirots; Pirots 2; Pirots 3; Taco Brothers;
        Tahiti Gold; Toro 7s; Wild Toro; Wild Toro 2""",
    "Thunderkick": """
        Beat the Beast: Griffin's Gold; Carnival Queen; Esqueleto Explosivo; Esqueleto Explosivo
        2; Flame Busters; Fruit Warp; Midas Golden Touch; Pink Elephants; Pink Elephants 2;
        Riders of the Storm; Sunken Treasure; The Wildos; Xterminate; Zoom""",
    "Blueprint Gaming": """
        Buffalo Rising Megaways; Diamond Mine; Eye of Horus; Fishin' Frenzy; Fishin' Frenzy
        Megaways; Genie Jackpots; King Kong Cash; Ted; The Goonies; Wish Upon a Jackpot""",
    "Novomatic": """
        Book of Ra; Book of Ra Deluxe; Dolphin's Pearl; Lord of the Ocean; Lucky Lady's Charm;
        Sizzling Hot Deluxe""",
    "Print Studios": """
        Book of Destruction; Crystal Golem; Darkness; Hammer of Gods; Holy Hand Grenade; Pine of
        Plinko; Royal Potato; Royal Potato 2""",
    "Avatar UX": """
        BountyPop; CherryPop; HippoPop; LollyPop; MonkeyPop; PapayaPop; PiggyPop; PopRocks;
        TikiPop; WildPops""",
    "Red Tiger": """
        Bass Boss; Dragon's Luck; Gonzo's Gold; Mystery Reels; Piggy Riches Megaways; Pirates'
        Plenty; Rainbow Jackpots; Reel King Mega; Thor's Lightning""",
    "Quickspin": """
        Big Bad Wolf; Big Bad Wolf Megaways; Eastern Emeralds; Sakura Fortune; Sticky Bandits;
        Wild Chase""",
    "Yggdrasil": """
        Golden Fish Tank; Raptor DoubleMax; Valley of the Gods; Vault of Anubis; Vikings Go
        Berzerk; Vikings Go Wild""",
    "Shuffle": """
        Blackjack; Crash; Dice; Keno; Limbo; Mines; Plinko; Tower""",
}

GAMES = tuple(
    Game(" ".join(title.split()), provider)
    for provider, titles in _TITLES.items()
    for title in titles.split(";")
)
