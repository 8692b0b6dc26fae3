"""Every package with music that the project knows, in sets; to train on other music, change a line here.

A licence is what the package's copyright file says about its music; if files differ, it says "by file", and the
copyright file next to the tracks says which. Every artist is in `corpus.splits` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from editorbot.errors import NotFoundError
from tools.music import Layout, Package

LEAST_S = 50.0
"""Shortest track that is taken from the games added later [seconds]: shorter ones are jingles or effects."""

AS_LONG_AS_A_TEST_TRACK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0ad-data": ("Celtica.ogg",),
        "freedroidrpg-data": ("NewTutorialStage.ogg", "town.ogg"),
        "frozen-bubble-data": ("frozen-mainzik-1p.ogg", "frozen-mainzik-2p.ogg"),
        "hedgewars-data": ("Fruit.ogg", "Halloween.ogg", "Olympics.ogg", "main_theme.ogg", "pirate.ogg"),
        "naev-data": ("combat3.ogg", "void_sensor.ogg"),
        "openclonk-data": ("UrbanBolero.ogg",),
        "pushover-data": ("toxcity.ogg",),
        "supertux-data": ("forest-sprint.ogg", "ghostforest.ogg", "voc-daytime.ogg"),
        "supertuxkart-data": ("SkyVibe-HighFrequency.ogg", "win_theme.ogg"),
    }
)
"""Tracks as long as one of the test set, to a quarter of a second. Their spectra say that none is the same music; they
are left out of what is learned from all the same."""

NOT_WANTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "flare-game": ("wind_ambient.ogg",),  # wind
        "starfighter-data": ("through_space.ogg",),  # singularity-music has it too: a test artist
    }
)
"""Tracks among the music of a game that must not, or need not, be trained on."""

FIRST: tuple[Package, ...] = (
    Package(
        "fretsonfire-songs-muldjord", "CC-BY-SA-3.0", "usr/share/games/fretsonfire/data/songs/*/*/*.ogg", 4, "stems"
    ),
    Package("zaz-data", "CC-BY-SA-3.0", "usr/share/games/zaz/mus*.ogg", 4),
    Package("singularity-music", "CC-BY-SA-3.0", "usr/share/games/singularity/music/*.ogg", 16),
    Package("colobot-common-sounds", "GPL-3+", "usr/share/games/colobot/music/*.ogg", 21),
    Package("hyperrogue-music", "CC-BY-SA-3.0", "usr/share/hyperrogue/music/*.ogg", 17),
    Package("nexuiz-music", "GPL-2+", "*/music.pk3", 17, "zip", "sound/cdtracks/*.ogg", ("thunder.ogg",)),
    Package("freedoom", "BSD-3-Clause", "*.wad", 66, "wad"),
    Package("openarena-088-data", "GPL-2", "*/pak6-patch088.pk3", 7, "zip", "music/*.ogg"),
    Package("planetblupi-music-midi", "GPL-3+", "*/music/*.mid", 10),
    Package("planetblupi-music-ogg", "GPL-3+", "*/music/*.ogg", 10),
    Package("ufoai-music", "CC-BY-SA, CC-BY or GPL-2, by file", "*/0music.pk3", 64, "zip", "music/*.ogg"),
    Package("warzone2100-music", "CC-BY-SA-3.0 or GPL-2+, by file", "*/music/*.opus", 30),
    Package("asc-music", "GPL-2+", "*/music/*.mp3", 3),
    Package("wesnoth-1.16-music", "GPL-2+", "*/music/*.ogg", 40, left_out=("silence.ogg",)),
    Package("timgm6mb-soundfont", "GPL-2", "usr/share/sounds/sf2/*.sf2", 1),
    Package("hydrogen-data", "GPL-2+ and others, by kit", "*/drumkits/*/*", 0),
)
"""The first packages; all that is reported on, or played from notes, is among them."""


def _game(
    name: str, licence: str, inside: str, tracks: int, layout: Layout = "files", tracks_inside: str = "*"
) -> Package:
    """Make a package that was added later: a whole game's data, with effects and jingles among its music."""
    left_out = AS_LONG_AS_A_TEST_TRACK.get(name, ()) + NOT_WANTED.get(name, ())
    return Package(name, licence, inside, tracks, layout, tracks_inside, left_out, LEAST_S)


LATER: tuple[Package, ...] = (
    _game("0ad-data", "CC-BY-SA-3.0", "*/public.zip", 59, "zip", "audio/music/*.ogg"),
    _game("adonthell-data", "GPL-2+", "*/wastesedge/audio/*.ogg", 7),
    _game("ardentryst", "CC-BY-SA-3.0", "*/Music/*.ogg", 8),
    _game("berusky2-data", "GPL-2+", "*/berusky2/music/*.ogg", 21),
    _game("btanks-data", "GPL-2 with an exception for the game's owner", "*/data/tunes/*.ogg", 5),
    # Every language of the game has links to the same tracks.
    _game("drascula-music", "Drascula's own: free to copy and change, not to sell alone", "*/drascula/audio/*.ogg", 25),
    _game("enigma-data", "GPL-2", "*/enigma/music/*.ogg", 9),
    _game("extremetuxracer-data", "GPL-2+", "*/etr/music/*.ogg", 6),
    _game("fillets-ng-data", "GPL-2", "*/fillets-ng/music/*.ogg", 12),
    _game("flare-game", "CC-BY-SA-3.0+", "*/fantasycore/music/*.ogg", 11),
    _game("freedroidrpg-data", "GPL-2+", "*/sound/music/*.ogg", 14),
    _game("freeorion-data", "CC-BY-SA-3.0", "*/data/sound/*.ogg", 1),
    _game("fretsonfire-songs-sectoid", "MIT", "*/data/songs/*/*/*.ogg", 4, "stems"),
    _game("frozen-bubble-data", "GPL-2", "*/snd/*.ogg", 1),
    _game("glob2-data", "GPL-3+", "*/data/zik/*.ogg", 3),
    _game("hedgewars-data", "GPL-2", "*/Data/Music/*.ogg", 21),
    _game("hex-a-hop-data", "CC-BY-SA-3.0", "*/music-*.ogg", 3),
    _game("lincity-ng-data", "GPL-2+", "*/lincity-ng/music/*.ogg", 3),
    _game("lordsawar-data", "GPL-3+", "*/lordsawar/music/*.ogg", 5),
    _game("lugaru-data", "GPL-2+", "*/Sounds/Music*.ogg", 1),
    _game("marsshooter-data", "CC-BY-SA-3.0", "*/marsshooter/audio/*.ogg", 12),
    _game("megaglest-data", "CC-BY-SA-3.0", "*/music/*.ogg", 8),
    _game("mu-cade-data", "BSD-2-Clause", "*/sounds/musics/*.ogg", 4),
    _game("naev-data", "GPL-2+, GPL-3, CC-BY-3.0 or CC-BY-SA-3.0, by file", "*/snd/music/*.ogg", 47),
    _game("noiz2sa-data", "BSD-2-Clause", "*/noiz2sa/sounds/*.ogg", 7),
    _game("openclonk-data", "ISC, CC-BY-3.0 or CC0, by file", "*/Music.ocg/*.ogg", 7),
    _game("plee-the-bear-data", "CC-BY-SA-3.0", "*/plee-the-bear/music/*.ogg", 3),
    _game("powermanga-data", "GPL-3+", "*/music_*.ogg", 3),
    _game("pushover-data", "GPL-3+", "*/pushover/themes/*.ogg", 8),
    _game(
        "redeclipse-data",
        "CC-BY-SA-3.0+ or CC0, by file",
        "*/sounds/music/*.ogg|*/data/sounds/theme.ogg|*/data/sounds/original.ogg|*/data/maps/*.ogg",
        15,
    ),
    _game("rrootage-data", "BSD-2-Clause", "*/rrootage/sounds/*.ogg", 2),
    _game("scorched3d-data", "GPL-2+", "*/data/music/*.ogg", 3),
    _game("starfighter-data", "GPL-2+", "*/starfighter/music/*.ogg", 10),
    _game("supertux-data", "GPL-2+", "*/supertux2/music/*.ogg", 39),
    _game(
        "supertuxkart-data", "CC-BY-SA-3.0, CC-BY-SA-4.0 or GPL, by file", "*/data/music/*.ogg|*/data/tracks/*.ogg", 36
    ),
    _game("torcs-data", "GPL-2+", "*/data/music/*.ogg", 1),
    _game("torus-trooper-data", "BSD-2-Clause", "*/sounds/musics/*.ogg", 4),
    _game("trackballs-data", "GPL-2+ or Ethymonics Free Music License, by file", "*/trackballs/music/*.ogg", 9),
    _game("tumiki-fighters-data", "BSD-2-Clause", "*/tumiki-fighters/sounds/*.ogg", 2),
    _game("tuxfootball", "GPL-2+", "*/tuxfootball/sound/*.ogg", 1),
    _game("unknown-horizons", "CC-BY-SA-3.0", "*/audio/music/*.ogg", 15),
    _game("warmux-data", "GPL-2+", "*/warmux/music/*.ogg", 13),
    _game("widelands-data", "GPL-2+ or CC-BY-SA-3.0, by file", "*/data/music/*.ogg", 30),
    _game("xmoto-data", "GPL-2+", "*/Textures/Musics/*.ogg", 7),
)
"""Added later, to train on more artists."""

PACKAGES = FIRST + LATER
"""All known packages."""

SMALL_SET = (
    "fretsonfire-songs-muldjord",
    "zaz-data",
    "nexuiz-music",
    "freedoom",
    "planetblupi-music-midi",
    "timgm6mb-soundfont",
)
"""Enough to try training and reporting."""

SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "small": SMALL_SET,
        "standard": tuple(package.name for package in FIRST),
        "all": tuple(package.name for package in PACKAGES),
    }
)
"""Name of a set -> the packages in it: 155 MB, 930 MB and 7.6 GB to fetch."""


def package_named(name: str) -> Package:
    """Find a package.

    Raises
    ------
    NotFoundError
        If it is none of PACKAGES; the message lists them.
    """
    for package in PACKAGES:
        if package.name == name:
            return package
    raise NotFoundError(f"{name!r} is no known package; choose among {', '.join(one.name for one in PACKAGES)}")
