"""The four boards, in the order in which somebody with a problem opens them."""

from .elements import BOARD as ELEMENTS
from .fleet import BOARD as FLEET
from .leak_hunt import BOARD as LEAK_HUNT
from .server import BOARD as SERVER

BOARDS = (FLEET, SERVER, LEAK_HUNT, ELEMENTS)
